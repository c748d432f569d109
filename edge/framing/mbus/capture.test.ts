import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TelegramEntry } from "../telegram.ts";
import { decodeMbus } from "./capture.ts";
import { encodeLong } from "./frame.ts";
import { encodeSelect, meansMeter, parseSecondary, readHeader } from "./header.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

type Good = Extract<TelegramEntry, { ok: true }>;

function good(text: string): Good {
  const [entry, ...more] = decodeMbus(hex(text));
  assert.deepEqual(more, []);
  assert.ok(entry?.ok, JSON.stringify(entry));
  return entry;
}

/** "quantity obis value unit"; texts in quotes, unknown values as "?". */
const lines = ({ readings }: Good): string[] =>
  readings.map(({ quantity, obis = "-", value = "?", unit, text }) =>
    text === undefined ? `${quantity} ${obis} ${value} ${unit}`.trim() : `${quantity} "${text}"`,
  );

// The frames below are recorded ones, kept with their meaning in github.com/rscada/libmbus under
// test/test-frames; the file is named at each.

test("FIN-Finder-7E.23.8.230.0020: one phase, with the maker's own VIFE for it", () => {
  const entry = good(
    `68 38 38 68 08 19 72 07 62 00 23 2e 19 23 02 92 00 00 00 8c 10 04 68 28 17 00 8c 11 04 68 28
     17 00 02 fd c9 ff 01 e6 00 02 fd db ff 01 06 00 02 ac ff 01 09 00 82 40 ac ff 01 fd ff 5b 16`.replace(
      /\s/g,
      "",
    ),
  );
  assert.equal(entry.address, "230062072E192302");
  assert.deepEqual(lines(entry), [
    "energy.import.t1 1-0:1.8.1 1728680 Wh",
    "energy.import.t1.storage2 - 1728680 Wh",
    "voltage.l1 1-0:32.7.0 230 V",
    "current.l1 1-0:31.7.0 0.6 A",
    "power.l1 1-0:36.7.0 90 W",
    "power.l1.unit1 - -30 W",
  ]);
});

test("EMU_EMU-Professional-375-M-Bus: three phases, minima, maxima, signed values", () => {
  const entry = good(
    `68 f4 f4 68 08 00 72 29 26 03 00 b5 15 10 02 02 00 00 00 0c 78 29 26 03 00 84 10 03 54 05 00 00
     84 20 03 00 00 00 00 84 90 40 03 ae 1e 00 00 84 a0 40 03 00 00 00 00 04 ab ff 01 fe ff ff ff
     04 ab ff 02 00 00 00 00 04 ab ff 03 00 00 00 00 04 2b fe ff ff ff 84 80 40 ab ff 01 0e 00 00 00
     84 80 40 ab ff 02 00 00 00 00 84 80 40 ab ff 03 00 00 00 00 84 80 40 2b 0e 00 00 00
     02 fd c8 ff 01 d1 08 02 fd c8 ff 02 00 00 02 fd c8 ff 03 00 00 22 fd c8 ff 01 52 07
     22 fd c8 ff 02 00 00 22 fd c8 ff 03 00 00 12 fd c8 ff 01 6a 09 12 fd c8 ff 02 00 00
     12 fd c8 ff 03 00 00 03 fd d9 ff 01 be ff ff 03 fd d9 ff 02 00 00 00 03 fd d9 ff 03 00 00 00
     03 fd 59 be ff ff 01 ff e1 ff 01 0d 01 ff e1 ff 02 00 01 ff e1 ff 03 00 02 ff 52 f4 01
     02 fd 60 38 00 01 fd 17 00 74 16`.replace(/\s/g, ""),
  );
  const found = lines(entry);
  assert.equal(found.length, 32);
  for (const line of [
    'meter.number "00032629"',
    "energy.import.t1 1-0:1.8.1 1364 Wh",
    "energy.import.t1.unit2 - 7854 Wh",
    "power.l1 1-0:36.7.0 -2 W",
    "power.total 1-0:16.7.0 -2 W",
    "power.total.unit2 - 14 W",
    "voltage.l1 1-0:32.7.0 225.7 V",
    "voltage.l1.minimum - 187.4 V",
    "voltage.l1.maximum - 241.0 V",
    "current.l1 1-0:31.7.0 -0.066 A",
    // Beside the phases' currents this is their sum, which has no code.
    "current - -0.066 A",
    "reset_counter - 56",
    'error_flags "0"',
  ]) {
    assert.ok(found.includes(line), line);
  }
});

test("nzr_dhz_5_63: values of one phase have the codes of any phase", () => {
  const entry = good(
    "68 32 32 68 08 05 72 08 06 10 30 52 3b 01 02 01 00 00 00 04 03 fa 04 00 00 04 83 7f fa 04 00 00 02 fd 48 44 09 02 fd 5b 00 00 02 2b 00 00 0c 78 08 06 10 30 0f 0e 71 16",
  );
  assert.deepEqual(lines(entry), [
    "energy.import.total 1-0:1.8.0 1274 Wh",
    "energy.import.total.ff - 1274 Wh",
    "voltage 1-0:12.7.0 237.2 V",
    "current 1-0:11.7.0 0.0 A",
    "power.total 1-0:16.7.0 0 W",
    'meter.number "30100608"',
  ]);
});

test("ELS_Elster-F96-Plus: invalid digits are unknown, values have their dates, heat no code", () => {
  const entry = good(
    `68 68 68 68 08 00 72 51 39 49 44 93 15 2f 04 a1 70 00 00 0c 06 00 00 00 00 8c 10 06 00 00 00 00
     8c 20 13 00 00 00 00 0c 13 00 00 00 00 3c 2b bd eb dd dd 3b 3b bd eb dd 0a 5a 27 02 0a 5e 26 02
     0a 62 01 00 0a 27 30 07 04 6d 09 0d cd 13 4c 06 00 00 00 00 4c 13 00 00 00 00 cc 10 06 00 00 00
     00 cc 20 13 00 00 00 00 42 6c bf 15 40 16`.replace(/\s/g, ""),
  );
  assert.equal(entry.time, "2014-03-13T13:09");
  const found = lines(entry);
  for (const line of [
    "power.total.error - ? W",
    "volume_flow.error - ? m3/h",
    "temperature.flow - 22.7 C",
    "operating_time - 730 d",
    "heat - 0 Wh",
  ]) {
    assert.ok(found.includes(line), line);
  }
  const stored = entry.readings.filter(({ quantity }) => quantity.endsWith(".storage1"));
  assert.deepEqual(new Set(stored.slice(0, 4).map(({ time }) => time)), new Set(["2013-05-31"]));
  assert.equal(entry.readings.filter(({ obis }) => obis !== undefined).length, 0);
});

test("abb_delta: ABB's subunits are its registers; DIF 1Fh ends the telegram", () => {
  const entry = good(
    `68 98 98 68 08 01 72 12 34 56 78 42 04 02 02 45 00 00 00 0e 84 00 00 00 00 00 00 00
     8e 10 84 00 00 00 00 00 00 00 8e 20 84 00 00 00 00 00 00 00 8e b0 00 84 00 00 00 00 00 00 00
     8e 80 10 84 00 00 00 00 00 00 00 8e 80 40 84 00 00 00 00 00 00 00 8e 90 40 84 00 00 00 00 00 00 00
     8e a0 40 84 00 00 00 00 00 00 00 8e b0 40 84 00 00 00 00 00 00 00 8e 80 50 84 00 00 00 00 00 00 00
     01 ff 93 00 00 0c ff 92 00 00 00 00 01 07 fd 97 00 00 00 00 00 00 00 00 00 01 ff 98 00 00 1f 75 16`.replace(
      /\s/g,
      "",
    ),
  );
  const coded = lines(entry).filter((line) => line.includes("1-0:"));
  assert.deepEqual(coded.slice(0, 7), [
    "energy.import.total 1-0:1.8.0 0 Wh",
    "energy.import.t1 1-0:1.8.1 0 Wh",
    "energy.import.t2 1-0:1.8.2 0 Wh",
    "energy.import.t3 1-0:1.8.3 0 Wh",
    "energy.import.t4 1-0:1.8.4 0 Wh",
    "reactive_energy.import.total 1-0:3.8.0 0 varh",
    "reactive_energy.import.t1 1-0:3.8.1 0 varh",
  ]);
});

test("emh_diz, example_binary16_lvar, example_plain_text_placement: tariffs, binary and text", () => {
  const emh =
    "68 21 21 68 08 01 72 02 37 62 00 a8 15 00 02 07 00 00 00 8c 10 04 09 04 00 00 c4 00 2a 00 00 00 00 01 fd 17 00 8c 16";
  assert.equal(lines(good(emh))[0], "energy.import.t1 1-0:1.8.1 4090 Wh");
  const binary =
    "68 25 25 68 08 00 72 00 00 00 00 cd 25 01 02 00 00 00 00 0d 7c 02 57 50 f0 96 07 5b 2a 27 a6 93 01 3d b5 1a b3 dc d1 3e 17 d5 16";
  assert.deepEqual(lines(good(binary)), ['mbus.text "173ed1dcb31ab53d0193a6272a5b0796"']);
  const plain =
    "68 19 19 68 08 02 72 78 56 34 12 24 40 01 07 55 00 00 00 03 fc 20 03 43 42 41 15 31 00 7f 16";
  assert.deepEqual(lines(good(plain)), ["mbus.text.e20 - 12565 ABC"]);
});

/** An answer of a meter TST 12345678, an electricity meter, with these records. */
const answer = (records: string, ci = 0x72) =>
  Buffer.from(
    encodeLong({
      control: 0x08,
      address: 1,
      ci,
      data: Buffer.concat([hex("78563412 7452 01 02 01 00 00 00"), hex(records)]),
    }),
  ).toString("hex");

test("numbers are exact in every coding, and what the meter does not know is unknown", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["04 03 01 02 03 04", "67305985 Wh"],
    ["02 2b ff ff", "-1 W"],
    ["02 2b 00 80", "? W"],
    ["06 03 ff ff ff ff ff 7f", "140737488355327 Wh"],
    ["07 03 ff ff ff ff ff ff ff 7f", "? Wh"],
    ["05 2b 00 00 48 c2", "-50 W"],
    ["05 2b cd cc cc 3d", "0.1 W"],
    ["05 2b 00 00 c0 7f", "? W"],
    ["0a 2b 34 12", "1234 W"],
    ["0a 2b 34 f2", "-234 W"],
    ["0a 2b ff ff", "? W"],
    ["0b 2b 4a 32 10", "? W"],
    ["0d 2b c2 34 12", "1234 W"],
    ["0d 2b d2 34 12", "-1234 W"],
    ["04 07 01 00 00 00", "10000 Wh"],
    ["04 00 01 00 00 00", "0.001 Wh"],
    ["04 83 74 01 00 00 00", "0.01 Wh"],
    ["04 83 7d 01 00 00 00", "1000 Wh"],
    ["04 83 15 01 00 00 00", "? Wh"],
  ];
  for (const [record, expected] of cases) {
    assert.ok(lines(good(answer(record)))[0]?.endsWith(expected), `${record}: ${expected}`);
  }
});

test("direction and phase of the standard's VIFEs make the code", () => {
  assert.deepEqual(
    lines(good(answer("04 83 3c 05 00 00 00 04 83 fc 02 06 00 00 00 02 fd c8 fc 03 e7 08"))),
    [
      "energy.export.total 1-0:2.8.0 5 Wh",
      "energy.import.l2 1-0:41.8.0 6 Wh",
      "voltage.l3 1-0:72.7.0 227.9 V",
    ],
  );
});

test("two values under one code have none", () => {
  assert.deepEqual(lines(good(answer("02 2b 01 00 02 2b 02 00"))), [
    "power.total - 1 W",
    "power.total - 2 W",
  ]);
});

test("times that a calendar does not have, or that are marked invalid, are unknown", () => {
  const time = (record: string) => good(answer(record)).readings[0]?.text;
  assert.equal(time("04 6d 1e 37 e5 26"), "2023-06-05T23:30");
  assert.equal(time("06 6d 2d 1e 17 e5 26 00"), "2023-06-05T23:30:45");
  assert.equal(time("02 6c 5d 22"), undefined);
  assert.equal(time("02 6c ff ff"), undefined);
  assert.equal(time("04 6d 9e 17 e5 26"), undefined);
  assert.equal(time("04 6d 1e 18 e5 26"), undefined);
});

test("what cannot be read is refused with the place", () => {
  const refusal = (text: string) => {
    const [entry] = decodeMbus(hex(text));
    assert.ok(entry !== undefined && !entry.ok);
    return `${entry.code} ${/at byte (\d+)/.exec(entry.message)?.[1]}`;
  };
  assert.equal(refusal(answer("04 03 01 02")), "mbus.cut 21");
  assert.equal(refusal(answer(`84 ${"80".repeat(10)} 00 03`)), "mbus.chain 30");
  assert.equal(refusal(answer("3f 03")), "mbus.dif 19");
  assert.equal(refusal(answer("0d 2b ff")), "mbus.length 21");
  assert.equal(refusal(answer("", 0x73)), "mbus.ci 7");
  const encrypted = hex(answer("2f 2f"));
  encrypted[18] = 5;
  encrypted[encrypted.length - 2] = (encrypted.at(-2) ?? 0) + 5;
  assert.equal(refusal(Buffer.from(encrypted).toString("hex")), "mbus.encrypted 17");
});

test("mode 2 turns every value round", () => {
  const entry = good(
    Buffer.from(
      encodeLong({
        control: 0x08,
        address: 1,
        ci: 0x76,
        data: hex("12345678 5274 01 02 01 00 00 00 04 03 00 00 01 00"),
      }),
    ).toString("hex"),
  );
  assert.equal(entry.address, "1234567874520102");
  assert.deepEqual(lines(entry), ["energy.import.total 1-0:1.8.0 256 Wh"]);
});

test("a meter is selected by digits, F standing for any", () => {
  assert.deepEqual(
    encodeSelect(parseSecondary("12345678") ?? ""),
    hex("68 0b 0b 68 53 fd 52 78 56 34 12 ff ff ff ff b2 16"),
  );
  const head = readHeader(0x72, hex("78563412 7452 01 02 01 00 00 00"));
  assert.ok(head.ok && head.header.meter !== undefined);
  assert.equal(head.header.meter.manufacturer, "TST");
  for (const [pattern, meant] of [
    ["12345678", true],
    ["123FFFFF", true],
    ["1234567874520102", true],
    ["12345679", false],
    ["1234567874520103", false],
  ] as const) {
    assert.equal(meansMeter(parseSecondary(pattern) ?? "", head.header.meter), meant, pattern);
  }
  assert.equal(parseSecondary("1234567"), undefined);
});

test("garbage as records gives one entry, never an exception, and only exact decimals", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 240 }),
      fc.constantFrom(0x72, 0x76, 0x7a),
      (data, ci) => {
        const entries = [...decodeMbus(encodeLong({ control: 8, address: 1, ci, data }))];
        assert.equal(entries.length, 1);
        for (const entry of entries) {
          if (!entry.ok) continue;
          for (const { value = "0" } of entry.readings) assert.match(value, /^-?\d+(\.\d+)?$/);
        }
      },
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 230 }), (records) => {
      const [entry] = decodeMbus(hex(answer(Buffer.from(records).toString("hex"))));
      assert.ok(entry !== undefined);
    }),
    { numRuns: 500 },
  );
});
