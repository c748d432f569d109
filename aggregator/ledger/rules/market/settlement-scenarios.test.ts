import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, microPerKwh, quality, utcMs, wh } from "@busbar/protocol";
import { roundingOf } from "../../../settlement/balance.ts";
import { accountSums, accounts, leviesOwner } from "../../accounts.ts";
import type { Genesis } from "../../genesis.ts";
import type { Parameters } from "../../parameters.ts";
import { settlements, settlementVersions } from "../../settlements.ts";
import {
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../../test-site.ts";
import { balanceOf } from "./slot-balance.ts";
import { estimateDues, slotKey, slots } from "./tables.ts";
import { Chain, hour, mandate, minute, quote, slot } from "./test-chain.ts";
import { waitMsMax } from "./waiting.ts";

/** A slot after delivery: what comes late, never, once more or otherwise, and what it then costs whom. */

const charges = [
  { id: "grid", sort: "fee", on: "import", rate: 20_000, to: "bureau-a" },
  { id: "levy", sort: "levy", on: "import", rate: 5_000 },
  { id: "vat", sort: "tax", on: "cost", rate: 100 },
] as const;

const day = 24 * 60;
/** A silent meter is waited for two hours. */
const provisionalMinutes = 120;
const estimateAt = 120 + provisionalMinutes;

const site = (changes: Partial<Parameters> = { provisionalMinutes }) =>
  new Chain({
    parameters: { ...testGenesis().parameters, ...changes } as Genesis["parameters"],
  });

/** A company sells 50 kWh to a user in the first slot, and nobody's meter has reported. */
class Sold {
  readonly run: Chain;
  readonly company = new MeterChain("company-a");
  readonly user = new MeterChain("user-a");

  constructor(changes?: Partial<Parameters>) {
    this.run = site(changes);
    const ask = quote("company-a", 1, { side: "ask", quantity: wh(50_000) });
    const bid = quote("user-a", 2, { quantity: wh(50_000) });
    this.run.block(20, mandate("company-a"), mandate("user-a"));
    assert.deepEqual(this.run.block(25, ask.seal, bid.seal), []);
    assert.deepEqual(this.run.block(41, ask.open, bid.open), []);
    this.run.block(51);
  }

  /** Readings of the slot's two ends, at a minute. */
  report(at: number, who: "company" | "user", wh: number): void {
    const [drawn, given] = who === "user" ? [wh, 0] : [0, wh];
    const frame = this[who].frame(entry(slot, 0, 0), entry(slot + hour, drawn, given));
    assert.deepEqual(this.run.block(at, frame), []);
  }

  versions(owner: string) {
    return settlementVersions(this.run.state, slot, owner);
  }

  /** All accounts; what is at 0 says nothing. */
  balances() {
    return [...accounts.scan(this.run.state)].filter(
      ([, { money, energyWh }]) => money || energyWh,
    );
  }

  sound(): void {
    assert.deepEqual(accountSums(this.run.state), { money: 0n, energyWh: 0n });
    assert.equal(roundingOf(balanceOf(this.run.state, slot)), 0);
  }
}

test("a silent meter is estimated after a while, and its readings post the difference only", () => {
  const late = new Sold({ provisionalMinutes, charges });
  late.report(121, "company", 50_000);
  late.run.block(estimateAt - 1);
  assert.equal(late.run.of("contract-settled").length, 0, "the user's meter is waited for");
  late.run.block(estimateAt);
  assert.equal(late.run.of("contract-settled").length, 1, "whoever trades with it is paid");
  const [estimate] = late.versions("user-a");
  assert.deepEqual([estimate?.why, estimate?.method], ["provisional", "as-contracted"]);
  assert.equal(slots.get(late.run.state, slotKey(slot))?.stage, "cleared", "not final");
  late.sound();

  late.report(estimateAt + day, "user", 60_000);
  const [old, last, ...more] = late.versions("user-a");
  assert.deepEqual(more, []);
  assert.deepEqual(old, estimate, "the old state stays");
  assert.deepEqual([last?.why, last?.method, last?.imbalanceWh], ["delivered", undefined, -10_000]);
  assert.equal(slots.get(late.run.state, slotKey(slot))?.stage, "settled");
  const [posted] = late.run.of("settlement-corrected");
  assert.equal(posted?.moneyDifference, -cost(microPerKwh(770_000), wh(10_000)));
  late.sound();

  const inTime = new Sold({ provisionalMinutes, charges });
  inTime.report(121, "company", 50_000);
  inTime.report(122, "user", 60_000);
  // The slots behind it are estimated alike in both.
  inTime.run.block(estimateAt);
  inTime.run.block(estimateAt + day);
  assert.deepEqual(late.balances(), inTime.balances(), "as if they had come in time");
  assert.deepEqual(balanceOf(late.run.state, slot), balanceOf(inTime.run.state, slot));
  assert.equal(
    [...estimateDues.scan(inTime.run.state)].some(([, due]) => due.slot === slot),
    false,
  );
});

test("an estimate is the mean of the same slot on the days before that are known", () => {
  const run = site();
  run.block(1);
  const user = new MeterChain("user-a");
  const at = (hours: number) => startTime + hours * hour;
  run.block(
    49 * 60,
    user.frame(
      entry(at(1), 0),
      entry(at(2), 3_000),
      entry(at(25), 3_000),
      entry(at(26), 8_001),
      entry(at(49), 8_001),
    ),
  );
  for (let minutes = 49 * 60; minutes <= 50 * 60 + provisionalMinutes; minutes += 5)
    run.block(minutes);
  const [made] = settlementVersions(run.state, at(49), "user-a");
  assert.deepEqual(
    [made?.why, made?.method, made?.importWh, made?.imbalanceWh],
    ["provisional", "days-before", 4_000, -4_000],
  );
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("what a seller never proves counts as not given: silence is no way round the imbalance price", () => {
  const end = 120 + waitMsMax / minute;
  const silent = new Sold();
  silent.report(121, "user", 50_000);
  silent.run.block(estimateAt);
  assert.equal(silent.versions("company-a")[0]?.method, "as-contracted");
  silent.run.block(end);
  const last = silent.versions("company-a").at(-1);
  assert.deepEqual([last?.method, last?.exportWh, last?.imbalanceWh], ["unproven", 0, -50_000]);
  assert.equal(slots.get(silent.run.state, slotKey(slot))?.stage, "settled");
  silent.sound();

  const honest = new Sold();
  honest.report(121, "user", 50_000);
  honest.report(122, "company", 0);
  honest.run.block(estimateAt);
  honest.run.block(end);
  assert.deepEqual(silent.balances(), honest.balances(), "as one that says it gave nothing");
});

test("what a buyer never proves counts as drawn as it was bought", () => {
  const silent = new Sold();
  silent.report(121, "company", 50_000);
  silent.run.block(120 + waitMsMax / minute);
  const last = silent.versions("user-a").at(-1);
  assert.deepEqual([last?.method, last?.importWh, last?.imbalanceWh], ["unproven", 50_000, 0]);
  silent.sound();
});

test("a correction in the time of an estimate counts, and readings that come after it change nothing", () => {
  const sold = new Sold();
  sold.report(121, "company", 50_000);
  sold.run.block(estimateAt);
  const message = {
    member: "member-a",
    meter: "user-a-meter",
    slot: utcMs(slot),
    version: 1,
    importWh: wh(40_000),
    exportWh: wh(0),
    reason: "meter-error",
  } as const;
  const motion = frameOf("member-a", "correction", message);
  assert.deepEqual(sold.run.block(estimateAt + 1, motion), []);
  const [opened] = sold.run.of("case-opened");
  const word = frameOf("member-a", "ruling", {
    member: "member-a",
    slot: utcMs(slot),
    motion: new Uint8Array(Buffer.from(opened?.motion ?? "", "hex")),
    word: "uphold",
  });
  assert.deepEqual(sold.run.block(estimateAt + 2, word), []);
  assert.deepEqual(
    sold.versions("user-a").map(({ why, method, imbalanceWh }) => [why, method, imbalanceWh]),
    [
      ["provisional", "as-contracted", 0],
      ["delivered", undefined, 10_000],
    ],
  );
  sold.sound();
});

test("fees, taxes and levies fall due once, on net energy and on net cost, and go where they belong", () => {
  const sold = new Sold({ charges });
  sold.report(121, "company", 50_000);
  const frame = sold.user.frame(entry(slot, 0, 0), entry(slot + hour, 65_000, 5_000));
  assert.deepEqual(sold.run.block(122, frame), []);
  const [contract] = sold.run.of("contract-settled");
  const shortage = cost(microPerKwh(770_000), wh(10_000));
  const paid = (contract?.amount ?? 0) + shortage;
  const owed = sold.versions("user-a")[0]?.charges;
  assert.deepEqual(owed, [
    { id: "grid", sort: "fee", to: "bureau-a", money: 1_200_000 },
    { id: "levy", sort: "levy", to: leviesOwner, money: 300_000 },
    { id: "vat", sort: "tax", to: leviesOwner, money: Math.round(paid / 10) },
  ]);
  assert.equal(
    sold.versions("company-a")[0]?.charges,
    undefined,
    "who only gives owes none of these",
  );
  assert.equal(sold.run.money("user-a"), -(paid + 1_200_000 + 300_000 + Math.round(paid / 10)));
  assert.equal(sold.run.money(leviesOwner), 300_000 + Math.round(paid / 10));
  const balance = balanceOf(sold.run.state, slot);
  assert.deepEqual(
    [balance.fees, balance.taxes, balance.paid - balance.received],
    [1_200_000, 300_000 + Math.round(paid / 10), 1_500_000 + Math.round(paid / 10)],
  );
  assert.deepEqual(
    sold.run.of("slot-settled").map(({ rounding, paid: all }) => [rounding, all]),
    [[0, balance.paid]],
  );
  sold.sound();
});

test("a slot without any trade is settled by the meters alone, charges and all", () => {
  const run = site({ charges });
  run.block(1);
  for (const minutes of [20, 41, 51]) run.block(minutes);
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  run.block(
    121,
    company.frame(entry(slot, 0, 0), entry(slot + hour, 0, 2_000)),
    user.frame(entry(slot, 0), entry(slot + hour, 3_000)),
  );
  assert.equal(run.of("contract-signed").length, 0);
  const [settled] = run.of("slot-settled");
  const shortage = cost(microPerKwh(770_000), wh(3_000));
  const surplus = cost(microPerKwh(360_000), wh(2_000));
  const taxes = Math.round(shortage / 10) + 15_000;
  assert.deepEqual(
    [settled?.paid, settled?.received, settled?.fees, settled?.taxes, settled?.rounding],
    [shortage + surplus + taxes + 60_000, shortage + surplus, 60_000, taxes, 0],
  );
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a meter that is exchanged in the slot is settled for what both of them counted", () => {
  const sold = new Sold();
  sold.report(121, "company", 50_000);
  const half = slot + 30 * minute;
  const frame = sold.user.frame(
    entry(slot, 100_000),
    entry(half, 120_000),
    entry(half, 7, 0, { quality: quality.replaced }),
    entry(slot + hour, 30_007),
  );
  assert.deepEqual(sold.run.block(122, frame), []);
  assert.equal(sold.versions("user-a")[0]?.importWh, 50_000);
  assert.equal(sold.run.of("imbalance-settled").length, 0);
  sold.sound();
});

test("who leaves with contracts open answers for them; the slots before count as measured", () => {
  const sold = new Sold();
  const device = testGenesis().devices.find(({ owner }) => owner === "company-a");
  assert.ok(device);
  const admission = frameOf("member-a", "admission", {
    nonce: new Uint8Array(16).fill(7),
    member: "member-a",
    owners: [],
    devices: [{ ...device, key: signerOfName("company-a-unit").publicKey, meters: [] }],
  });
  // Half an hour into the slot it takes its meter out: for that slot nothing is proved.
  assert.deepEqual(sold.run.block(90, admission), []);
  sold.report(122, "user", 50_000);
  sold.run.block(estimateAt);
  sold.run.block(120 + waitMsMax / minute);
  const last = sold.versions("company-a").at(-1);
  assert.deepEqual([last?.method, last?.imbalanceWh], ["unproven", -50_000]);
  assert.equal(sold.versions("user-a").at(-1)?.imbalanceWh, 0, "the buyer has what it bought");
  assert.equal(sold.run.of("contract-settled").length, 1);
  sold.sound();
});

test("who leaves in mid-month is settled for each slot until then, and holds up nobody after it", () => {
  const small = testGenesis();
  const key = signerOfName("user-b").publicKey;
  const unitOf = (owner: string) => ({
    id: `${owner}-unit`,
    owner,
    key: signerOfName(`${owner}-unit`).publicKey,
    meters: [{ id: `${owner}-meter`, role: "connection", feeder: "feeder-1" } as const],
  });
  const run = new Chain({
    owners: [...small.owners, { id: "user-b", party: "user", name: "B", key, boxKey: key }],
    devices: [...small.devices, unitOf("user-b")],
    parameters: { ...small.parameters, charges: [...charges] },
  });
  const mid = 14 * day;
  const at = (hours: number) => startTime + mid * minute + hours * hour;
  const all = ["company-a", "user-a", "user-b"];
  const meters = all.map((owner) => new MeterChain(owner));
  const deed = (owner: string) => (owner === "company-a" ? [0, 9_000] : [4_000, 0]);
  run.block(mid + 1, ...all.map((owner) => mandate(owner)));
  let name = 0;
  const trade = (hours: number, who: readonly string[]) => {
    const minutes = mid + hours * 60;
    const quotes = who.map((owner) => {
      const side = owner === "company-a" ? "ask" : "bid";
      const quantity = wh(owner === "company-a" ? 9_000 : 4_000);
      return quote(owner, ++name, { side, quantity }, at(hours));
    });
    run.block(minutes - 49);
    assert.deepEqual(run.block(minutes - 40, ...quotes.map(({ seal }) => seal)), []);
    assert.deepEqual(run.block(minutes - 15, ...quotes.map(({ open }) => open)), []);
    run.block(minutes - 9);
  };
  /** What the hour's end shows, some minutes behind it. */
  const report = (hours: number, who: readonly string[], behind = 1) => {
    const frames = meters.flatMap((own) => {
      const owner = own.device.slice(0, -"-unit".length);
      if (!who.includes(owner)) return [];
      const [drawn = 0, given = 0] = deed(owner);
      const begins = hours === 1 ? [entry(at(1), 0)] : [];
      return [own.frame(...begins, entry(at(hours + 1), hours * drawn, hours * given))];
    });
    assert.deepEqual(run.block(mid + (hours + 1) * 60 + behind, ...frames), []);
  };
  const stageOf = (hours: number) => slots.get(run.state, slotKey(at(hours)))?.stage;
  const stay = ["company-a", "user-b"];
  trade(1, all);
  trade(2, all);
  report(1, all);
  trade(3, stay);
  // Its unit keeps the last readings back; its meter is taken out behind the second hour.
  report(2, stay);
  const message = { nonce: new Uint8Array(16).fill(9), member: "member-a", owners: [] };
  const gone = { ...unitOf("user-a"), meters: [] };
  const admission = frameOf("member-a", "admission", { ...message, devices: [gone] });
  assert.deepEqual(run.block(mid + 182, admission), []);
  assert.deepEqual(
    [stageOf(1), stageOf(2)],
    ["settled", "cleared"],
    "its last readings are to come",
  );
  report(2, ["user-a"], 3);
  assert.equal(stageOf(2), "settled");
  const owed = run.money("user-a");
  assert.ok(owed < 0);

  run.block(mid + 191);
  const late = quote("user-a", 200, {}, at(4));
  assert.deepEqual(run.block(mid + 192, late.seal), ["quote.no-meter"]);
  for (const hours of [4, 5]) {
    trade(hours, stay);
    report(hours - 1, stay);
  }
  report(5, stay);
  assert.deepEqual([4, 5].map(stageOf), ["settled", "settled"], "nobody waits for who is gone");
  // The third hour was cleared while it was there still: nothing was sold, and nothing is proved.
  const made = Array.from(settlements.scan(run.state))
    .filter(([id]) => id.endsWith("/user-a"))
    .flatMap(([, { versions }]) => versions)
    .map(({ why, method, importWh, soldWh, money }) => [why, method, importWh, soldWh, money]);
  assert.deepEqual(made, [
    ["delivered", undefined, 4_000, -4_000, 0],
    ["delivered", undefined, 4_000, -4_000, 0],
    ["delivered", "unproven", 0, 0, 0],
  ]);
  assert.equal(run.money("user-a"), owed, "what it owes stays as it was");
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});
