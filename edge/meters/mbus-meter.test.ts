import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { encodeLong } from "../framing/mbus/frame.ts";
import { RequestLine } from "../framing/request-line.ts";
import { ScriptedLine } from "../framing/test-support/scripted-line.ts";
import { spoil } from "../framing/test-support/spoil.ts";
import { seededRandom, VirtualTimers } from "../framing/test-support/virtual-timers.ts";
import { MbusMeter, mbusTiming } from "./mbus-meter.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Two telegrams of the meter at an address: its energy and its power say whose they are. */
const telegram = (address: number, part: 0 | 1) =>
  encodeLong({
    control: 0x08,
    address,
    ci: 0x72,
    data: Buffer.concat([
      hex(`0${address}000000 b5 15 01 02 01 00 00 00`),
      part === 0 ? hex(`04 03 0${address} 01 00 00 1f`) : hex(`02 2b 0${address} 02`),
    ]),
  });

/** The meters 1 and 2 on one line; the second telegram follows the first when the bit toggles. */
function setUp() {
  const timers = new VirtualTimers();
  const line = new ScriptedLine(timers);
  const options = { name: "line", line, timers, random: () => 0, ...mbusTiming };
  const requests = new RequestLine(options);
  const meters = ["1", "2"].map(
    (address) => new MbusMeter({ line: requests, clock: () => utcMs(0), address }),
  );
  const state = new Map<number, { part: 0 | 1; control: number }>();
  const answer = ([, control = 0, address = 0]: Uint8Array): Uint8Array => {
    if (control === 0x40) {
      state.delete(address);
      return hex("e5");
    }
    const before = state.get(address);
    const part = before !== undefined && before.control !== control ? 1 : (before?.part ?? 0);
    state.set(address, { part, control });
    return telegram(address, part);
  };
  return { timers, line, meters, answer };
}

test("an answer of another meter is not taken", async () => {
  const { timers, line, meters, answer } = setUp();
  line.reply = (request) => [
    { ms: 5, bytes: telegram(2, 0) },
    { ms: 30, bytes: answer(request) },
  ];
  const reading = await timers.run(meters[0]?.read() ?? Promise.reject());
  assert.deepEqual(
    reading.values.map(({ mantissa }) => mantissa),
    [257, 513],
  );
});

test("on a bad line values are missing at times, and never those of another meter", async () => {
  const { timers, line, meters, answer } = setUp();
  const random = seededRandom(13757);
  const faults = { dropped: 0.05, late: 0.1, lateMs: 1500, damaged: 0.1, noise: 0.2, cut: 0.05 };
  line.reply = (request) => spoil(answer(request), faults, random);
  let values = 0;
  let timeouts = 0;
  for (let i = 0; i < 600; i += 1) {
    const own = 1 + (i % 2);
    try {
      const reading = await timers.run(meters[own - 1]?.read() ?? Promise.reject());
      for (const { obis, mantissa } of reading.values) {
        if (obis === undefined) continue;
        assert.equal(mantissa, own + (obis === "1-0:1.8.0" ? 256 : 512));
        values += 1;
      }
    } catch (error) {
      assert.equal((error as { code?: string }).code, "meter.timeout");
      timeouts += 1;
    }
  }
  assert.ok(values > 900 && timeouts < 100, `${values} values, ${timeouts} timeouts`);
});
