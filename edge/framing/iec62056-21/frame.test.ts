import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TelegramEntry } from "../telegram.ts";
import { decodeIec62056 } from "./capture.ts";
import { parseReadout } from "./content.ts";
import { parseDataSets, shapeOf } from "./data-sets.ts";
import { type Expected, type IecMessage, iecFramer, readoutBytesMax } from "./frame.ts";
import { parseObis } from "./obis.ts";
import { toSevenEven } from "./parity.ts";
import {
  damagedAce3000,
  easymeterPush,
  easymeterTail,
  landis,
  logarex,
} from "./test-support/vectors.ts";
import { meterTime } from "./time.ts";

const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
const sevenEven = (bytes: Uint8Array): Uint8Array =>
  toSevenEven(Buffer.from(bytes).toString("latin1"));

function messages(chunks: readonly Uint8Array[], expected: Expected = "any") {
  const framer = iecFramer(expected);
  return [...chunks.flatMap((chunk) => [...framer.push(chunk)]), ...framer.end()];
}

const readouts = (found: ReturnType<typeof messages>): IecMessage[] =>
  found.flatMap((item) =>
    item.kind === "telegram" && (item.telegram.kind === "readout" || item.telegram.kind === "push")
      ? [item.telegram]
      : [],
  );

function only(bytes: Uint8Array): TelegramEntry & { ok: true } {
  const [entry, ...rest] = [...decodeIec62056(bytes)];
  assert.ok(entry?.ok === true && rest.length === 0, JSON.stringify([entry, rest]));
  return entry;
}

const reading = (entry: TelegramEntry & { ok: true }, obis: string) =>
  entry.readings.find((found) => found.obis === obis);

test("a mode C dialog decodes to one readout, exact, with the meter's number and type", () => {
  const { request, identification, acknowledgement, readout } = logarex;
  const entry = only(join(request, identification, acknowledgement, readout));
  assert.equal(entry.protocol, "iec62056-21");
  assert.equal(entry.address, "001LOG0065282495");
  assert.equal(entry.offset, request.length + identification.length + acknowledgement.length);
  assert.equal(entry.readings[0]?.text, "LOG LK123");
  assert.deepEqual(reading(entry, "1-0:1.8.0"), {
    obis: "1-0:1.8.0",
    quantity: "energy.import.total",
    value: "15882.6927",
    unit: "kWh",
    scaler: -4,
  });
  assert.equal(reading(entry, "1-0:14.7.0")?.value, "49.9");
});

test("a value of an earlier period is not the register", () => {
  const entry = only(join(logarex.identification, logarex.readout));
  assert.equal(reading(entry, "1-0:1.8.0*99")?.quantity, "stored.energy.import.total");
  assert.equal(entry.readings.filter(({ obis }) => obis === "1-0:1.8.0").length, 1);
});

test("a block check that is a line feed is a block check", () => {
  const entry = only(join(landis.identification, landis.readout));
  assert.equal(reading(entry, "1-1:1.8.0")?.value, "94.5");
  assert.equal(reading(entry, "1-1:36.7.0")?.value, "-0.82");
  assert.equal(reading(entry, "1-1:56.7.0")?.value, "1.67");
  assert.equal(reading(entry, "1-1:131.7.0")?.quantity, "reactive.total");
  assert.deepEqual(reading(entry, "1-1:1.6.0"), {
    obis: "1-1:1.6.0",
    quantity: "other",
    value: "10.102",
    unit: "kW",
    scaler: -3,
    time: "2021-04-07T00:15:00",
  });
});

test("a readout that was recorded damaged is refused, with its offset", () => {
  const entries = [...decodeIec62056(damagedAce3000)];
  assert.ok(entries.length > 0 && entries.every(({ ok }) => !ok));
  const [first] = entries;
  assert.deepEqual(first?.ok === false && [first.code, first.offset], ["frame.character", 29]);
});

test("a readout with a wrong block check is refused whole", () => {
  const wrong = logarex.readout.with(60, 0x39);
  const [entry, ...rest] = [...decodeIec62056(join(logarex.identification, wrong))];
  assert.ok(entry?.ok === false && rest.length === 0);
  assert.equal(entry.code, "frame.bcc");
  assert.equal(entry.bytes.split(" ").length, wrong.length);
});

test("a pushed readout keeps all seven decimals, and what a gateway adds is no part of it", () => {
  const [entry, tail] = [...decodeIec62056(join(easymeterPush, easymeterTail))];
  assert.ok(entry?.ok === true && tail?.ok === false);
  assert.equal(entry.address, "0272031312565");
  assert.equal(reading(entry, "1-0:1.8.0")?.value, "52185.7825309");
  assert.equal(reading(entry, "1-0:21.7.0")?.quantity, "power.import.l1");
  assert.equal(tail.code, "frame.noise");
});

test("the end of a readout whose start is missing is no pushed readout", () => {
  const { identification, readout } = logarex;
  const [entry] = [...decodeIec62056(join(identification, readout.slice(1)))];
  assert.equal(entry?.ok === false && entry.code, "frame.no-start");
});

test("a live identification is told at its line end, a live pushed readout at its own", () => {
  const polled = iecFramer("polled");
  const [item] = [...polled.push(logarex.identification)];
  assert.equal(item?.kind === "telegram" && item.telegram.kind, "identification");
  const pushed = iecFramer("pushed");
  const [telegram] = [...pushed.push(easymeterPush)];
  assert.equal(telegram?.kind === "telegram" && telegram.telegram.kind, "push");
});

test("with parity and without it a dialog is the same", () => {
  const { request, identification, acknowledgement, readout } = logarex;
  const all = [request, identification, acknowledgement, readout];
  const kinds = (parts: readonly Uint8Array[]) =>
    messages(parts).map((item) => item.kind === "telegram" && { ...item.telegram, carried: "" });
  assert.deepEqual(kinds(all.map(sevenEven)), kinds(all));
});

const good = [
  join(logarex.identification, logarex.readout),
  sevenEven(join(logarex.identification, logarex.readout)),
  join(landis.identification, landis.readout),
  easymeterPush,
  sevenEven(easymeterPush),
];
const spice = fc.constantFrom(
  ...[..."/!\r\n(*)0\x02\x03\x06?"].map((c) => c.charCodeAt(0)),
  0xaf,
  0x82,
);
const noiseBytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.array(spice, { maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
  fc.tuple(fc.constantFrom(...good), fc.nat(300)).map(([bytes, at]) => bytes.slice(0, at)),
);

function chunked(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
}

test("property: any chunking gives the same items", () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Expected>("polled", "pushed", "any"),
      fc.array(fc.oneof(fc.constantFrom(...good), noiseBytes), { maxLength: 3 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (expected, parts, cuts) => {
        const bytes = join(...parts);
        assert.deepEqual(messages(chunked(bytes, cuts), expected), messages([bytes], expected));
      },
    ),
    { numRuns: 100 },
  );
});

test("property: noise before, between and after costs no readout and makes none", () => {
  // A readout that breaks off may be completed by the noise only with the right block check.
  const polled = fc.constantFrom(...good.slice(0, 3));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(noiseBytes, polled), { maxLength: 3 }),
      noiseBytes,
      (parts, last) => {
        const found = readouts(messages([...parts.flat(), last], "polled"));
        assert.deepEqual(
          found,
          parts.flatMap(([, sent]) => readouts(messages([sent], "polled"))),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test("property: no single damaged, lost or added character passes the block check", () => {
  const { readout } = logarex;
  fc.assert(
    fc.property(
      fc.nat(readout.length - 1),
      fc.integer({ min: 1, max: 127 }),
      fc.nat(2),
      (at, byte, how) => {
        const change = how === 0 ? (readout[at] ?? 0) ^ byte : byte;
        const put = how === 1 ? [] : [change];
        const rest = readout.slice(how === 2 ? at : at + 1);
        const damaged = join(readout.slice(0, at), Uint8Array.from(put), rest);
        const beside = readouts(messages([landis.readout], "polled"))[0];
        const found = readouts(messages([landis.readout, damaged, landis.readout], "polled"));
        const same = latin1(damaged).includes(latin1(readout));
        assert.deepEqual(
          found.filter((one) => JSON.stringify(one) !== JSON.stringify(beside)).length,
          same ? 1 : 0,
        );
        assert.equal(
          found.filter((one) => JSON.stringify(one) === JSON.stringify(beside)).length,
          2,
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("property: any text is parsed without throwing, and every value is a plain decimal", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."01.:-*()&\r\n kWhCF"), maxLength: 120 }),
      (text) => {
        for (const { value } of parseReadout(text, undefined).readings) {
          assert.match(value ?? "0", /^-?\d+(\.\d+)?$/);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("what is held back is bounded, whatever comes", () => {
  for (const endless of ["\x02", "\x021-0:1.8.0(1*kWh)\r\n", "/ABC5x\r\n1.8.0(1)\r\n", "/"]) {
    const framer = iecFramer("any");
    let held = 0;
    for (let at = 0; at < 100_000; at += 4096) {
      const chunk = Buffer.from(endless.repeat(Math.ceil(4096 / endless.length)).slice(0, 4096));
      for (const item of framer.push(at === 0 ? chunk : Buffer.from("0".repeat(4096)))) {
        assert.equal(item.kind, "damage");
      }
      held = Math.max(held, framer.bufferedBytes);
    }
    assert.ok(held <= readoutBytesMax + 4096, `${held} bytes`);
  }
});

test("ids are OBIS codes, whole, reduced and in letters", () => {
  const texts = ["1-0:1.8.0*255", "1.8.1", "C.1", "F.F", "1.8.0*01", "1.8.0&1", "1-0:1.7.255*255"];
  assert.deepEqual(
    texts.map((text) => parseObis(text)?.text),
    [
      "1-0:1.8.0",
      "1-0:1.8.1",
      "0-0:96.1.0",
      "0-0:97.97.0",
      "1-0:1.8.0*1",
      "1-0:1.8.0*1",
      "1-0:1.7.0",
    ],
  );
  for (const text of ["", "x", "0.5.1.2", "1-0:1.8.256", "1.8.0*999"])
    assert.equal(parseObis(text), undefined);
});

test("times of all forms are read, and a time that cannot be is none", () => {
  assert.equal(meterTime("2104070015", 60), "2021-04-07T00:15:00");
  assert.equal(meterTime("1190711111500", 60), "2019-07-11T11:15:00");
  assert.equal(meterTime("210408202443S", 60), "2021-04-08T20:24:43+02:00");
  assert.equal(meterTime("210108202443W", 0), "2021-01-08T20:24:43+00:00");
  for (const text of ["0000000000", "632525252525S", "210230000000W", "2104070015S", ""]) {
    assert.equal(meterTime(text, 60), undefined, text);
  }
});

test("several data sets on a line, and one over two lines, are each read", () => {
  const { sets, strange } = parseDataSets(
    "1.8.1(1*kWh)1.8.2(2*kWh)\r\n0-1:24.3.0(a)(m3)\r\n(3)\r\nbad\r\n",
  );
  assert.deepEqual(
    sets.map(({ id, values }) => [id, values.length]),
    [
      ["1.8.1", 1],
      ["1.8.2", 1],
      ["0-1:24.3.0", 3],
    ],
  );
  assert.deepEqual(
    strange.map(({ text }) => text),
    ["bad"],
  );
});

test("a meter's shape stays while it counts and changes with a lost digit", () => {
  const shape = (text: string) => shapeOf(parseDataSets(text));
  assert.equal(shape("1.8.0(0012.5*kWh)1.7.0(9*W)"), shape("1.8.0(0013.1*kWh)1.7.0(12*W)"));
  assert.notEqual(shape("1.8.0(0012.5*kWh)"), shape("1.8.0(012.5*kWh)"));
});
