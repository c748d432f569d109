import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeDlt645 } from "./capture.ts";
import { encodeFrame, meansAddress, parseAddress } from "./frame.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** The values of a capture as "quantity obis value unit", texts in quotes; refusals as their code. */
function lines(text: string): string[] {
  return [...decodeDlt645(hex(text))].flatMap((entry) =>
    entry.ok
      ? entry.readings.map(({ quantity, obis = "-", value, unit, text: said }) =>
          said === undefined
            ? `${quantity} ${obis} ${value ?? "?"} ${unit}`.trim()
            : `${quantity} "${said}"`,
        )
      : [`${entry.code} at ${entry.offset}`],
  );
}

// Recorded from meter 000000000161 and published with the values that its reader showed:
// hwhale.com/article/138066 and wenku.baidu.com/view/cc10838283d049649b66580d.html.
const recorded161: readonly (readonly [string, string])[] = [
  [
    "68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8a 16",
    "energy.import.total 1-0:1.8.0 0.26 kWh",
  ],
  [
    "68 61 01 00 00 00 00 68 91 08 33 33 35 33 59 34 33 33 8c 16",
    "energy.export.total 1-0:2.8.0 1.26 kWh",
  ],
  [
    "68 61 01 00 00 00 00 68 91 08 33 33 36 33 59 33 34 33 8d 16",
    "reactive_energy.combined1.total - 100.26 kvarh",
  ],
  [
    "68 61 01 00 00 00 00 68 91 08 33 33 37 33 56 33 34 33 8b 16",
    "reactive_energy.combined2.total - 100.23 kvarh",
  ],
  ["68 61 01 00 00 00 00 68 91 06 33 34 34 35 34 43 10 16", "voltage.l1 1-0:32.7.0 100.1 V"],
  ["68 61 01 00 00 00 00 68 91 07 33 34 35 35 cc 7c 33 16 16", "current.l1 1-0:31.7.0 4.999 A"],
  ["68 61 01 00 00 00 00 68 91 07 33 33 36 35 45 58 33 6b 16", "power.total 1-0:16.7.0 0.2512 kW"],
  ["68 61 01 00 00 00 00 68 91 07 33 33 37 35 64 76 33 a9 16", "reactive.total - 0.4331 kvar"],
  [
    "68 61 01 00 00 00 00 68 91 07 33 33 38 35 39 83 33 8c 16",
    "apparent.total 1-0:9.7.0 0.5006 kVA",
  ],
  ["68 61 01 00 00 00 00 68 91 06 33 33 39 35 34 38 09 16", "pf.total 1-0:13.7.0 0.501"],
];

test("a recorded single value is the one that the reader of its time showed", () => {
  for (const [bytes, line] of recorded161) assert.deepEqual(lines(bytes), [line]);
});

// Recorded from meter 201000000012, with its values beside: Server.java of the Java program
// com.sansheng.testcenter.
test("a block has the total, then its tariffs", () => {
  const bytes =
    "68 12 00 00 00 10 20 68 91 18 33 32 34 33 5c 34 33 33 95 33 33 33 93 33 33 33 36 33 33 33 35 33 33 33 74 16";
  assert.deepEqual(lines(bytes), [
    "energy.import.total 1-0:1.8.0 1.29 kWh",
    "energy.import.t1 1-0:1.8.1 0.62 kWh",
    "energy.import.t2 1-0:1.8.2 0.60 kWh",
    "energy.import.t3 1-0:1.8.3 0.03 kWh",
    "energy.import.t4 1-0:1.8.4 0.02 kWh",
  ]);
});

test("a phase that the meter does not have is unknown, not 0", () => {
  assert.deepEqual(lines("68 12 00 00 00 10 20 68 91 0a 33 32 34 35 89 55 32 32 32 32 21 16"), [
    "voltage.l1 1-0:32.7.0 225.6 V",
    "voltage.l2 1-0:52.7.0 ? V",
    "voltage.l3 1-0:72.7.0 ? V",
  ]);
});

test("date, time and address are texts", () => {
  const stream =
    "68 12 00 00 00 10 20 68 91 08 34 34 33 37 34 44 34 49 72 16" +
    "68 12 00 00 00 10 20 68 91 07 35 34 33 37 88 86 54 df 16" +
    "68 12 00 00 00 10 20 68 93 06 45 33 33 33 43 53 1f 16";
  assert.deepEqual(lines(stream), [
    'clock.date "2016-01-11"',
    'clock.time "21:53:55"',
    'meter.address "201000000012"',
  ]);
});

test("what a meter refuses is a refusal with its reason", () => {
  const [entry] = decodeDlt645(hex("68 12 00 00 00 10 20 68 d1 01 35 19 16"));
  assert.ok(entry?.ok === false);
  assert.equal(entry.code, "dlt645.refused");
  assert.match(entry.message, /201000000012 refuses: no such data/);
});

// Recorded from meter 181226034194 at 9600 baud, in a comment of its reader's source (sourceCM.c).
test("a preamble is neither damage nor part of the telegram", () => {
  const stream =
    "fe fe fe fe 68 94 41 03 26 12 18 68 93 06 c7 74 36 59 45 4b eb 16" +
    "fe fe fe fe 68 94 41 03 26 12 18 68 91 0a 33 32 34 35 36 56 33 33 33 33 b9 16" +
    "fe fe fe fe 68 94 41 03 26 12 18 68 91 0d 33 32 35 35 bb 34 33 33 33 33 33 33 33 b9 16";
  assert.deepEqual(lines(stream), [
    'meter.address "181226034194"',
    "voltage.l1 1-0:32.7.0 230.3 V",
    "voltage.l2 1-0:52.7.0 0.0 V",
    "voltage.l3 1-0:72.7.0 0.0 V",
    "current.l1 1-0:31.7.0 0.188 A",
    "current.l2 1-0:51.7.0 0.000 A",
    "current.l3 1-0:71.7.0 0.000 A",
  ]);
});

// github.com/zcx1218029121/go645 Protocol_test.go: an answer and the requests of two addresses.
test("requests carry no readings", () => {
  const [entry, request] = decodeDlt645(
    hex("681401003182216891083333343339333333f116 68610100000000681104333334331416"),
  );
  assert.ok(entry?.ok && request?.ok);
  assert.deepEqual([entry.address, entry.readings[0]?.value], ["218231000114", "0.06"]);
  assert.deepEqual([request.address, request.readings], ["000000000161", []]);
});

test("our requests are the published ones, byte for byte", () => {
  const address = parseAddress("161") ?? "";
  const read = encodeFrame({ address, control: 0x11, data: hex("00 00 01 00") });
  assert.deepEqual(read, hex("68 61 01 00 00 00 00 68 11 04 33 33 34 33 14 16"));
  const find = encodeFrame({ address: "AAAAAAAAAAAA", control: 0x13, data: hex("") });
  assert.deepEqual(find, hex("68 aa aa aa aa aa aa 68 13 00 df 16"));
  assert.ok(meansAddress("AAAAAAAAAA61", address) && !meansAddress("AAAAAAAAAA62", address));
});

const address = "000000000161";
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const answer = (control: number, data: string) =>
  text(encodeFrame({ address, control, data: hex(data) }));

test("the top bit is the sign where there is one, and no digit where there is none", () => {
  assert.deepEqual(lines(answer(0x91, "00 00 03 02 34 12 80")), [
    "power.total 1-0:16.7.0 -0.1234 kW",
  ]);
  assert.deepEqual(lines(answer(0x91, "00 00 00 00 50 00 00 80")), [
    "energy.combined.total - -0.50 kWh",
  ]);
  assert.deepEqual(lines(answer(0x91, "00 00 01 00 50 00 00 80")), [
    "energy.import.total 1-0:1.8.0 800000.50 kWh",
  ]);
  assert.deepEqual(lines(answer(0x91, "00 00 01 00 50 00 00 a0")), [
    "energy.import.total 1-0:1.8.0 ? kWh",
  ]);
  assert.deepEqual(lines(answer(0x91, "00 00 03 02 00 00 80")), [
    "power.total 1-0:16.7.0 0.0000 kW",
  ]);
});

test("a block in several telegrams gives its values with the last, even cut through a value", () => {
  const parts = [
    answer(0xb1, "00 ff 01 00 29 01 00"),
    answer(0xb2, "00 ff 01 00 00 62 00 01"),
    answer(0x92, "00 ff 01 00 00 00 02"),
  ];
  assert.deepEqual(lines(parts.join("")), [
    "energy.import.total 1-0:1.8.0 1.29 kWh",
    "energy.import.t1 1-0:1.8.1 0.62 kWh",
  ]);
  assert.deepEqual(lines(`${parts[0]}${parts[2]}`), ["dlt645.continuation at 19"]);
});

test("bytes that cannot be the value are refused, unknown identifiers are shown as they are", () => {
  assert.deepEqual(lines(answer(0x91, "00 00 01 00 29 01 00")), ["dlt645.length at 0"]);
  assert.deepEqual(lines(answer(0x91, "00 00")), ["dlt645.short at 0"]);
  assert.deepEqual(lines(answer(0x91, "01 02 03 05 29 01")), ['dlt645.05030201 "2901"']);
});

test("garbage under any identifier gives entries, never an exception", () => {
  const identifiers = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.constantFrom("00ff0100", "00ff0102", "02008002", "01010004", "0b040004").map(hex),
  );
  fc.assert(
    fc.property(
      identifiers,
      fc.uint8Array({ maxLength: 196 }),
      fc.integer({ min: 0, max: 255 }),
      (identifier, payload, control) => {
        const data = Buffer.concat([identifier, payload]);
        const entries = [...decodeDlt645(encodeFrame({ address, control, data }))];
        assert.equal(entries.length, 1);
        for (const entry of entries) {
          if (!entry.ok) continue;
          for (const { value = "0" } of entry.readings) assert.match(value, /^-?\d+(\.\d+)?$/);
        }
      },
    ),
    { numRuns: 500 },
  );
});
