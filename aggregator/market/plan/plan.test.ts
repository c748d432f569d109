import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { microPerKwh } from "@busbar/protocol";
import fc from "fast-check";
import { randomFrom } from "../colony/random.ts";
import type { PriceRules } from "../game/channels.ts";
import { divide } from "../game/division.ts";
import { gateGame, type Player } from "../game/players.ts";
import { colonyFor, searchPlan } from "./colony-plan.ts";
import type { Horizon } from "./horizon.ts";
import { gatePlanLimits, plan, playersAfter } from "./plan.ts";
import { optimum } from "./test-optimum.ts";

const seed = createHash("sha256").update("block").digest();
const price = microPerKwh;
const rules: PriceRules = {
  bands: { company: [price(500_000), price(700_000)], bureau: [price(400_000), price(600_000)] },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};

const company = (kwh: number): Player => ({ id: "sun", role: "company", kwh });
const players = (companyKwh: number, userKwh: number): Player[] => [
  company(companyKwh),
  { id: "bureau", role: "bureau", kwh: 1000 },
  { id: "homes", role: "user", kwh: -userKwh },
];
const battery = {
  owner: "sun",
  capacityKwh: 100,
  startKwh: 20,
  chargeKw: 40,
  dischargeKw: 50,
  chargeEfficiency: 0.95,
  dischargeEfficiency: 0.9,
};
const nothing = { storages: [], elastic: [], flexible: [] };

/** A day of `slots` hours of any kind. */
const horizons = fc
  .record({
    slots: fc.array(fc.tuple(fc.nat(400), fc.nat(300), fc.integer({ min: 20, max: 60 })), {
      minLength: 2,
      maxLength: 8,
    }),
    slope: fc.constantFrom(0.0002, 0.0005, 0.002),
    capacityKwh: fc.integer({ min: 10, max: 300 }),
    power: fc.integer({ min: 5, max: 200 }),
    efficiency: fc.constantFrom(0.8, 0.95, 1),
    start: fc.constantFrom(0, 0.3, 1),
    worth: fc.integer({ min: 20, max: 60 }),
    flexible: fc.nat(40),
    cuts: fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9), fc.nat(1)),
    parts: fc.array(fc.constantFrom(0.25, 0.5, 1), { minLength: 8, maxLength: 8 }),
  })
  .map((drawn): Horizon => {
    const { slots, slope, capacityKwh, power, efficiency, start, worth, flexible } = drawn;
    // From there on the battery is gone, the demand is, and another bureau delivers.
    const [gone, still, other] = drawn.cuts.map((at) => Math.min(slots.length, at));
    const isOther = (t: number) => t >= (other ?? 0);
    const from = Math.min(drawn.cuts[3], slots.length - 2);
    const to = slots.length - 1;
    return {
      hours: 1,
      slots: slots.map(([made, used], t) => [
        ...players(made - 100, used).map((one) =>
          one.role === "bureau" && isOther(t) ? { ...one, kwh: 0 } : one,
        ),
        { id: "other", role: "bureau", kwh: isOther(t) ? 300 : 0 },
      ]),
      costs: [
        { owner: "bureau", perKwh: slots.map(([, , cost]) => 0.5 + cost / 100), slope },
        { owner: "other", perKwh: slots.map(([, , cost]) => 0.8 - cost / 100), slope: 0.001 },
      ],
      storages: [
        {
          ...battery,
          capacityKwh,
          startKwh: start * capacityKwh,
          chargeKw: power,
          dischargeKw: power,
          chargeEfficiency: efficiency,
          ...(gone === undefined ? {} : { slots: gone }),
        },
        { ...battery, owner: "homes" },
      ],
      elastic: [
        {
          ...{ owner: "homes", worth: worth / 50, slope: 0.01, downKwh: 30, upKwh: 20 },
          ...(still === undefined ? {} : { slots: still }),
        },
      ],
      flexible: [
        {
          ...{ owner: "homes", kwh: flexible, from, to, maxKw: 90 },
          parts: drawn.parts.slice(0, to - from + 1),
        },
      ],
    };
  });

test("a battery is filled when energy is cheap and emptied when it is dear, and pays its losses", () => {
  const costs = [{ owner: "bureau", perKwh: [0.2, 0.6], slope: 0 }];
  const horizon = { ...nothing, hours: 1, slots: [players(0, 100), players(0, 100)], costs };
  const own = { ...battery, startKwh: 0 };
  const { schedule, gain } = plan({ ...horizon, storages: [own] });
  // 40 kWh drawn are 38 stored, of which 34.2 come out: 34.2 · 0.6 − 40 · 0.2
  assert.deepEqual(schedule.charge[0], Float64Array.of(40, 0));
  assert.ok(Math.abs((schedule.discharge[0]?.[1] ?? 0) - 34.2) < 1e-9);
  assert.ok(Math.abs(gain - 12.52) < 1e-9);
  const near = [{ owner: "bureau", perKwh: [0.2, 0.23], slope: 0 }];
  assert.equal(plan({ ...horizon, costs: near, storages: [own] }).gain, 0, "0.23 · 0.855 < 0.2");
});

test("flexible load goes where energy is cheapest, elastic demand where it is worth its cost", () => {
  const costs = [{ owner: "bureau", perKwh: [0.5, 0.3, 0.4], slope: 0 }];
  const horizon = {
    ...nothing,
    hours: 1,
    slots: Array.from({ length: 3 }, () => players(0, 10)),
    costs,
  };
  const flexible = [{ owner: "homes", kwh: 15, from: 0, to: 2, maxKw: 10 }];
  assert.deepEqual(plan({ ...horizon, flexible }).schedule.load[0], Float64Array.of(0, 10, 5));
  const elastic = [{ owner: "homes", worth: 0.4, slope: 0.01, downKwh: 5, upKwh: 50 }];
  const extra = plan({ ...horizon, elastic }).schedule.extra[0] ?? [];
  for (const [t, expected] of [-5, 10, 0].entries()) {
    assert.ok(Math.abs((extra[t] ?? 9) - expected) < 1e-9, `${extra[t]} is not ${expected}`);
  }
});

test("every schedule keeps to what its owners have, and batteries end as they began", () => {
  fc.assert(
    fc.property(horizons, (horizon) => {
      for (const { schedule, gain } of [plan(horizon), searchPlan(horizon, seed, few)]) {
        assert.ok(gain >= -1e-9);
        horizon.storages.forEach((storage, i) => {
          let level = storage.startKwh;
          for (let t = 0; t < horizon.slots.length; t += 1) {
            const [charge, discharge] = [
              schedule.charge[i]?.[t] ?? 9e9,
              schedule.discharge[i]?.[t] ?? 9e9,
            ];
            assert.ok(charge === 0 || discharge === 0, "one direction in a slot");
            const isThere = t < (storage.slots ?? 9e9);
            within(charge, 0, isThere ? storage.chargeKw : 0);
            within(discharge, 0, isThere ? storage.dischargeKw : 0);
            level += charge * storage.chargeEfficiency - discharge / storage.dischargeEfficiency;
            within(level, 0, storage.capacityKwh);
            assert.ok(Math.abs(level - (schedule.stored[i]?.[t] ?? 9e9)) < 1e-6);
          }
          assert.ok(Math.abs(level - storage.startKwh) < 1e-6);
        });
        horizon.elastic.forEach(({ downKwh, upKwh, slots = 9e9 }, i) => {
          for (const [t, x] of (schedule.extra[i] ?? []).entries()) {
            within(x, t < slots ? -downKwh : 0, t < slots ? upKwh : 0);
          }
        });
        horizon.flexible.forEach(({ kwh, maxKw, from, parts = [] }, i) => {
          const load = schedule.load[i] ?? new Float64Array(1);
          for (const [t, x] of load.entries()) within(x, 0, maxKw * (parts[t - from] ?? 0));
          assert.ok(Math.abs(load.reduce((sum, x) => sum + x, 0) - kwh) < 1e-6);
        });
        const draw = playersAfter({ horizon }, schedule).map((slot) =>
          slot.reduce((sum, { role, kwh }) => (role === "bureau" ? sum : sum - kwh), 0),
        );
        draw.forEach((kwh, t) => {
          assert.ok(
            Math.abs(kwh - (schedule.drawKwh[t] ?? 9e9)) < 1e-6,
            "what is drawn is what is left",
          );
        });
      }
    }),
    { numRuns: 40 },
  );
});

test("the exact plan and the colony's are within 0.1 % of what an independent solver gains", () => {
  fc.assert(
    fc.property(horizons, (horizon) => {
      const best = optimum(horizon);
      const exact = plan(horizon).gain;
      const tolerance = 1e-4 + 1e-6 * best;
      assert.ok(
        Math.abs(exact - best) <= 1e-3 * best + tolerance,
        `exact ${exact}, solver ${best}`,
      );
      const colony = searchPlan(horizon, seed).gain;
      assert.ok(colony >= best * 0.999 - tolerance, `colony ${colony}, solver ${best}`);
    }),
    { numRuns: 12 },
  );
});

test("with another seed each, the colony's plan is within 0.1 % of the exact one", () => {
  let count = 0;
  fc.assert(
    fc.property(horizons, (horizon) => {
      count += 1;
      const exact = plan(horizon).gain;
      const own = createHash("sha256").update(`seed ${count}`).digest();
      const alone = {
        ...horizon,
        storages: horizon.storages.slice(0, 1),
        elastic: [],
        flexible: [],
      };
      assert.ok(searchPlan(horizon, own).gain >= 0.999 * exact - 1e-6);
      assert.ok(
        searchPlan(alone, own).gain >= 0.999 * plan(alone).gain - 1e-6,
        "one battery alone",
      );
    }),
    { numRuns: 40 },
  );
});

/** Fifty things of all sizes beside each other over a day. */
function full(name: string): Horizon {
  const draws = new Float64Array(600);
  randomFrom(createHash("sha256").update(name).digest()).fillSymmetric(draws);
  let next = 0;
  const part = () => ((draws[next++] ?? 0) + 1) / 2;
  const pick = (...all: readonly number[]) => all[Math.floor(part() * all.length)] ?? 0;
  const own = { owner: "homes" };
  const count = (length: number) => Array.from({ length });
  const net = count(24).map(() => 600 * (part() - 0.5));
  return {
    hours: 1,
    slots: net.map((kwh) => players(kwh, 100)),
    costs: [{ owner: "bureau", perKwh: net.map(() => 0.3 * part()), slope: 0.0005 }],
    storages: count(25).map(() => {
      const capacityKwh = 1 + pick(1, 30, 900) * part();
      const [chargeKw, dischargeKw] = [capacityKwh * pick(0.1, 0.5, 2), capacityKwh * part()];
      const chargeEfficiency = pick(1, 0.95, 0.6);
      return {
        ...{ ...own, capacityKwh, startKwh: capacityKwh * pick(0, 0.3, 1), chargeKw, dischargeKw },
        ...{ chargeEfficiency, dischargeEfficiency: 0.95 },
      };
    }),
    elastic: count(10).map(() => {
      return { ...own, worth: 0.3 * part(), slope: 0.01, downKwh: 30 * part(), upKwh: 20 };
    }),
    flexible: count(15).map(() => {
      const [from, maxKw] = [Math.floor(20 * part()), 1 + 40 * part()];
      const to = Math.min(23, from + 2 + Math.floor(12 * part()));
      return { ...own, kwh: 0.9 * part() * maxKw * (to - from + 1), from, to, maxKw };
    }),
  };
}

test("fifty things are planned within 0.1 % of the exact plan, by a number of tries that is bounded", () => {
  for (const name of ["one", "two"]) {
    const horizon = full(name);
    const [exact, gate] = [plan(horizon).gain, plan(horizon, gatePlanLimits).gain];
    const { gain } = searchPlan(horizon, seed);
    assert.ok(exact > 1 && gain >= 0.999 * exact && gate >= 0.999 * exact, `${gain} of ${exact}`);
  }
  const [one] = full("one").storages;
  for (const things of [1, 8, 9, 30, 50]) {
    for (const hours of [1, 24, 25]) {
      const storages = one === undefined ? [] : new Array<typeof one>(things).fill(one);
      const slots = new Array<Player[]>(hours).fill(players(0, 1));
      const { ants, iterations } = colonyFor({ ...nothing, hours: 1, slots, costs: [], storages });
      const tries = ants * iterations * things * hours;
      assert.ok(iterations >= 1 && tries <= 3_000_000, `${tries}`);
    }
  }
});

test("the same seed gives the same plan, another seed another search", () => {
  const [horizon] = fc.sample(horizons, { numRuns: 1, seed: 5 });
  assert.ok(horizon !== undefined);
  assert.deepEqual(searchPlan(horizon, seed, few), searchPlan(horizon, seed, few));
  const other = createHash("sha256").update("other").digest();
  assert.notDeepEqual(searchPlan(horizon, other, few).best, searchPlan(horizon, seed, few).best);
});

test("a planned day is played slot by slot: its games are divided as any others", () => {
  const [horizon] = fc.sample(horizons, { numRuns: 1, seed: 6 });
  assert.ok(horizon !== undefined);
  const slots = playersAfter({ horizon }, plan(horizon).schedule);
  for (const slot of slots) assert.ok(divide(gateGame(slot, rules)).gap < 1e-9);
});

test("a horizon that makes no sense is refused in words", () => {
  const costs = [{ owner: "bureau", perKwh: [0.2, 0.6], slope: 0 }];
  const good: Horizon = { ...nothing, hours: 1, slots: [players(0, 1), players(0, 1)], costs };
  const bad = (changes: object, message: RegExp) =>
    assert.throws(() => plan({ ...good, ...changes }), message);
  bad({ hours: 0 }, /hours of a slot: expected above 0, at most 24, got 0/);
  bad({ slots: [] }, /slots: expected 1 to 200, got 0/);
  bad({ slots: [players(0, 1), [company(1)]] }, /parties: expected the same ones in every slot/);
  bad(
    { costs: [{ owner: "sun", perKwh: [1, 1], slope: 0 }] },
    /owner sun: expected a bureau, got company/,
  );
  bad(
    { costs: [{ owner: "bureau", perKwh: [1], slope: 0 }] },
    /costs of bureau: expected 2, got 1/,
  );
  bad({ costs: [{ owner: "bureau", perKwh: [1, Number.NaN], slope: 0 }] }, /expected numbers/);
  bad({ storages: [{ ...battery, owner: "nobody" }] }, /expected a company or user, got nobody/);
  bad(
    { storages: [{ ...battery, startKwh: 101 }] },
    /start of sun: expected 0 to 100 kWh, got 101/,
  );
  bad({ storages: [{ ...battery, chargeEfficiency: 1.1 }] }, /efficiency of sun: .* got 1.1/);
  bad({ storages: [{ ...battery, chargeKw: -1 }] }, /power of sun/);
  const elastic = { owner: "homes", worth: 1, slope: 0, downKwh: 1, upKwh: 1 };
  bad({ elastic: [elastic] }, /elastic demand of homes: expected a worth, and a slope above 0/);
  const load = { owner: "homes", kwh: 3, from: 0, to: 1, maxKw: 1 };
  bad({ flexible: [load] }, /flexible load of homes: expected 0 to 2 kWh, got 3/);
  bad({ flexible: [{ ...load, to: 2 }] }, /expected slots 0 to 1, got 0 to 2/);
  bad({ flexible: [{ ...load, parts: [1] }] }, /expected 2 parts of 0 to 1, got 1$/);
  bad({ flexible: [{ ...load, kwh: 1.6, parts: [1, 0.5] }] }, /expected 0 to 1.5 kWh, got 1.6/);
  bad({ storages: [{ ...battery, slots: 3 }] }, /slots of sun: expected 0 to 2, got 3/);
  bad({ elastic: [{ ...elastic, slope: 1, slots: 0.5 }] }, /slots of homes: expected 0 to 2/);
});

const few = {
  gapEnough: 0,
  ants: 5,
  iterations: 20,
  transition: 0.2,
  reach: 0.5,
  reachFactor: 0.9,
  evaporationMin: 0.1,
};

function within(value: number, low: number, high: number): void {
  assert.ok(value >= low - 1e-6 && value <= high + 1e-6, `${value} in ${low} … ${high}`);
}
