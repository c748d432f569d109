import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { encodeFrame } from "../framing/dlt645/frame.ts";
import { RequestLine } from "../framing/request-line.ts";
import { ScriptedLine } from "../framing/test-support/scripted-line.ts";
import { spoil } from "../framing/test-support/spoil.ts";
import { seededRandom, VirtualTimers } from "../framing/test-support/virtual-timers.ts";
import { Dlt645Meter, dlt645Timing } from "./dlt645-meter.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Identifiers and their bytes, least significant first; every value differs from every other. */
const registers: ReadonlyMap<string, string> = new Map([
  ["00ff0100", "11 00 00 00 12 00 00 00"],
  ["00ff0200", "21 00 00 00 22 00 00 00"],
  ["00000000", "31 00 00 80"],
  ["00ff0302", "41 00 00 42 00 00 43 00 00 44 00 80"],
  ["00ff0102", "01 22 02 22 03 22"],
  ["00ff0202", "51 00 00 52 00 00 53 00 80"],
  ["02008002", "98 49"],
  ["00ff0602", "01 09 02 09 03 09 04 89"],
]);
const truth = new Map([
  ["energy.import.total", "110e0"],
  ["energy.import.t1", "120e0"],
  ["energy.export.total", "210e0"],
  ["energy.export.t1", "220e0"],
  ["energy.combined.total", "-310e0"],
  ["power.total", "41e-1"],
  ["power.l1", "42e-1"],
  ["power.l2", "43e-1"],
  ["power.l3", "-44e-1"],
  ["voltage.l1", "2201e-1"],
  ["voltage.l2", "2202e-1"],
  ["voltage.l3", "2203e-1"],
  ["current.l1", "51e-3"],
  ["current.l2", "52e-3"],
  ["current.l3", "-53e-3"],
  ["frequency", "4998e-2"],
  ["pf.total", "901e-3"],
  ["pf.l1", "902e-3"],
  ["pf.l2", "903e-3"],
  ["pf.l3", "-904e-3"],
]);

function setUp() {
  const timers = new VirtualTimers();
  const line = new ScriptedLine(timers);
  const requests = new RequestLine({
    name: "line",
    line,
    timers,
    random: () => 0,
    ...dlt645Timing,
  });
  const address = "000000000161";
  const meter = new Dlt645Meter({ line: requests, clock: () => utcMs(0), address });
  /** The meter's answer to a request, which four FE bytes lead. */
  const answer = (request: Uint8Array): Buffer => {
    const identifier = Buffer.from(request.slice(14, 18).map((byte) => byte - 0x33)).toString(
      "hex",
    );
    const value = registers.get(identifier);
    if (value === undefined) {
      return Buffer.from(encodeFrame({ address, control: 0xd1, data: hex("02") }));
    }
    return Buffer.from(encodeFrame({ address, control: 0x91, data: hex(identifier + value) }));
  };
  return { timers, line, meter, answer };
}

test("an answer with another identifier or address is not taken", async () => {
  const { timers, line, meter, answer } = setUp();
  const other = { address: "000000000162", control: 0x91, data: hex("00ff0100 99 99 00 00") };
  const late = { address: "000000000161", control: 0x91, data: hex("00ff0302 99 99 09") };
  line.reply = (request) => [
    { ms: 5, bytes: encodeFrame(other) },
    { ms: 6, bytes: encodeFrame(late) },
    { ms: 30, bytes: answer(request) },
  ];
  const { values } = await timers.run(meter.read());
  assert.equal(values.find(({ obis }) => obis === "1-0:1.8.0")?.mantissa, 110);
});

test("on a bad line values are missing at times, and never wrong", async () => {
  const { timers, line, meter, answer } = setUp();
  const random = seededRandom(645);
  const faults = { dropped: 0.05, late: 0.1, lateMs: 900, damaged: 0.1, noise: 0.2, cut: 0.05 };
  line.reply = (request) => spoil(answer(request), faults, random);
  let values = 0;
  let timeouts = 0;
  for (let i = 0; i < 400; i += 1) {
    try {
      const reading = await timers.run(meter.read());
      for (const { quantity, mantissa, exponent } of reading.values) {
        assert.equal(`${mantissa}e${exponent}`, truth.get(quantity), quantity);
        values += 1;
      }
    } catch (error) {
      assert.equal((error as { code?: string }).code, "meter.timeout");
      timeouts += 1;
    }
  }
  assert.ok(values > 5000 && timeouts < 60, `${values} values, ${timeouts} timeouts`);
});

test("an address that is none is refused", () => {
  const line = new ScriptedLine(new VirtualTimers());
  const timers = new VirtualTimers();
  const requests = new RequestLine({ name: "l", line, timers, random: () => 0, ...dlt645Timing });
  for (const address of ["", "12A4", "1234567890123"]) {
    assert.throws(() => new Dlt645Meter({ line: requests, clock: () => utcMs(0), address }), {
      code: "meter.address",
    });
  }
});
