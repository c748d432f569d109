import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Assets,
  type MicroPerKwh,
  microPerKwh,
  type Owner,
  utcMs,
  watt,
  wh,
} from "@busbar/protocol";
import fc from "fast-check";
import { positionsMessage } from "../../../publish/prices.ts";
import { usualGates } from "../../gates.ts";
import { connections, owners as ownersTable } from "../../tables.ts";
import {
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../../test-site.ts";
import { ownersAssets } from "../assets.ts";
import { movableMax } from "./gate-horizon.ts";
import { plannedOf } from "./gate-plan.ts";
import { plans, slotKey } from "./tables.ts";
import { Chain, hour, mandate, quote } from "./test-chain.ts";

const { parameters, owners } = testGenesis();
const dayHours = 24;
const until = utcMs(startTime + 1000 * hour);

const state = (owner: string, more: Partial<Assets> = {}, version = 1) =>
  frameOf(owner, "assets", { owner, version, until, ...more });

const battery = {
  capacity: wh(40_000),
  start: wh(0),
  charge: watt(10_000),
  discharge: watt(10_000),
  chargePermille: 950,
  dischargePermille: 950,
};

const elasticDemand = {
  worth: microPerKwh(560_000),
  slope: microPerKwh(100_000),
  down: wh(2_000),
  up: wh(2_000),
};

/** A company with sun by day and a user that draws in the evening, hour by hour. */
const given = (at: number) => ((at / hour) % 24 >= 9 && (at / hour) % 24 < 16 ? 30_000 : 0);
const drawn = (at: number) => ((at / hour) % 24 >= 17 && (at / hour) % 24 < 23 ? 25_000 : 5_000);

/** Days of readings, with a block each hour; the frames come in the first. */
function lived(days: number, frames: readonly Uint8Array[], slotMinutes = 60) {
  const gates = usualGates(slotMinutes);
  const run = new Chain({ parameters: { ...parameters, slotMinutes, gates } });
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  let [out, into] = [0, 0];
  for (let n = 0; n <= days * dayHours; n += 1) {
    const at = startTime + n * hour;
    const readings = [company.frame(entry(at, 0, out)), user.frame(entry(at, into))];
    out += given(at);
    into += drawn(at);
    assert.deepEqual(run.block(n * 60, ...(n === 0 ? frames : []), ...readings), []);
  }
  return run;
}

test("a day-ahead gate plans a battery: it fills by day, empties in the evening, and prices follow", () => {
  const [plain, run] = [lived(2, []), lived(2, [state("user-a", { storages: [battery] })])];
  assert.equal(plain.of("gate-planned").length, 0);
  const planned = run.of("gate-planned").filter(({ scale }) => scale === "day-ahead");
  const [day] = planned.slice(-1);
  assert.ok(day !== undefined);
  assert.deepEqual([day.to - day.from, day.owners], [24 * hour, ["user-a"]]);
  assert.ok(
    day.exactGain > 0 && day.gain >= 0.999 * day.exactGain && day.gain <= day.exactGain + 1,
  );
  const give = (at: number) => plannedOf(run.state, day.from + at * hour).get("user-a") ?? 0;
  const [byDay, evening] = [9, 17].map((from) =>
    Array.from({ length: 7 }, (_, i) => give(from + i)).reduce((sum, each) => sum + each, 0),
  );
  assert.ok((byDay ?? 0) < -20_000, `it draws ${byDay} Wh while there is sun`);
  assert.ok((evening ?? 0) > 15_000, `and gives ${evening} Wh when it is dark`);
  const all = Array.from({ length: 24 }, (_, i) => give(i)).reduce((sum, each) => sum + each, 0);
  assert.ok(all < 0, "what is lost on the way is drawn");
  // By day users have more to bargain about with the company.
  const opened = (chain: Chain, at: number) =>
    chain.of("slot-opened").find(({ slot: start }) => start === day.from + at * hour)?.prices;
  assert.notDeepEqual(opened(run, 12), opened(plain, 12));
  const told = positionsMessage(run.state, "user-a", 1).slots;
  assert.equal(told.find(({ slot: start }) => start === day.from + 18 * hour)?.plannedWh, give(18));
  assert.equal(
    positionsMessage(run.state, "company-a", 1).slots.some((s) => "plannedWh" in s),
    false,
  );
});

test("a day of half hours is planned in hours, and its parts add up", () => {
  const run = lived(2, [state("user-a", { storages: [battery] })], 30);
  const [day] = run
    .of("gate-planned")
    .filter(({ to, from }) => to - from === 24 * hour)
    .slice(-1);
  assert.ok(day !== undefined);
  const gives = Array.from({ length: 48 }, (_, i) => {
    return plannedOf(run.state, day.from + (i * hour) / 2).get("user-a");
  });
  // The first slots of the day are over by now.
  const ahead = gives.slice(4);
  assert.ok(ahead.every((each) => each !== undefined));
  assert.ok(ahead.some((each) => (each ?? 0) > 1_000));
  for (let i = 0; i < ahead.length; i += 2) {
    assert.ok(Math.abs((ahead[i] ?? 0) - (ahead[i + 1] ?? 9)) <= 1, "an hour's halves are alike");
  }
});

test("what was planned with stands whoever takes back what it stated, and leaves the state with its slot", () => {
  const both = [
    state("user-a", { storages: [battery] }),
    state("company-a", { storages: [battery] }),
  ];
  const run = lived(2, both);
  const ahead = Array.from({ length: 24 }, (_, i) => startTime + (2 * dayHours + i) * hour);
  const planned = () => ahead.map((at) => [...plannedOf(run.state, at)]);
  const before = planned();
  const slots = before.filter((nets) => nets.length === 2);
  assert.ok(slots.length > 4);
  assert.equal(plans.get(run.state, slotKey(startTime + 40 * hour)), undefined);
  const now = 2 * dayHours * 60 + 1;
  assert.deepEqual(run.block(now, state("user-a", {}, 2)), []);
  assert.deepEqual(planned(), before, "nobody's plan stands on what is gone");
  const [stated] = run.of("assets-stated").slice(-1);
  const { from = 0 } = stated ?? {};
  assert.equal(plans.get(run.state, slotKey(from)), undefined);
  assert.ok(plans.get(run.state, slotKey(from - hour)) !== undefined);
  live(run, now + 30, now + 10 * 60);
  const next = run.of("gate-planned").at(-1);
  assert.deepEqual([next?.from, next?.owners], [from, ["company-a"]], "then it counts no more");
});

test("elastic demand draws more where energy is cheap, a flexible load comes once, in its time", () => {
  const from = startTime + (2 * dayHours + 8) * hour;
  const run = lived(2, [
    state("user-a", { elastic: [elasticDemand] }),
    state("company-a", {
      flexible: [
        { energy: wh(12_000), from: utcMs(from), to: utcMs(from + 10 * hour), power: watt(4_000) },
      ],
    }),
  ]);
  const planned = run.of("gate-planned").find(({ from: start, to }) => start <= from && from < to);
  assert.deepEqual(planned?.owners, ["company-a", "user-a"]);
  const gives = (owner: string, at: number) =>
    plannedOf(run.state, from + at * hour).get(owner) ?? 0;
  const [sun, dark] = [gives("user-a", 3), gives("user-a", 10)];
  assert.ok(sun < 0, `it draws while there is sun: ${sun}`);
  assert.ok(dark > 0, `and saves when it is dark: ${dark}`);
  const load = Array.from({ length: 16 }, (_, i) => gives("company-a", i));
  const all = load.reduce((sum, each) => sum + each, 0);
  assert.ok(Math.abs(all + 12_000) <= load.length, `${all}, but for rounding`);
  assert.ok(load.slice(0, 10).every((each) => each >= -4_000 && each <= 0));
  assert.ok(
    load.slice(10).every((each) => each === 0),
    "not beyond its time",
  );
});

test("bureaus that state a supply share the game of prices by their capacities", () => {
  const key = signerOfName("bureau-b").publicKey;
  const other: Owner = { id: "bureau-b", party: "bureau", name: "b", key, boxKey: key };
  const band = (low: number, high: number): [MicroPerKwh, MicroPerKwh] => {
    return [microPerKwh(low), microPerKwh(high)];
  };
  const bands = [
    { owner: "bureau-a", band: band(400_000, 440_000) },
    { owner: "bureau-b", band: band(560_000, 600_000) },
  ];
  const cu = (...frames: Uint8Array[]) => {
    const run = new Chain({
      owners: [...owners, other],
      parameters: { ...parameters, parties: bands },
    });
    assert.deepEqual(run.block(20, mandate("user-a"), ...frames), []);
    const bid = quote("user-a", 1, { quantity: wh(8_000), limit: microPerKwh(700_000) });
    run.block(25, bid.seal);
    assert.deepEqual(run.block(41, bid.open), []);
    run.block(51);
    const [signed] = run.of("contract-signed");
    const [cleared] = run.of("slot-cleared");
    assert.deepEqual([signed?.seller, signed?.quantityWh], ["bureau-a", 8_000], "one balances");
    assert.deepEqual(cleared?.prices, cleared?.exact);
    return cleared?.prices.cu ?? 0;
  };
  const supply = (owner: string, capacity: number) =>
    state(owner, {
      supply: { capacity: wh(capacity), prices: [microPerKwh(450_000)], slope: microPerKwh(0) },
    });
  const alone = cu();
  assert.ok(alone <= 440_000, "without a word of theirs the one that balances delivers all");
  const even = cu(supply("bureau-a", 1_000), supply("bureau-b", 1_000));
  const most = cu(supply("bureau-a", 1_000), supply("bureau-b", 9_000));
  assert.ok(alone < even && even < most, `${alone} < ${even} < ${most}`);
});

test("a statement is its owner's, makes sense, and only a higher version replaces it", () => {
  const run = new Chain();
  const refused = (owner: string, more: Partial<Assets>, version = 1) =>
    run.block(1, state(owner, more, version));
  assert.deepEqual(run.block(1, state("user-a", { storages: [battery] }, 5)), []);
  assert.deepEqual(refused("user-a", { storages: [battery] }, 5), ["tx.exists"]);
  assert.deepEqual(refused("user-a", {}, 5), ["movable.exists-different"]);
  assert.deepEqual(refused("user-a", {}, 4), ["movable.version"]);
  const forged = frameOf("user-a", "assets", { owner: "company-a", version: 1, until });
  assert.deepEqual(run.block(1, forged), ["movable.rights"]);
  const unit = frameOf("user-a-unit", "assets", { owner: "user-a", version: 6, until });
  assert.deepEqual(run.block(1, unit), ["movable.rights"]);
  const supply = { capacity: wh(1), prices: [microPerKwh(1)], slope: microPerKwh(0) };
  assert.deepEqual(refused("user-a", { supply }, 6), ["movable.party"]);
  assert.deepEqual(refused("bureau-a", { storages: [battery] }), ["movable.party"]);
  const flexible = { energy: wh(1_000), from: utcMs(0), to: utcMs(hour), power: watt(999) };
  const elastic = { worth: microPerKwh(0), slope: microPerKwh(0), down: wh(1), up: wh(1) };
  for (const bad of [
    { storages: [{ ...battery, start: wh(40_001) }] },
    { flexible: [flexible] },
    { flexible: [{ ...flexible, to: utcMs(0) }] },
    { elastic: [elastic] },
  ]) {
    assert.deepEqual(refused("company-a", bad), ["movable.sense"]);
  }
  const hours = { ...supply, prices: [microPerKwh(1), microPerKwh(2)] };
  assert.deepEqual(refused("bureau-a", { supply: hours }), ["movable.sense"]);
  const late = { ...flexible, power: watt(4_000), from: utcMs(startTime) };
  const refusals = [
    // Off the hour one whole slot is left of two hours, and none of one and a half.
    { from: startTime + hour / 2, to: startTime + 2.5 * hour, energy: 4_001 },
    { from: startTime + hour / 2, to: startTime + 1.9 * hour, energy: 1 },
    { from: startTime - 5 * hour, to: startTime, energy: 1 },
    { from: startTime, to: until + 1, energy: 1 },
  ];
  for (const { from, to, energy } of refusals) {
    const bad = { ...late, from: utcMs(from), to: utcMs(to), energy: wh(energy) };
    assert.deepEqual(refused("company-a", { flexible: [bad] }), ["movable.sense"]);
  }
  const whole = { from: utcMs(startTime + hour / 2), to: utcMs(startTime + 2.5 * hour) };
  assert.deepEqual(
    refused("company-a", { flexible: [{ ...late, ...whole, energy: wh(4_000) }] }),
    [],
  );
});

/** What an owner is planned to give from a slot on, over so many of `length` ms. */
function givenIn(run: Chain, owner: string, from: number, count: number, length = hour): number[] {
  return Array.from({ length: count }, (_, i) => {
    return plannedOf(run.state, from + i * length).get(owner) ?? 0;
  });
}

/** A ledger that is asked to plan from its start on, with these frames in its first block. */
function planning(slotMinutes: number, ...frames: Uint8Array[]): Chain {
  const gates = usualGates(slotMinutes);
  const run = new Chain({ parameters: { ...parameters, slotMinutes, gates } });
  assert.deepEqual(run.block(1, ...frames), []);
  live(run, 30, 9.5 * 60);
  return run;
}

/** Blocks each half hour. */
function live(run: Chain, fromMinutes: number, toMinutes: number): void {
  for (let at = fromMinutes; at <= toMinutes; at += 30) run.block(at);
}

const sum = (all: readonly number[]) => all.reduce((total, one) => total + one, 0);

test("a load runs in whole slots of its time, over midnight too, in each period by its part of the time", () => {
  // Day-ahead plans the local day that begins 24 hours after the start.
  const midnight = startTime + 24 * hour;
  const load = (energy: number, from: number, to: number, power = 4_000) => ({
    ...{ energy: wh(energy), power: watt(power) },
    ...{ from: utcMs(midnight + from * hour), to: utcMs(midnight + to * hour) },
  });
  const day = (slotMinutes: number, ...flexible: ReturnType<typeof load>[]) =>
    planning(slotMinutes, state("user-a", { flexible }));
  // What just fits into the slots from 8:15 to 9:45, of which only one hour is a step as a whole.
  const fits = givenIn(day(15, load(6_000, 8.2, 9.8)), "user-a", midnight + 8 * hour, 8, hour / 4);
  assert.deepEqual(
    fits.map((give) => give + 0),
    [0, -1000, -1000, -1000, -1000, -1000, -1000, 0],
  );
  // From 22:00 to 6:00: a quarter of it, before midnight.
  const night = givenIn(day(60, load(20_000, 22, 30)), "user-a", midnight, 24);
  assert.deepEqual([sum(night), sum(night.slice(22))], [-5_000, -5_000]);
  const run = day(60, load(20_000, 22, 30));
  live(run, 10 * 60, 34 * 60);
  const morning = givenIn(run, "user-a", midnight + 24 * hour, 24);
  assert.deepEqual([sum(morning), sum(morning.slice(0, 6))], [-15_000, -15_000]);
  // In the period's last slot, which no whole step begins with.
  const end = givenIn(
    day(15, load(1_000, 23.6, 24.1)),
    "user-a",
    midnight + 23 * hour,
    4,
    hour / 4,
  );
  assert.deepEqual(end, [0, 0, 0, -1_000]);
});

test("owners take turns where there is more than a plan takes, and none bars another", () => {
  const three = Array.from({ length: 3 }, () => battery);
  const own = { storages: [...three, battery], elastic: [1, 2, 3, 4].map(() => elasticDemand) };
  const ids = Array.from({ length: 13 }, (_, i) => `z-${i}`);
  const site = testGenesis();
  const [user] = site.owners.filter(({ id }) => id === "user-a");
  assert.ok(user !== undefined);
  const run = new Chain({ parameters: { ...parameters, gates: usualGates(60) } });
  for (const id of ids) {
    ownersTable.set(run.state, id, user);
    connections.set(run.state, `${id}/m`, { meter: `${id}-m` });
    ownersAssets.set(run.state, id, { owner: id, version: 1, until, ...own });
  }
  assert.deepEqual(run.block(1, state("user-a", { storages: [battery] })), []);
  live(run, 30, 9.5 * 60);
  const [day] = run.of("gate-planned").slice(-1);
  assert.deepEqual([...(day?.owners ?? [])], ["user-a", ...[...ids].sort()]);
  assert.equal(day?.leftOut, 13 * 8 + 1 - movableMax);
});

test("a statement that ends within a period counts in the slots before its end", () => {
  const midnight = startTime + 24 * hour;
  const noon = midnight + 12 * hour;
  const supply = (price: number) => ({
    supply: { capacity: wh(1_000), prices: [microPerKwh(price)], slope: microPerKwh(0) },
  });
  const demand = { ...elasticDemand, worth: microPerKwh(430_000) };
  const own = state("user-a", { elastic: [demand] });
  const ends = frameOf("bureau-a", "assets", {
    ...{ owner: "bureau-a", version: 1, until: utcMs(noon) },
    ...supply(450_000),
  });
  // Until noon it costs 0.45, then what the tariff says: 0.4, where nobody needs more than in other hours.
  const give = givenIn(planning(60, own, ends), "user-a", midnight, 24);
  assert.deepEqual(give, [...new Array<number>(12).fill(200), ...new Array<number>(12).fill(-300)]);
  const short = frameOf("user-a", "assets", {
    ...{ owner: "user-a", version: 1, until: utcMs(noon + hour / 2) },
    ...{ storages: [battery], elastic: [demand] },
  });
  const cheap = planning(60, short, state("bureau-a", supply(450_000)));
  const till = givenIn(cheap, "user-a", midnight, 24);
  assert.ok(till.slice(0, 13).every((each) => each !== 0));
  assert.ok(till.slice(13).every((each) => each === 0));
});

test("no statement that is taken stops the market, and the same one gives every member the same plan", () => {
  const energy = fc.constantFrom(0, 1, 20_000, 100_000_000).map(wh);
  const some = energy.map((each) => wh(Math.max(1, each)));
  const power = fc.constantFrom(0, 1, 5_000, 100_000_000).map(watt);
  const price = fc.constantFrom(-1_000_000_000, -1, 0, 450_000, 1_000_000_000).map(microPerKwh);
  const slopes = fc.constantFrom(0, 1, 1_000_000_000).map(microPerKwh);
  const permille = fc.constantFrom(1, 500, 1000);
  const at = fc.integer({ min: 0, max: 60 }).map((n) => utcMs(startTime + n * hour));
  const any = fc.record({
    storages: fc.array(
      fc.record({
        capacity: some,
        start: energy,
        charge: power,
        discharge: power,
        chargePermille: permille,
        dischargePermille: permille,
      }),
      { minLength: 1, maxLength: 2 },
    ),
    elastic: fc.array(fc.record({ worth: price, slope: slopes, down: energy, up: energy }), {
      minLength: 1,
      maxLength: 2,
    }),
    flexible: fc.array(fc.record({ energy: some, from: at, to: at, power }), {
      minLength: 1,
      maxLength: 3,
    }),
  });
  const supply = fc.record({
    capacity: some,
    prices: fc.array(price, { minLength: 1, maxLength: 1 }),
    slope: slopes,
  });
  let planned = 0;
  fc.assert(
    fc.property(any, fc.option(supply, { nil: undefined }), (own, delivered) => {
      const runs = [0, 1].map(() => {
        const run = new Chain({ parameters: { ...parameters, gates: usualGates(60) } });
        for (const [key, list] of Object.entries(own)) {
          run.block(0, state("user-a", { [key]: list.slice(0, 1) }, key.length));
        }
        run.block(1, state("user-a", own, 99));
        if (delivered !== undefined) run.block(2, state("bureau-a", { supply: delivered }));
        for (const minutes of [60, 9 * 60, 20 * 60]) run.block(minutes);
        return run;
      });
      const [one, two] = runs;
      assert.deepEqual(one?.events, two?.events);
      planned += one?.of("gate-planned").length ?? 0;
      for (const { gain, exactGain } of one?.of("gate-planned") ?? []) {
        assert.ok(Number.isSafeInteger(gain) && Number.isSafeInteger(exactGain));
      }
    }),
    { numRuns: 4 },
  );
  assert.ok(planned > 2, `${planned} gates were planned`);
});

test("a load that just fits its window, whatever its rounding, fails no block", () => {
  // 465 Wh of 155 W in three hours, 3 Wh of 36 W in five minutes: as floats they do not fit.
  const flexible = (energy: number, power: number, from: number, ms: number) => ({
    flexible: [{ energy: wh(energy), power: watt(power), from: utcMs(from), to: utcMs(from + ms) }],
  });
  const daily = new Chain({ parameters: { ...parameters, gates: usualGates(60) } });
  assert.deepEqual(
    daily.block(1, state("user-a", flexible(465, 155, startTime + 30 * hour, 3 * hour))),
    [],
  );
  for (let minutes = 31; minutes <= 20 * 60; minutes += 60)
    assert.deepEqual(daily.block(minutes), []);
  const slotMinutes = 5;
  const short = new Chain({
    parameters: { ...parameters, slotMinutes, gates: usualGates(slotMinutes) },
  });
  assert.deepEqual(
    short.block(1, state("user-a", flexible(3, 36, startTime + hour, hour / 12))),
    [],
  );
  for (let minutes = 2; minutes < 40; minutes += 1) assert.deepEqual(short.block(minutes), []);
  assert.ok(short.of("gate-planned").length > 0);
});
