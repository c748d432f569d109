import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeHeader,
  obis,
  quality,
  type ReadingEntry,
  toBeSigned,
  utcMs,
  verifyStateProof,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { Application } from "../application.ts";
import {
  completenessDays,
  completenessMonths,
  countSlots,
  dayId,
  dayKeepMs,
  dayMs,
  monthCounts,
  monthsKept,
  noCounts,
  slotCode,
  slotCompleteness,
  slotStates,
} from "../completeness.ts";
import { proveState } from "../prove.ts";
import { slotEnergy } from "../slots.ts";
import { StateTree } from "../state/tree.ts";
import { Store } from "../store.ts";
import { chain, entry, MeterChain, signerOfName, startTime, testGenesis } from "../test-site.ts";
import { utcMonth } from "../utc-month.ts";
import { gapMsMax } from "./boundaries.ts";
import { rules } from "./index.ts";
import { Chain, hour } from "./market/test-chain.ts";

const meter = "user-a-meter";
/** Without the market, whose slots would open and close beside. */
const quiet = { ...rules, block: [] };

/** A ledger that takes one meter's readings, each block an instant after its last one. */
class Readings {
  readonly run = new Chain({}, quiet);
  readonly unit = new MeterChain("user-a");

  take(...entries: ReadingEntry[]): void {
    this.takeAt(((entries.at(-1)?.time ?? startTime) - startTime) / 60_000, ...entries);
  }

  takeAt(minutes: number, ...entries: ReadingEntry[]): void {
    assert.deepEqual(this.run.block(minutes, this.unit.frame(...entries)), []);
  }

  /** `measured read`, and so on, of the n-th slot since the chain's start. */
  slot(n: number): string {
    const at = slotCompleteness(this.run.state, meter, utcMs(startTime + n * hour), hour);
    return `${at.state} ${at.why}`;
  }
}

const at = (hours: number, wh: number, how: number = quality.measured) =>
  entry(startTime + hours * hour, wh, 0, { quality: how });
const gap = (hours: number) =>
  entry(startTime + hours * hour, 0, 0, { quality: quality.gap, registers: new Map() });

test("a slot with readings at both ends, or around them within a slot, is measured", () => {
  const site = new Readings();
  site.take(at(0, 10), at(1, 20), at(1.9, 25), at(2.1, 30), at(3.05, 31));
  assert.deepEqual(
    [0, 1, 2].map((n) => site.slot(n)),
    Array(3).fill("measured read"),
  );
  assert.equal(site.slot(3), "missing silent", "no reading has come to its end");
});

test("a slot that no reading reached is missing as silent, also by a proof of absence", () => {
  const site = new Readings();
  assert.equal(site.slot(0), "missing silent");
  const tree = StateTree.of(site.run.state.scan(""));
  assert.equal(completenessDays.get(site.run.state, `${meter}/${startTime}`), undefined);
  assert.ok(tree.prove(`completeness/${meter}/00${startTime}`).siblings.length > 0);
});

test("the slot of a meter's first reading is missing, for it began there", () => {
  const site = new Readings();
  site.take(at(0.5, 10), at(1, 15), at(2, 20));
  assert.deepEqual(
    [0, 1].map((n) => site.slot(n)),
    ["missing began", "measured read"],
  );
  assert.equal(slotEnergy(site.run.state, meter, utcMs(startTime), hour), undefined);
});

test("slots that a unit was away for are estimated once it is back", () => {
  const site = new Readings();
  site.take(at(0, 0), at(1, 100));
  site.take(at(4.5, 450), at(5, 500), at(6, 600));
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5].map((n) => site.slot(n)),
    [
      "measured read",
      "estimated unit-away",
      "estimated unit-away",
      "estimated unit-away",
      "estimated unit-away",
      "measured read",
    ],
  );
});

test("slots of a meter that did not answer are missing, and estimated when it answers", () => {
  const site = new Readings();
  site.take(at(0, 0), at(1, 100), gap(2), gap(3));
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => site.slot(n)),
    ["measured read", "missing meter-away", "missing meter-away", "missing meter-away"],
  );
  site.take(at(4, 400));
  assert.deepEqual(
    [1, 2, 3].map((n) => site.slot(n)),
    Array(3).fill("estimated meter-away"),
  );
});

test("an entry that lacks a billed register counts as a meter that did not answer", () => {
  const site = new Readings();
  site.take(at(0, 0), at(1, 100));
  const half = entry(startTime + 2 * hour, 0, 0, {
    registers: new Map([[obis.importEnergy, [200, 0] as const]]),
  });
  site.take(half);
  assert.equal(site.slot(1), "missing meter-away");
});

test("a slot that rests on a value of the unit's own making is estimated as substituted", () => {
  const site = new Readings();
  site.take(at(0, 0), at(1, 100, quality.substituted), at(2, 200), at(3, 300));
  assert.deepEqual(
    [0, 1, 2].map((n) => site.slot(n)),
    ["estimated substituted", "estimated substituted", "measured read"],
  );
  site.take(at(3.5, 350, quality.estimated), at(4.5, 450), at(5, 500), at(6, 600));
  assert.deepEqual(
    [3, 4, 5].map((n) => site.slot(n)),
    ["estimated substituted", "estimated substituted", "measured read"],
    "a boundary on the line from a substituted value rests on it",
  );
});

test("a slot in which the registers began anew is estimated as restarted", () => {
  const site = new Readings();
  site.take(at(0, 0), at(1, 100), at(1.5, 3, quality.reset), at(2, 50), at(3, 100));
  assert.deepEqual(
    [0, 1, 2].map((n) => site.slot(n)),
    ["measured read", "estimated restarted", "measured read"],
  );
});

test("slots of a gap that is longer than a meter is waited for are estimated", () => {
  const site = new Readings();
  site.take(at(0, 0), at(1, 100));
  const back = 1 + gapMsMax / hour + 2;
  site.take(at(back + 0.5, 900), at(back + 1, 950), at(back + 2, 1000));
  assert.equal(site.slot(0), "measured read");
  for (const n of [1, 2, back - 1, back]) assert.equal(site.slot(n), "estimated unit-away");
  assert.equal(site.slot(back + 1), "measured read");
});

test("late readings change the record of their slots, and the month's counts with them", () => {
  const site = new Readings();
  site.take(at(0, 0), at(1, 100), gap(2));
  const counts = () => monthCounts(site.run.state, meter, utcMonth(startTime));
  const read = slotCode("measured", "read");
  const away = slotCode("missing", "meter-away");
  assert.deepEqual([counts()?.[read], counts()?.[away]], [1, 2]);
  site.takeAt(20 * 24 * 60, at(2.5, 250), at(3, 300));
  assert.deepEqual([counts()?.[read], counts()?.[away]], [1, 0]);
  assert.equal(
    counts()?.reduce((sum, count) => sum + count),
    3,
    "one for each slot",
  );
});

test("a meter's record is proven by a block's state proof, with the members' keys alone", () => {
  const store = new Store(":memory:");
  const application = new Application({ genesis: testGenesis(), store, verify, rules: quiet });
  application.initChain();
  const { proposal } = application.prepareProposal({
    time: utcMs(startTime + 2 * hour),
    proposer: "member-a",
    view: 0,
    frames: [new MeterChain("user-a").frame(at(0, 0), at(1, 100))],
  });
  const { header } = application.finalizeBlock(proposal);
  const signer = signerOfName("member-a");
  const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
  application.commit([{ kid: signer.kid, signature: signer.sign(message) }]);
  const proof = proveState(application, store, `completeness/${dayId(meter, startTime)}`);
  assert.ok(proof?.value);
  const checked = verifyStateProof(proof, application.membership(), verify);
  assert.ok(checked.ok);
  const { slots } = completenessDays.get(store.state, dayId(meter, startTime)) ?? {};
  assert.equal(slots?.[0], slotCode("measured", "read"));
});

test("what a month's slots counted up to stays when its days have left", () => {
  const site = new Readings();
  for (let day = 0; day < 30; day++) {
    const read = Array.from({ length: 24 }, (_, h) => at(24 * day + h, 24 * day + h));
    site.take(...read.filter((_, h) => h % 7 !== 3), gap(24 * day + 23.5));
  }
  // What the silence until then makes of June's last slot is known with the next reading.
  site.take(at(24 * 50, 24 * 50));
  const june = () => monthCounts(site.run.state, meter, "2026-06");
  const before = june();
  assert.ok(before.filter((count) => count > 0).length >= 3, "several states");
  for (let day = 70; day <= 130; day += 20) site.take(at(24 * day, 24 * day));
  const [first = ""] = Array.from(completenessDays.scan(site.run.state, `${meter}/`), ([id]) => id);
  assert.ok(Number(first.split("/")[1]) > startTime + 30 * dayMs);
  assert.deepEqual(june(), before);
});

test("two months of days and three years of months are kept, whatever the gaps", () => {
  const site = new Readings();
  let wh = 0;
  for (let day = 0; day < 1_200; day += day % 7 === 0 ? 25 : 6) {
    site.takeAt(day * 24 * 60 + 121, at(day * 24, wh), at(day * 24 + 1, ++wh));
  }
  const days = [...completenessDays.scan(site.run.state, `${meter}/`)].map(([id]) =>
    Number(id.split("/")[1]),
  );
  const newest = Math.max(...days);
  assert.ok(days.length > 30 && days.every((time) => time >= newest - dayKeepMs));
  assert.ok(days.length <= dayKeepMs / dayMs + 1);
  const months = [...completenessMonths.scan(site.run.state, `${meter}/`)];
  assert.equal(months.length, monthsKept);
});

test("the month's counts are those of its days, for any life of a meter", () => {
  const step = fc.record({
    ms: fc.integer({ min: 1, max: 30 * hour }),
    wh: fc.nat(5_000),
    how: fc.constantFrom(...Object.values(quality)),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const site = new Readings();
      let [time, wh] = [startTime as number, 0];
      const entries = steps.map(({ ms, wh: grown, how }) => {
        time += ms;
        wh += grown;
        return how === quality.gap
          ? gap((time - startTime) / hour)
          : entry(time, wh, 0, { quality: how });
      });
      site.take(...entries);
      // What has energy is measured or estimated, what has none is missing.
      const all = { from: startTime - hour, to: time + hour, slotMs: hour };
      let known = 0;
      const counted = new Map<string, number[]>();
      for (let t = Math.floor(all.from / hour) * hour; t < all.to; t += hour) {
        const energy = slotEnergy(site.run.state, meter, utcMs(t), hour);
        const { state, why } = slotCompleteness(site.run.state, meter, utcMs(t), hour);
        assert.equal(energy === undefined, state === "missing", new Date(t).toISOString());
        const counts = counted.get(utcMonth(t)) ?? [...noCounts];
        counted.set(utcMonth(t), counts);
        const code = slotStates.findIndex((one) => one.state === state && one.why === why);
        if (why !== "silent") counts[code] = (counts[code] ?? 0) + 1;
        if (energy !== undefined) known += 1;
      }
      const { measured, estimated } = countSlots(site.run.state, meter, all);
      assert.equal(measured + estimated, known);
      for (const [month, counts] of counted) {
        assert.deepEqual(monthCounts(site.run.state, meter, month), counts, month);
      }
    }),
    { numRuns: 60 },
  );
});

test("months are those of the calendar, from 1970 to the year 9999", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (time) => {
      assert.equal(utcMonth(time), new Date(time).toISOString().slice(0, 7));
    }),
  );
  for (const day of ["2000-02-29", "2000-03-01", "2100-02-28", "2100-03-01", "2024-12-31"]) {
    assert.equal(utcMonth(Date.parse(day)), day.slice(0, 7));
    assert.equal(utcMonth(Date.parse(day) + dayMs - 1), day.slice(0, 7));
  }
});
