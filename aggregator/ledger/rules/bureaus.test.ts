import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeMessage,
  type Message,
  micro,
  microPerKwh,
  type Owner,
  utcMs,
  wh,
} from "@busbar/protocol";
import { accountEntriesSince } from "../account-entries.ts";
import { keptBy } from "../collateral.ts";
import { reportViolation } from "../credit.ts";
import { covered, defaults, headroom, suspendedAccounts } from "../exposure.ts";
import type { BlockContext } from "../rule.ts";
import { lastSettlement } from "../settlements.ts";
import { sha256 } from "../sha256.ts";
import { devices, owners } from "../tables.ts";
import { entry, frameOf, MeterChain, signerOfName, testGenesis } from "../test-site.ts";
import { balancingOf } from "./market/balancing.ts";
import { Chain, hour, mandate, quote, slot } from "./market/test-chain.ts";
import { paymentsMax } from "./payment.ts";

const keyOf = (name: string) => signerOfName(name).publicKey;
const voters = ["member-a", "member-b", "member-c", "member-d"];
const members = [...voters, "member-e"].map((id) => {
  return { id, key: keyOf(id), voting: voters.includes(id), role: "company" } as const;
});

function bureau(id: string, keys = id): Owner {
  return { id, party: "bureau", name: id, key: keyOf(keys), boxKey: keyOf(`${keys} box`) };
}

let nonces = 0;

/** A member's admission of a bureau and a unit of it. */
function admits(member: string, owner: Owner) {
  const unit = {
    id: `${owner.id}-unit`,
    owner: owner.id,
    key: keyOf(`${owner.id}-unit`),
    meters: [],
  };
  nonces += 1;
  const nonce = new Uint8Array(16).fill(nonces);
  return frameOf(member, "admission", { nonce, member, owners: [owner], devices: [unit] });
}

const { parameters } = testGenesis();
const line = 10_000_000;
const credit = { ...parameters, credit: { line: micro(line), tolerancePermille: 100 } };

function pays(by: string, from: string, amount: number, more: object = {}) {
  const about = { by, from, version: 1, amount: micro(amount), purpose: "balance" as const };
  return frameOf(by, "payment", { ...about, ...more });
}

test("a bureau is admitted by a quorum with the same keys, its units with it, and by no member alone", () => {
  const run = new Chain({ members });
  const [real, other] = [bureau("bureau-z"), bureau("bureau-z", "thief")];
  const isThere = () => owners.get(run.state, "bureau-z") !== undefined;
  assert.deepEqual(run.block(1, admits("member-e", real)), ["admission.bureau"]);
  assert.deepEqual(run.block(2, admits("member-a", real), admits("member-a", real)), []);
  assert.deepEqual(run.block(3, admits("member-b", other), admits("member-c", real)), []);
  assert.ok(!isThere(), "two of four with these keys, one with others");
  assert.equal(devices.get(run.state, "bureau-z-unit"), undefined);
  // After two weeks the votes of before count no more.
  const late = 3 + 14 * 24 * 60;
  assert.deepEqual(run.block(late, admits("member-d", real)), []);
  assert.ok(!isThere());
  assert.deepEqual(run.block(late + 1, admits("member-a", real), admits("member-c", real)), []);
  assert.deepEqual(owners.get(run.state, "bureau-z")?.key, real.key);
  assert.equal(devices.get(run.state, "bureau-z-unit")?.owner, "bureau-z");
  assert.deepEqual([...run.state.scan("bureau-vote/")], []);
});

test("no member alone puts its own key in place of a bureau's; a name it may change", () => {
  const run = new Chain({ members });
  const own = bureau("bureau-a", "thief");
  assert.deepEqual(run.block(1, admits("member-a", own)), []);
  assert.deepEqual(owners.get(run.state, "bureau-a")?.key, keyOf("bureau-a"));
  assert.deepEqual(run.block(2, pays("bureau-a", "user-a", 10_000)), [], "its own key counts");
  assert.deepEqual(run.block(3, admits("member-a", { ...bureau("bureau-a"), name: "New" })), []);
  assert.equal(owners.get(run.state, "bureau-a")?.name, "New");
  assert.deepEqual(run.block(4, admits("member-b", own), admits("member-c", own)), []);
  assert.deepEqual(owners.get(run.state, "bureau-a")?.key, own.key, "a quorum may");
});

test("a slot keeps the bureau that balanced when it opened, whoever is admitted since", () => {
  const run = new Chain();
  const user = new MeterChain("user-a");
  run.block(11);
  assert.deepEqual(run.block(12, admits("member-a", bureau("a-bureau"))), []);
  run.block(75);
  assert.deepEqual(
    [slot, slot + hour].map((start) => balancingOf(run.state, start)),
    ["bureau-a", "a-bureau"],
  );
  const readings = [slot, slot + hour, slot + 2 * hour].map((at, i) => entry(at, 5_000 * i));
  assert.deepEqual(run.block(190, user.frame(...readings)), []);
  const settledWith = (start: number) =>
    lastSettlement(run.state, utcMs(start), "user-a")?.settlement.bureau;
  assert.deepEqual([settledWith(slot), settledWith(slot + hour)], ["bureau-a", "a-bureau"]);
  assert.deepEqual(
    run.block(191, pays("bureau-a", "user-a", 1e9)),
    [],
    "who balanced is bound by no terms",
  );
});

test("who balances an order's slot orders without cover, not who will balance later ones", () => {
  const run = new Chain({
    parameters: { ...credit, credit: { line: micro(0), tolerancePermille: 0 } },
  });
  const day = 24 * 60;
  const user = new MeterChain("user-a");
  for (const at of [11, day, 2 * day, 3 * day]) run.block(at);
  const past = [entry(slot - hour, 0), entry(slot - hour + 4 * 24 * hour, 96_000)];
  assert.deepEqual(run.block(4 * day, user.frame(...past)), []);
  run.block(4 * day + 11);
  assert.deepEqual(run.block(4 * day + 12, admits("member-a", bureau("a-bureau"))), []);
  const start = utcMs(slot + 4 * 24 * hour);
  const order = (by: string, n: number) =>
    frameOf(by, "demand-order", {
      ...{ id: new Uint8Array(16).fill(n), by, device: "user-a-unit", action: "shed", slots: 1 },
      ...{ slot: start, energy: wh(400), price: microPerKwh(500_000), answerBy: start },
    });
  assert.equal(balancingOf(run.state, start), "bureau-a");
  assert.deepEqual(run.block(4 * day + 13, order("a-bureau", 1), order("bureau-a", 2)), [
    "demand.beyond-credit",
  ]);
});

test("a bureau that does not balance makes no credit, for nobody", () => {
  const run = new Chain({ parameters: credit });
  assert.deepEqual(run.block(1, admits("member-a", bureau("zzz"))), []);
  const before = headroom(run.state, "user-a", credit);
  assert.deepEqual(run.block(2, pays("zzz", "user-a", 1e15)), ["payment.beyond-balance"]);
  const collateral = { purpose: "collateral" };
  assert.deepEqual(run.block(3, pays("zzz", "user-a", line + 1, collateral)), [
    "payment.beyond-balance",
  ]);
  assert.equal(headroom(run.state, "user-a", credit), before);
  assert.deepEqual(run.block(4, pays("bureau-a", "user-a", 1e9)), [], "the one that balances may");
});

test("collateral that a bureau keeps puts it into no default, until it was taken for what its owner owes", () => {
  const run = new Chain({ parameters: credit });
  run.block(1, admits("member-a", bureau("zzz")));
  const collateral = { purpose: "collateral" };
  const isOut = () => defaults.get(run.state, "zzz") !== undefined;
  assert.deepEqual(run.block(2, pays("zzz", "user-a", line, collateral)), []);
  assert.equal(keptBy(run.state, "zzz"), line);
  assert.ok(!isOut());
  // What it keeps is not its own: it answers for no more.
  const second = { ...collateral, version: 2 };
  assert.deepEqual(run.block(3, pays("zzz", "user-a", 10_000, second)), ["payment.beyond-balance"]);
  // Its line becomes shorter than what it keeps: it owes that to nobody but who handed it over.
  const found = { id: "zzz", kind: "equivocation", reason: "two votes" } as const;
  const about = { state: run.state, height: 4, time: utcMs(slot), emit: () => undefined };
  reportViolation(about as unknown as BlockContext, found);
  const less = line - 10_000;
  assert.deepEqual(run.block(4, pays("user-a", "zzz", 1_000_000, collateral)), [], "handed back");
  assert.ok(covered(run.state, "zzz", line) < 0);
  assert.ok(!isOut());
  defaults.set(run.state, "zzz", { since: utcMs(slot) });
  const rest = { ...collateral, version: 2 };
  assert.deepEqual(run.block(4, pays("user-a", "zzz", less - 1_000_000, rest)), []);
  assert.ok(!isOut(), "what it keeps counts as covered where a default ends, too");
  assert.equal(keptBy(run.state, "zzz"), 10_000);
  assert.deepEqual(run.block(5, pays("zzz", "user-a", 50_000, second)), []);
  assert.equal(keptBy(run.state, "zzz"), 60_000);
  // The user draws what it never pays for.
  run.block(11);
  const user = new MeterChain("user-a");
  run.block(190, user.frame(entry(slot, 0), entry(slot + hour, 40_000_000)));
  assert.ok(defaults.get(run.state, "user-a") !== undefined);
  assert.equal(keptBy(run.state, "zzz"), 0);
  run.block(191);
  assert.ok(!isOut(), "its own line covers the rest");
});

test("a block puts no more than so many payments on one account, whoever says so", () => {
  const run = new Chain();
  const many = (count: number, first: number) =>
    Array.from({ length: count }, (_, n) =>
      pays("bureau-a", "user-a", 10_000, { version: first + n }),
    );
  assert.deepEqual(run.block(1, pays("bureau-a", "user-a", 9_999)), ["payment.too-small"]);
  const codes = run.block(2, ...many(paymentsMax + 2, 1));
  assert.deepEqual(codes, ["payment.too-many", "payment.version"]);
  const own = pays("user-a", "company-a", 10_000);
  assert.deepEqual(run.block(3, ...many(paymentsMax, paymentsMax + 1), own), ["payment.too-many"]);
  assert.deepEqual(run.block(4, own), []);
  const numbers = accountEntriesSince(run.state, "user-a", 0).map(([number]) => number);
  assert.deepEqual(
    numbers,
    Array.from({ length: 2 * paymentsMax + 1 }, (_, i) => i + 1),
    "the oldest first",
  );
});

test("a quorum suspends an account in the market and lets it trade again; what it signed stands", () => {
  const run = new Chain({ members });
  let moves = 0;
  const moved = (member: string, action: "suspend" | "reinstate", account = "user-a") => {
    moves += 1;
    const nonce = new Uint8Array(16).fill(moves);
    return { nonce, member, account, action, reason: "it pays nobody" } as const;
  };
  const move = (member: string, message: Message<"account-motion">) =>
    frameOf(member, "account-motion", message);
  const decide = (at: number, message: Message<"account-motion">) => {
    const motion = sha256(encodeMessage("account-motion", message));
    const vote = (member: string) => frameOf(member, "ballot", { motion, member, accept: true });
    return run.block(at, move("member-a", message), vote("member-b"), vote("member-c"));
  };
  const bid = (n: number, at: number) => quote("user-a", n, { quantity: wh(5_000) }, at);
  const isOut = () => suspendedAccounts.get(run.state, "user-a") !== undefined;
  run.block(20, mandate("user-a"));
  const before = bid(1, slot);
  assert.deepEqual(run.block(25, before.seal), []);
  assert.deepEqual(run.block(26, move("user-a", moved("user-a", "suspend"))), ["motion.rights"]);
  const one = (...about: Parameters<typeof moved>) =>
    run.block(26, move("member-a", moved(...about)));
  assert.deepEqual(one("member-a", "suspend", "nobody"), ["account.unknown"]);
  assert.deepEqual(one("member-a", "suspend", "bureau-a"), ["account.bureau"]);
  assert.deepEqual(one("member-a", "reinstate"), ["account.state"]);
  const first = moved("member-a", "suspend");
  assert.deepEqual(run.block(27, move("member-a", first)), []);
  assert.ok(!isOut(), "one of four is no quorum");
  assert.deepEqual(one("member-a", "suspend"), ["motion.open"]);
  const motion = sha256(encodeMessage("account-motion", first));
  const vote = (member: string) => frameOf(member, "ballot", { motion, member, accept: true });
  assert.deepEqual(run.block(28, vote("member-b"), vote("member-c")), []);
  assert.ok(isOut());
  assert.deepEqual(run.block(29, bid(2, slot).seal), ["quote.suspended"]);
  assert.deepEqual(run.block(41, before.open), [], "what it sealed before it may open");
  run.block(51);
  assert.equal(run.of("contract-signed").length, 1);
  assert.deepEqual(decide(52, moved("member-a", "reinstate")), []);
  run.block(75);
  assert.deepEqual(run.block(85, bid(3, slot + hour).seal), []);
  assert.deepEqual(
    run.of("account-changed").map(({ owner, action }) => [owner, action]),
    [
      ["user-a", "suspend"],
      ["user-a", "reinstate"],
    ],
  );
});
