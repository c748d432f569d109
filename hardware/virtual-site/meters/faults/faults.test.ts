import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Bank } from "../bank.ts";
import { crcHolds, withCrc } from "../crc16.ts";
import { faultyQuantities, tornBank } from "./device-faults.ts";
import { seededRandom } from "./dice.ts";
import { type Faults, faultsShape, parseFaults } from "./faults.ts";
import { LineFaults } from "./line-faults.ts";
import { TcpFaults } from "./tcp-faults.ts";

const request = withCrc(Uint8Array.of(7, 4, 0, 10, 0, 2));
const frame = withCrc(Uint8Array.of(7, 4, 4, 1, 2, 3, 4));

/** What the line brings in place of one answer, at a moment. */
function line(faults: Faults, seed = 1) {
  const made = new LineFaults({ faultsOf: () => faults, random: seededRandom(seed) });
  const ask = () => withCrc(Uint8Array.of(7, 4, 4, 9, 9, 9, 9));
  const befall = (nowMs = 0) => made.befall({ request, frame, nowMs, ask });
  return { made, befall };
}

const joined = (deliveries: readonly { readonly bytes: Uint8Array }[]) =>
  Buffer.concat(deliveries.map(({ bytes }) => bytes));

test("a line without faults brings the answer, at its time", () => {
  const { befall, made } = line({});
  assert.deepEqual(joined(befall()), Buffer.from(frame));
  assert.equal(befall()[0]?.afterMs, 0);
  assert.deepEqual([made.echoes(7), made.unplugged(7)], [false, undefined]);
});

test("each fault does what its description says", () => {
  const one = (faults: Faults) => line(faults).befall();
  assert.deepEqual(one({ dropped: 1 }), []);
  const late = one({ late: 1, lateMs: [700, 900] });
  assert.deepEqual(joined(late), Buffer.from(frame));
  assert.ok(late.every(({ afterMs }) => afterMs >= 700 && afterMs <= 903));
  assert.ok(joined(one({ cut: 1 })).length < frame.length);
  const damaged = joined(one({ damaged: 1 }));
  assert.deepEqual([damaged.length, crcHolds(damaged)], [frame.length, false]);
  const noisy = joined(one({ noise: 1 }));
  assert.ok(noisy.length > frame.length && noisy.includes(Buffer.from(frame)));
  assert.equal(joined(one({ repeated: 1 })).length, 2 * frame.length);
  const other = joined(one({ wrongUnit: 1 }));
  assert.deepEqual([other[0], crcHolds(other)], [8, true]);
  const busy = joined(one({ busy: 1 }));
  assert.deepEqual([...busy.subarray(0, 3), crcHolds(busy)], [7, 0x84, 6, true]);
  assert.ok(one({ babble: 1, babbleMs: [300, 300] }).length === 25);
  const foreign = joined(one({ foreign: 1 }));
  assert.ok(crcHolds(foreign.subarray(0, 8)) && !foreign.subarray(0, 8).equals(request));
  assert.ok(foreign.subarray(-frame.length).equals(frame));
  assert.deepEqual([line({ echo: 1 }).made.echoes(7), line({}).made.echoes(7)], [true, false]);
  assert.equal(line({ unplug: 1, awayMs: [5, 5] }).made.unplugged(7), 5);
});

test("a merged answer comes with the next bytes, whoever they are from", () => {
  const { made, befall } = line({ merged: 1 });
  assert.deepEqual(befall(), []);
  assert.deepEqual(made.joined(Uint8Array.of(1)), Buffer.concat([frame, Uint8Array.of(1)]));
  assert.deepEqual(made.joined(Uint8Array.of(2)), Uint8Array.of(2));
});

test("a unit that dies is silent for its time, and for good with a share of 1", () => {
  const { befall } = line({ dead: 0.999_999, deadMs: [1000, 1000] });
  assert.ok(befall(0).length > 0);
  assert.deepEqual(befall(999), []);
  assert.ok(befall(1000).length > 0);
  assert.deepEqual(line({ dead: 1 }).befall(), []);
});

test("one seed is one course of events, and shares are met", () => {
  const faults = { late: 0.2, noise: 0.3, cut: 0.1 };
  const course = (seed: number) => {
    const { befall } = line(faults, seed);
    return Array.from({ length: 2000 }, () => befall());
  };
  assert.deepEqual(course(3), course(3));
  assert.notDeepEqual(course(3), course(4));
  const late = course(3).filter(([first]) => (first?.afterMs ?? 0) >= 100).length;
  assert.ok(late > 340 && late < 460, `${late} of 2000 late`);
});

test("over TCP an answer arrives whole, late, twice, or for the request behind it", () => {
  const ask = Uint8Array.of(0, 5, 0, 0, 0, 6, 7, 4, 0, 0, 0, 2);
  const reply = Uint8Array.of(0, 5, 0, 0, 0, 7, 7, 4, 4, 1, 2, 3, 4);
  const tcp = (faults: Faults) => {
    const made = new TcpFaults({ faultsOf: () => faults, random: seededRandom(1) });
    return (transaction = 5) => {
      const [request, answer] = [ask, reply].map((bytes) => bytes.with(1, transaction));
      return made.befall(request ?? ask, answer ?? reply, 0);
    };
  };
  assert.deepEqual(joined(tcp({})()), Buffer.from(reply));
  assert.deepEqual(joined(tcp({ cut: 1 })()), Buffer.from(reply));
  assert.deepEqual(tcp({ dropped: 1 })(), []);
  assert.equal(joined(tcp({ repeated: 1 })()).length, 2 * reply.length);
  assert.equal(
    joined(tcp({ busy: 1 })())
      .subarray(-2)
      .toString("hex"),
    "8406",
  );
  const crossed = tcp({ crossed: 1 });
  assert.deepEqual(crossed(5), []);
  assert.deepEqual(joined(crossed(6)), Buffer.from(reply.with(1, 6)));
});

test("counters begin again, roll over, and are not known", () => {
  let wh = 3_500_000;
  const measure = () => new Map([["energy.import.total", wh]]);
  const shown = (faults: Faults) => {
    const read = faultyQuantities(measure, faults, seededRandom(1));
    return () => read().get("energy.import.total");
  };
  assert.equal(shown({})(), 3_500_000);
  assert.equal(shown({ reset: 1 })(), 0);
  assert.equal(shown({ rolloverKwh: 1000 })(), 500_000);
  assert.equal(shown({ sentinel: 1 })(), Number.NaN);
  const resets = shown({ reset: 0.5 });
  const first = resets() ?? 0;
  wh += 10;
  assert.ok((resets() ?? 0) <= Math.max(10, first + 10));
});

test("a torn answer holds words as they were last given before or behind a place in it", () => {
  let tick = 0;
  const bank: Bank = {
    knows: () => true,
    read: ({ count }) => ({ ok: true, words: Array.from({ length: count }, () => tick) }),
  };
  const torn = tornBank(bank, { torn: 1 }, seededRandom(1));
  const read = (address: number) => {
    tick += 1;
    const reply = torn.read({ functionCode: 4, address, count: 4 });
    return reply.ok ? reply.words : [];
  };
  assert.deepEqual(read(0), [1, 1, 1, 1]);
  assert.deepEqual(read(8), [2, 2, 2, 2]);
  const firsts = new Set<string>();
  for (let before = 1; tick < 40; before = tick) {
    const words = read(0);
    const [older, younger] = [before, tick];
    assert.ok(words.every((word) => word === older || word === younger));
    const changes = words.filter((word, i) => i > 0 && word !== words[i - 1]).length;
    assert.ok(changes <= 1, `${words}`);
    firsts.add(words[0] === older ? "older" : "younger");
  }
  assert.equal(firsts.size, 2);
});

test("a command line's faults are named, checked, and refused with the nearest name", () => {
  assert.deepEqual(parseFaults("late=0.01, lateMs=150-4000,echo=1,awayMs=2000,rolloverKwh=100"), {
    late: 0.01,
    lateMs: [150, 4000],
    echo: 1,
    awayMs: [2000, 2000],
    rolloverKwh: 100,
  });
  for (const [text, said] of [
    ["nois=0.1", /there is no fault nois; did you mean noise\?/],
    ["late=2", /late: .*1/],
    ["late=often", /expected late=0.01/],
    ["lateMs=900-100", /lateMs: expected \[from, to\]/],
    ["late", /expected late=0.01/],
    ["late=0.1-0.2", /late: /],
    ["__proto__=1", /there is no fault/],
  ] as const) {
    assert.throws(() => parseFaults(text), { code: "site.faults", message: said }, text);
  }
});

test("any text is taken as faults or refused, never anything else", () => {
  const names = fc.constantFrom(...Object.keys(faultsShape.shape), "x", "");
  const part = fc.tuple(names, fc.string()).map(([name, value]) => `${name}=${value}`);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(part).map(String)), (text) => {
      try {
        faultsShape.parse(parseFaults(text));
      } catch (error) {
        assert.equal(Reflect.get(Object(error), "code"), "site.faults");
      }
    }),
  );
});
