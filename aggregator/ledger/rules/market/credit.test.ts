import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, micro, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { accountSums, balanceOf, moneyOf } from "../../accounts.ts";
import {
  creditReports,
  creditScore,
  decayMs,
  fade,
  fullCredit,
  reportViolation,
  violations,
} from "../../credit.ts";
import { defaults, exposures } from "../../exposure.ts";
import type { Genesis } from "../../genesis.ts";
import type { BlockContext } from "../../rule.ts";
import { emptyState, Overlay } from "../../state/overlay.ts";
import { entry, frameOf, MeterChain, testGenesis } from "../../test-site.ts";
import { Chain, hour, mandate, quote, slot } from "./test-chain.ts";

const currency = (value: number) => micro(Math.round(value * 1_000_000));

/** The small site with a credit line, and a tolerance of a tenth. */
function withLine(line: number): Partial<Genesis> {
  const { parameters } = testGenesis();
  return {
    parameters: { ...parameters, credit: { line: currency(line), tolerancePermille: 100 } },
  };
}

const versions = new Map<string, number>();

/** An owner's word that it got money from another. */
function got(
  by: string,
  from: string,
  amount: number,
  changes: Partial<Message<"payment">> = {},
): Uint8Array {
  const version = (versions.get(by) ?? 0) + 1;
  const message = { by, from, version, amount: currency(amount), purpose: "balance", ...changes };
  return frameOf(by, "payment", message as Message<"payment">);
}

/** Counts the payments of one run. */
function paid(run: Chain, minutes: number, ...frames: (() => Uint8Array)[]): string[] {
  return frames.flatMap((make) => {
    const frame = make();
    const codes = run.block(minutes, frame);
    const acknowledged = run.of("payment-acknowledged").at(-1);
    if (codes.length === 0 && acknowledged !== undefined) {
      versions.set(acknowledged.by, (versions.get(acknowledged.by) ?? 0) + 1);
    }
    return codes;
  });
}

function begin(line: number): Chain {
  versions.clear();
  const run = new Chain(withLine(line));
  run.block(20, mandate("company-a"), mandate("user-a"));
  return run;
}

const collateral = { purpose: "collateral" } as const;
/** 0.69 · 50 kWh. */
const worth = 34.5;

/** The company sells 50 kWh to the user; returns what the openings were answered with. */
function trade(run: Chain, at = 0, start = slot): string[] {
  const ask = quote("company-a", at * 2 + 1, { side: "ask", quantity: wh(50_000) }, start);
  const bid = quote("user-a", at * 2 + 2, { quantity: wh(50_000) }, start);
  run.block(24 + at * 60);
  assert.deepEqual(run.block(25 + at * 60, ask.seal, bid.seal), []);
  const codes = run.block(41 + at * 60, ask.open, bid.open);
  run.block(51 + at * 60);
  return codes;
}

test("nobody bids beyond its balance, collateral and credit line together", () => {
  assert.deepEqual(trade(begin(0)), ["quote.beyond-credit"]);
  assert.deepEqual(trade(begin(worth)), []);
  const run = begin(10);
  assert.deepEqual(trade(run), ["quote.beyond-credit"]);
  assert.deepEqual(
    paid(run, 60, () => got("bureau-a", "user-a", 20.05)),
    [],
  );
  assert.deepEqual(
    paid(run, 60, () => got("bureau-a", "user-a", 4.5, collateral)),
    [],
  );
  assert.deepEqual(
    trade(run, 1, slot + hour),
    [],
    "20.05 + 4.5 + 9.95: an unopened quote cost it five of a thousand",
  );
  assert.deepEqual(
    trade(run, 2, slot + 2 * hour),
    ["quote.beyond-credit"],
    "it is bound to the first",
  );
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("without credit terms nothing of it is looked at", () => {
  versions.clear();
  const run = new Chain();
  run.block(20, mandate("company-a"), mandate("user-a"));
  assert.deepEqual(trade(run), []);
});

/** Delivers the first slot: what the company gave, what the user took. */
function deliver(run: Chain, gave = 50_000, took = 50_000): void {
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  assert.deepEqual(
    run.block(
      121,
      company.frame(entry(slot, 0, 0), entry(slot + hour, 0, gave)),
      user.frame(entry(slot, 0), entry(slot + hour, took)),
    ),
    [],
  );
}

test("what was bought binds its buyer until it is paid, and no longer", () => {
  const run = begin(worth);
  trade(run);
  const price = run.of("slot-cleared")[0]?.clearing ?? 0;
  assert.equal(exposures.get(run.state, "user-a")?.money, price * 50);
  deliver(run);
  assert.equal(exposures.get(run.state, "user-a"), undefined);
  assert.equal(balanceOf(run.state, "user-a"), -price * 50);
  assert.equal(defaults.get(run.state, "user-a"), undefined);
});

test("default: collateral is taken, the report counts it, bids end, asks do not, payment lifts it", () => {
  const run = begin(0);
  paid(run, 21, () => got("bureau-a", "user-a", worth, collateral));
  assert.deepEqual(trade(run), []);
  const price = run.of("slot-cleared")[0]?.clearing ?? 0;
  // 30 kWh more than it bought, at 0.77: more than its collateral covers.
  deliver(run, 50_000, 80_000);
  const owed = price * 50 + 770_000 * 30 - worth * 1e6;
  assert.deepEqual(run.of("default-began"), [
    { type: "default-began", owner: "user-a", owed, seized: worth * 1e6 },
  ]);
  assert.equal(moneyOf(run.state, "user-a", "collateral"), 0);
  assert.deepEqual(creditReports.get(run.state, "user-a")?.counts, [
    { kind: "non-payment", times: 1 },
  ]);
  assert.equal(creditScore(run.state, "user-a"), fullCredit - violations["non-payment"]);
  // The seller was paid all the same.
  assert.equal(run.money("company-a"), price * 50);

  assert.deepEqual(trade(run, 2, slot + 2 * hour), ["quote.in-default"]);
  assert.equal(creditReports.get(run.state, "user-a")?.counts.length, 1, "no unopened quote");
  const ask = quote("user-a", 9, { side: "ask", quantity: wh(5_000) }, slot + 3 * hour);
  run.block(24 + 180);
  assert.deepEqual(run.block(25 + 180, ask.seal), []);
  assert.deepEqual(run.block(41 + 180, ask.open), []);

  paid(run, 230, () => got("bureau-a", "user-a", owed / 1e6 - 1));
  assert.equal(run.of("default-ended").length, 0);
  paid(run, 231, () => got("bureau-a", "user-a", 1));
  assert.deepEqual(run.of("default-ended"), [{ type: "default-ended", owner: "user-a" }]);
  paid(run, 232, () => got("bureau-a", "user-a", 40));
  assert.deepEqual(trade(run, 4, slot + 4 * hour), []);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("who gave less than it sold, beyond what is tolerated, has it on its report", () => {
  const run = begin(worth);
  trade(run);
  deliver(run, 45_000);
  assert.equal(creditReports.get(run.state, "company-a"), undefined, "a tenth is tolerated");
  const late = begin(worth);
  trade(late);
  deliver(late, 44_999);
  const report = creditReports.get(late.state, "company-a");
  assert.deepEqual(report?.counts, [{ kind: "under-delivery", times: 1 }]);
  assert.match(report?.entries[0]?.reason ?? "", /50000 Wh sold, 44999 Wh given/);
});

test("a payment is acknowledged by who got it, once, and gives up no more than is owed", () => {
  const run = begin(0);
  const one = (frame: Uint8Array) => run.block(30, frame)[0] ?? "ok";
  const first = () => got("bureau-a", "user-a", 5);
  assert.equal(one(frameOf("user-a", "payment", messageOf({ by: "bureau-a" }))), "payment.rights");
  assert.equal(
    one(frameOf("user-a-unit", "payment", messageOf({ by: "user-a" }))),
    "payment.rights",
  );
  assert.equal(one(got("bureau-a", "nobody", 5)), "payment.unknown");
  assert.equal(one(got("bureau-a", "bureau-a", 5)), "payment.self");
  assert.equal(one(got("bureau-a", "user-a", 5, { version: 2 })), "payment.version");
  assert.equal(one(first()), "ok");
  assert.equal(one(first()), "tx.exists");
  assert.equal(one(got("bureau-a", "user-a", 6)), "payment.exists-different");
  assert.equal(one(got("user-a", "company-a", 5.000001)), "payment.beyond-balance");
  assert.equal(one(got("user-a", "company-a", 5, collateral)), "payment.bureau");
  assert.equal(one(got("user-a", "bureau-a", 1, collateral)), "payment.beyond-balance");
  assert.equal(balanceOf(run.state, "user-a"), 5_000_000);
  assert.equal(balanceOf(run.state, "bureau-a"), -5_000_000);
  // A bid is open: what it may come to stays.
  const bid = quote("user-a", 2, { quantity: wh(7_000) });
  assert.deepEqual(run.block(31, bid.seal), []);
  assert.deepEqual(run.block(41, bid.open), []);
  assert.equal(run.block(42, got("user-a", "bureau-a", 0.2))[0], "payment.needed");
  assert.deepEqual(run.block(42, got("user-a", "bureau-a", 0.17)), []);
  run.block(51);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

function messageOf(changes: Partial<Message<"payment">>): Message<"payment"> {
  return {
    by: "bureau-a",
    from: "user-a",
    version: 1,
    amount: currency(5),
    purpose: "balance",
    ...changes,
  };
}

test("of each violation three quarters are left after each month, and nothing in the end", () => {
  const context = (state: Overlay, days: number) =>
    ({
      state,
      height: 1,
      time: utcMs(days * 86_400_000),
      emit: () => undefined,
    }) as unknown as BlockContext;
  const days = fc.array(fc.nat(400), { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(
      days,
      fc.constantFrom("quote-unopened", "non-payment", "equivocation"),
      (gaps, kind) => {
        const state = new Overlay(emptyState);
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          fade(context(state, now));
          const before = creditReports.get(state, "a")?.points ?? 0;
          reportViolation(context(state, now), { id: "a", kind, reason: "x" });
          const { points, entries } = creditReports.get(state, "a") ?? assert.fail();
          assert.equal(points, before + violations[kind]);
          assert.ok(points >= entries.reduce((sum, { left }) => sum + left, 0));
        }
        // Faded step by step and at once: the same.
        const { points, decaysAt } = creditReports.get(state, "a") ?? assert.fail();
        const atOnce = new Overlay(state);
        const end = (decaysAt ?? 0) + 7 * decayMs;
        fade(context(atOnce, end / 86_400_000));
        for (let at = decaysAt ?? 0; at <= end; at += decayMs)
          fade(context(state, at / 86_400_000));
        assert.deepEqual(creditReports.get(state, "a"), creditReports.get(atOnce, "a"));
        assert.ok((creditReports.get(state, "a")?.points ?? 0) <= (points * 3) / 4);
        fade(context(state, (end + 60 * decayMs) / 86_400_000));
        assert.equal(creditScore(state, "a"), fullCredit);
      },
    ),
    { numRuns: 50 },
  );
});

test("members strike an entry by a motion; its points are back", () => {
  const run = begin(worth);
  trade(run);
  deliver(run, 10_000);
  const [found] = creditReports.get(run.state, "company-a")?.entries ?? [];
  assert.ok(found !== undefined);
  const motion: Message<"appeal-motion"> = {
    nonce: new Uint8Array(16),
    member: "member-a",
    account: "company-a",
    height: found.height,
    kind: "under-delivery",
    reason: "the feeder was cut",
  };
  const frame = (changes: Partial<Message<"appeal-motion">> = {}, signer = "member-a") =>
    frameOf(signer, "appeal-motion", { ...motion, ...changes });
  assert.deepEqual(run.block(130, frame({}, "company-a")), ["motion.rights"]);
  assert.deepEqual(run.block(130, frame({ kind: "deviation" })), ["appeal.unknown"]);
  assert.deepEqual(run.block(130, frame({ height: 1 })), ["appeal.unknown"]);
  assert.deepEqual(run.block(130, frame()), []);
  assert.equal(creditScore(run.state, "company-a"), fullCredit);
  assert.deepEqual(creditReports.get(run.state, "company-a")?.entries, []);
  assert.deepEqual(
    run.of("violation-struck").map(({ id, points }) => [id, points]),
    [["company-a", violations["under-delivery"]]],
  );
  assert.deepEqual(run.block(131, frame()), ["tx.exists"]);
});
