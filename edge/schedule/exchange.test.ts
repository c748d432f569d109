import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure, quality, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { testSigner } from "../../test/support/memory-registry.ts";
import { openDatabase } from "../journal/database.ts";
import { Journal } from "../journal/journal.ts";
import { type FinalDisplay, finalEntry } from "./exchange.ts";
import { MeterMemory } from "./memory.ts";

const [taken, given] = ["1-0:1.8.0", "1-0:2.8.0"] as const;
const hour = 3_600_000;

/** A meter that showed 12 345.000 kWh taken and 7.5 kWh given at hour 1. */
function setUp() {
  const journal = new Journal(openDatabase(":memory:"), { chain: "demo", signer: testSigner(5) });
  const memory = new MeterMemory(journal);
  const registers = new Map([
    [taken, [12_345_000, 0]],
    [given, [75, 2]],
  ] as const);
  memory.take("m", hour, { serial: "A", profile: "p", registers });
  const end = (display: FinalDisplay, meter = "m") =>
    finalEntry(memory, { meter, display, time: 2 * hour, clock: 16 });
  return { memory, end };
}

test("the final reading is what the display showed, and the other register as it was known", () => {
  const { end } = setUp();
  assert.deepEqual(end({ import: "12345.6" }), {
    time: utcMs(2 * hour),
    clock: 16,
    registers: new Map([
      [taken, [12_345_600, 0]],
      [given, [75, 2]],
    ]),
    quality: quality.substituted,
  });
  assert.deepEqual(end({ import: " 12345,601 ", export: "8" })?.registers.get(given), [8_000, 0]);
  assert.equal(end({}), undefined);
});

test("a final reading tells of a reset that the ledger has not heard of, for it falls with it", () => {
  const { memory, end } = setUp();
  // After the reset the export did not answer: the ledger passes over such an entry.
  const half = { serial: "A", profile: "p", registers: new Map([[taken, [4_000, 0]]] as const) };
  assert.equal(memory.judge("m", half), quality.reset);
  memory.take("m", hour + 1, half);
  assert.equal(end({ import: "5" })?.quality, quality.reset);
});

const wrong: readonly (readonly [string, FinalDisplay, string])[] = [
  ["less than was read already", { import: "12344.9" }, "replace.less"],
  ["a point that slipped", { import: "123456" }, "replace.more"],
  ["words", { import: "about 12345" }, "replace.kwh"],
  ["nothing", { import: "" }, "replace.kwh"],
  ["less than zero", { export: "-8" }, "replace.kwh"],
  ["more than any meter shows", { import: "1e30" }, "replace.kwh"],
];
for (const [name, display, code] of wrong) {
  test(`a final reading is refused: ${name}`, () => {
    assert.throws(() => setUp().end(display), { code });
  });
}

test("a meter without readings, and a register that it never showed, are refused", () => {
  const { memory, end } = setUp();
  assert.throws(() => end({ import: "1" }, "other"), { code: "replace.unknown" });
  memory.take("n", hour, { serial: undefined, registers: new Map([[taken, [5, 0]]]) });
  assert.throws(() => end({ export: "1" }, "n"), { code: "replace.register" });
});

test("whatever is typed, it is an entry that can follow, or a refusal", () => {
  const text = fc.oneof(
    fc.string(),
    fc.float({ noNaN: true }).map(String),
    fc.integer({ min: 12_000_000, max: 12_400_000 }).map((n) => String(n / 1000)),
  );
  fc.assert(
    fc.property(text, (typed) => {
      try {
        const [mantissa, exponent] = setUp().end({ import: typed })?.registers.get(taken) ?? [];
        assert.ok(mantissa !== undefined && exponent !== undefined);
        assert.ok(mantissa * 10 ** exponent >= 12_345_000);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
    }),
  );
});

test("what is read after an exchange is the first of another meter, whatever it shows", () => {
  const { memory } = setUp();
  memory.exchanged("m", 2 * hour);
  const shown = {
    serial: "A",
    profile: "p",
    registers: new Map([[taken, [99_000_000, 0]]] as const),
  };
  assert.equal(memory.judge("m", shown), quality.replaced);
  memory.take("m", 3 * hour, shown);
  assert.equal(memory.judge("m", shown), quality.measured);
});
