import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toSevenEven } from "../iec62056-21/parity.ts";
import type { TelegramEntry, TelegramReading } from "../telegram.ts";
import { decodeDsmr } from "./capture.ts";
import { crc16Arc } from "./crc16-arc.ts";
import { type Checksum, dsmrFramer, telegramBytesMax } from "./frame.ts";
import {
  ellevioSe,
  fluviusBe,
  fluviusPeaksBe,
  iskraV22,
  kaifaNl,
  sagemcomAt,
  sagemcomNl,
  smartyLu,
  wire,
} from "./test-support/vectors.ts";

const decode = (bytes: Uint8Array, checksum: Checksum = "required") => [
  ...decodeDsmr(bytes, { checksum }),
];

function only(bytes: Uint8Array, checksum?: Checksum): TelegramEntry & { ok: true } {
  const [entry, ...rest] = decode(bytes, checksum);
  assert.ok(entry?.ok === true && rest.length === 0, JSON.stringify(entry));
  return entry;
}

const reading = (entry: TelegramEntry & { ok: true }, obis: string): TelegramReading | undefined =>
  entry.readings.find((found) => found.obis === obis);

function framed(chunks: readonly Uint8Array[], checksum: Checksum = "required") {
  const framer = dsmrFramer(checksum);
  return [...chunks.flatMap((chunk) => [...framer.push(chunk)]), ...framer.end()];
}

const telegrams = (found: ReturnType<typeof framed>) =>
  found.flatMap((item) => (item.kind === "telegram" ? [item.telegram] : []));

test("CRC-16/ARC of its catalogued check string is BB3D", () => {
  assert.equal(crc16Arc(Buffer.from("123456789")), 0xbb3d);
});

test("a recorded Dutch telegram decodes exactly, with its time, serial number and gas meter", () => {
  const entry = only(sagemcomNl);
  assert.equal(entry.protocol, "dsmr");
  assert.equal(entry.address, "E0047000007630817");
  assert.equal(entry.time, "2017-11-05T20:13:24+01:00");
  assert.deepEqual(reading(entry, "1-0:1.8.1"), {
    obis: "1-0:1.8.1",
    quantity: "energy.import.t1",
    value: "51.775",
    unit: "kWh",
    scaler: -3,
  });
  assert.deepEqual(reading(entry, "0-1:24.2.1"), {
    obis: "0-1:24.2.1",
    quantity: "ch1.gas",
    value: "16.713",
    unit: "m3",
    scaler: -3,
    time: "2017-11-05T20:10:00+01:00",
  });
  assert.equal(reading(entry, "0-1:96.1.0")?.text, "G0058530001163217");
  assert.equal(reading(entry, "0-0:96.7.21")?.value, "3");
});

test("recorded telegrams of five countries have the checksum they say", () => {
  assert.equal(reading(only(kaifaNl), "1-0:1.7.0")?.value, "2.027");
  assert.equal(reading(only(kaifaNl), "1-0:99.97.0")?.quantity, "outages.log");
  assert.equal(only(fluviusBe).address, "1SAG3100215264");
  assert.equal(only(fluviusBe).time, "2021-04-08T20:24:43+02:00");
  assert.equal(reading(only(fluviusBe), "0-1:24.2.3")?.value, "371.471");
  assert.deepEqual(reading(only(fluviusPeaksBe), "1-0:1.6.0"), {
    obis: "1-0:1.6.0",
    quantity: "demand.import.max",
    value: "1.811",
    unit: "kW",
    scaler: -3,
    time: "2024-07-07T19:15:00+02:00",
  });
  assert.equal(reading(only(ellevioSe), "1-0:3.8.0")?.quantity, "reactive_energy.import.total");
  assert.equal(reading(only(ellevioSe), "1-0:71.7.0")?.quantity, "current.l3");
  assert.deepEqual(reading(only(sagemcomAt), "1-0:1.8.0"), {
    obis: "1-0:1.8.0",
    quantity: "energy.import.total",
    value: "6545766",
    unit: "Wh",
    scaler: 0,
  });
});

test("a limit of all nines is no limit, not a number", () => {
  const limit = reading(only(fluviusBe), "0-0:17.0.0");
  assert.equal(limit?.value, undefined);
  assert.equal(limit?.text, "999.9");
});

test("a counter of a sub-meter without unit or with an impossible time is unknown, never 0", () => {
  const entry = (line: string) => {
    const body = `/KFM5KAIFA-METER\r\n\r\n0-1:24.1.0(003)\r\n${line}\r\n!`;
    return only(wire(`${body.replaceAll("\r", "")}${hex4(body)}\n`));
  };
  for (const line of [
    "0-1:24.2.1(632525252525S)(00000.000)",
    "0-1:24.2.1(700101010000W)(00000000)",
  ])
    assert.equal(reading(entry(line), "0-1:24.2.1")?.value, undefined);
});

const hex4 = (body: string) =>
  crc16Arc(Buffer.from(body, "latin1")).toString(16).toUpperCase().padStart(4, "0");

test("a telegram without a checksum is read only where that was allowed", () => {
  const [refusal] = decode(iskraV22);
  assert.ok(refusal?.ok === false);
  assert.equal(refusal.code, "frame.no-crc");
  const entry = only(iskraV22, "optional");
  assert.deepEqual(reading(entry, "0-1:24.2.1"), {
    obis: "0-1:24.2.1",
    quantity: "ch1.gas",
    value: "1.001",
    unit: "m3",
    scaler: -3,
    time: "2016-11-07T19:00:00",
  });
});

test("7E1 characters on a line that is set to 8N1 are read, and a wrong parity bit is seen", () => {
  const sevenEven = toSevenEven(Buffer.from(iskraV22).toString("latin1"));
  assert.deepEqual(only(sevenEven, "optional").readings, only(iskraV22, "optional").readings);
  const broken = sevenEven.with(60, (sevenEven[60] ?? 0) ^ 1);
  assert.deepEqual(
    decode(broken, "optional").map((entry) => !entry.ok && entry.code),
    ["frame.parity"],
  );
});

test("where there is no checksum, a telegram that lost its end does not swallow the next", () => {
  const cut = iskraV22.subarray(0, 160);
  const found = framed([cut, iskraV22], "optional");
  assert.equal(telegrams(found).length, 1);
  assert.deepEqual(telegrams(found), telegrams(framed([iskraV22], "optional")));
});

test("a checksum without its leading zeros is read", () => {
  for (let i = 0; ; i += 1) {
    const body = `/KFM5KAIFA-METER\r\n\r\n1-0:1.8.1(${String(i).padStart(6, "0")}.578*kWh)\r\n!`;
    const crc = crc16Arc(Buffer.from(body));
    if (crc > 0xfff) continue;
    const unpadded = Buffer.from(`${body}${crc.toString(16)}\r\n`);
    assert.equal(reading(only(unpadded), "1-0:1.8.1")?.quantity, "energy.import.t1");
    assert.equal(telegrams(framed([unpadded, kaifaNl])).length, 2);
    return;
  }
});

test("an encrypted telegram is refused by name, whole, and the next one is read", () => {
  const [first, second, ...rest] = decode(Buffer.concat([smartyLu, kaifaNl]));
  assert.ok(first?.ok === false && second?.ok === true && rest.length === 0);
  assert.equal(first.code, "frame.encrypted");
  assert.equal(first.offset, 0);
  assert.equal(first.bytes.split(" ").length, smartyLu.length);
  assert.match(first.message, /grid operator/);
});

test("an encrypted telegram is told as soon as it is whole", () => {
  const framer = dsmrFramer("required");
  const [item] = [...framer.push(smartyLu)];
  assert.equal(item?.kind === "damage" && item.reason, "encrypted");
});

test("a capture whose line ends were converted says so", () => {
  const converted = Buffer.from(Buffer.from(kaifaNl).toString("latin1").replaceAll("\r\n", "\n"));
  const [entry] = decode(converted);
  assert.equal(entry?.ok === false && entry.code, "frame.line-ends");
});

test("a damaged telegram is one entry with its offset, between its neighbours", () => {
  const damaged = kaifaNl.with(200, 0x39);
  const found = decode(Buffer.concat([sagemcomNl, damaged, Buffer.from("xyz"), kaifaNl]));
  assert.deepEqual(
    found.map((entry) => (entry.ok ? "ok" : [entry.code, entry.offset])),
    [
      "ok",
      ["frame.crc", sagemcomNl.length],
      ["frame.noise", sagemcomNl.length + kaifaNl.length],
      "ok",
    ],
  );
});

const all = [kaifaNl, sagemcomNl, fluviusBe, fluviusPeaksBe, ellevioSe, sagemcomAt];
const telegram = fc.constantFrom(...all);
const spice = fc.constantFrom(
  ..."/!\r\n(*)012AF".split("").map((c) => c.charCodeAt(0)),
  0xdb,
  8,
  0xaf,
);
const noiseBytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.array(spice, { maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
  // A telegram that breaks off, or whose start was missed.
  fc.tuple(telegram, fc.nat(300)).map(([bytes, at]) => bytes.slice(0, at)),
  fc.tuple(telegram, fc.integer({ min: 1, max: 300 })).map(([bytes, at]) => bytes.slice(-at)),
);
const runs = { numRuns: 150 };

function chunked(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, i) => bytes.slice(at[i], end));
}

test("property: any chunking gives the same items", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(telegram, noiseBytes), { maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (parts, cuts) => {
        const bytes = Uint8Array.from(Buffer.concat(parts));
        assert.deepEqual(framed(chunked(bytes, cuts)), framed([bytes]));
        assert.deepEqual(framed(chunked(bytes, cuts), "optional"), framed([bytes], "optional"));
      },
    ),
    runs,
  );
});

test("property: noise before, between and after costs no telegram and makes none", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(noiseBytes, telegram), { maxLength: 4 }),
      noiseBytes,
      (parts, last) => {
        const found = telegrams(framed([...parts.flat(), last]));
        assert.deepEqual(
          found,
          parts.flatMap(([, sent]) => telegrams(framed([sent]))),
        );
      },
    ),
    runs,
  );
});

test("property: damage inside a telegram costs that one and none beside it", () => {
  fc.assert(
    fc.property(telegram, fc.nat(), noiseBytes, fc.nat(20), (sent, at, put, lost) => {
      const from = at % sent.length;
      const damaged = Buffer.concat([sent.subarray(0, from), put, sent.subarray(from + lost)]);
      const beside = telegrams(framed([kaifaNl]))[0];
      const found = telegrams(framed([kaifaNl, damaged, kaifaNl]));
      const [first, ...between] = found.slice(0, -1);
      assert.deepEqual([first, found.at(-1)], [beside, beside]);
      const right = telegrams(framed([sent]))[0];
      for (const given of between) {
        // A tail of one telegram in the noise may complete nothing; what is given was sent.
        assert.ok(
          [right, ...all.map((one) => telegrams(framed([one]))[0])].some((one) => same(one, given)),
        );
      }
    }),
    runs,
  );
});

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

test("property: the parser takes any text without throwing", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."01.:-*()/!\r\nkWhCFS".split("")), maxLength: 200 }),
      (text) => {
        const body = `/KFM5KAIFA-METER\r\n\r\n${text.replaceAll("!", "")}\r\n!`;
        for (const entry of decode(Buffer.from(`${body}${hex4(body)}\r\n`))) {
          assert.ok(entry.ok, JSON.stringify(entry));
          for (const { value } of entry.readings) assert.match(value ?? "0", /^-?\d+(\.\d+)?$/);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("what is held back is bounded, whatever comes", () => {
  for (const endless of ["/KFM5KAIFA\r\n(", "/", "/KFM5\r\n1-0:1.8.0(1*kWh)\r\n"]) {
    const framer = dsmrFramer("optional");
    const bytes = Buffer.from(endless.repeat(Math.ceil(60_000 / endless.length)));
    let held = 0;
    for (let at = 0; at < bytes.length; at += 512) {
      for (const item of framer.push(bytes.subarray(at, at + 512))) {
        assert.ok(item.kind === "damage" && item.bytes.length <= telegramBytesMax);
      }
      held = Math.max(held, framer.bufferedBytes);
    }
    assert.ok(held <= telegramBytesMax + 1, `${held} bytes`);
  }
});
