import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, type Gate, type Message, micro, microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { clear } from "../../../market/clearing/clearing.ts";
import { residualSales } from "../../../market/clearing/residual.ts";
import { bookOf, side, type Wish, wish } from "../../../market/clearing/test-books.ts";
import { accountSums, balanceOf, moneyOf } from "../../accounts.ts";
import { creditReports, creditScore, fullCredit, violations } from "../../credit.ts";
import { boundOf, defaults, exposures, quotesCost } from "../../exposure.ts";
import type { Genesis } from "../../genesis.ts";
import { entry, frameOf, MeterChain, testGenesis } from "../../test-site.ts";
import { Chain, hour, mandate, minute, quote, slot } from "./test-chain.ts";

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
/** What 50 kWh can cost at a last gate, whatever is bid: 0.70 at retail. */
const worth = 35;

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
    paid(run, 60, () => got("bureau-a", "user-a", 20.55)),
    [],
  );
  assert.deepEqual(
    paid(run, 60, () => got("bureau-a", "user-a", 4.5, collateral)),
    [],
  );
  assert.deepEqual(
    trade(run, 1, slot + hour),
    [],
    "20.55 + 4.5 + 9.95: an unopened quote cost it five of a thousand",
  );
  assert.deepEqual(
    trade(run, 2, slot + 2 * hour),
    ["quote.beyond-credit"],
    "it is bound to the first",
  );
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a bid is good for what the bureau may charge for it, not for its limit alone", () => {
  const quantity = wh(50_000);
  const opened = (line: number, limit: number) => {
    const run = begin(line);
    const bid = quote("user-a", 1, { quantity, limit: microPerKwh(limit) });
    assert.deepEqual(run.block(25, bid.seal), []);
    return { run, codes: run.block(41, bid.open) };
  };
  // Nobody offers, so the bureau delivers, at its price and not at 0.41.
  assert.deepEqual(opened(0.41 * 50, 410_000).codes, ["quote.beyond-credit"]);
  assert.deepEqual(opened(worth - 0.000001, 0).codes, ["quote.beyond-credit"]);
  for (const limit of [0, 410_000, 700_000]) {
    const { run, codes } = opened(worth, limit);
    assert.deepEqual(codes, []);
    assert.equal(boundOf(run.state, "user-a"), worth * 1e6);
    run.block(51);
    const [signed] = run.of("contract-signed");
    assert.deepEqual([signed?.seller, signed?.quantityWh], ["bureau-a", 50_000]);
    assert.ok((signed?.price ?? 0) > 410_000);
    assert.equal(boundOf(run.state, "user-a"), (signed?.price ?? 0) * 50);
    deliver(run, 0);
    assert.equal(boundOf(run.state, "user-a"), 0);
    assert.equal(run.of("default-began").length, 0, "it is good for it");
  }
  const { run, codes } = opened(0, -1);
  assert.deepEqual(codes, [], "what is to be paid for taking energy is bought from nobody else");
  run.block(51);
  assert.equal(run.of("contract-signed").length, 0);
});

test("at a gate before the last a bid is good for its limit: what finds nobody waits", () => {
  const { parameters } = testGenesis();
  const first: Gate = {
    ...{ scale: "intraday" as const, periodMinutes: 60, rounds: 1, everyMinutes: 0 },
    ...{ openMinutesBefore: 60, gateMinutesBefore: 58, clearMinutesBefore: 56 },
  };
  const credit = { line: currency(20.5), tolerancePermille: 100 };
  const run = new Chain({
    parameters: { ...parameters, credit, gates: [first, ...parameters.gates] },
  });
  run.block(0, mandate("user-a"));
  const terms = { quantity: wh(50_000), limit: microPerKwh(410_000) };
  const early = quote("user-a", 1, terms, slot, slot - 58 * minute);
  assert.deepEqual(run.block(1, early.seal), []);
  assert.deepEqual(run.block(3, early.open), []);
  assert.equal(boundOf(run.state, "user-a"), 20_500_000);
  run.block(5);
  assert.equal(run.of("contract-signed").length, 0);
  assert.equal(boundOf(run.state, "user-a"), 0);
  const late = quote("user-a", 2, terms);
  run.block(24);
  assert.deepEqual(run.block(25, late.seal), []);
  assert.deepEqual(run.block(41, late.open), ["quote.beyond-credit"]);
});

test("whatever the tariff, a party's quotes cost it no more than they bound it to", () => {
  const tariff = fc
    .tuple(fc.integer({ min: -6, max: 8 }), fc.integer({ min: 0, max: 6 }), fc.nat(400))
    .map(([low, width, subsidyPermille]) => ({
      feedIn: microPerKwh(low * 1000),
      retail: microPerKwh((low + width) * 1000),
      subsidyPermille,
    }));
  const price = fc.option(
    fc.integer({ min: -8, max: 16 }).map((at) => microPerKwh(at * 1000)),
    {
      nil: undefined,
    },
  );
  const prices = fc.record({ cg: price, cu: price, gc: price, gu: price });
  const seen = { paid: 0, dear: 0 };
  fc.assert(
    fc.property(
      fc.record({ tariff, prices, isLast: fc.boolean(), side }),
      fc.array(wish, { minLength: 1, maxLength: 4 }),
      fc.array(wish, { maxLength: 8 }),
      ({ tariff, prices, isLast, side: own }, mine, others) => {
        const { feedIn, retail } = tariff;
        const told = bookOf([
          ...mine.map((terms): Wish => ({ ...terms, side: own, party: "me" })),
          ...others,
        ]);
        // As the ledger does before it clears.
        const quotes = told.map((one) => {
          const most = one.side === "bid" ? Math.min : Math.max;
          const limit = microPerKwh(most(one.limit, one.side === "bid" ? retail : feedIn));
          return { ...one, limit };
        });
        const { fills, price: at = microPerKwh(0) } = clear(quotes, prices.gu);
        let [paid, dearest] = [0, 0];
        quotes.forEach(({ id, party, side: way, quantity, limit }, i) => {
          if (party !== "me") return;
          const { accepted = wh(0), netted = 0 } = fills[i] ?? {};
          const rest = { id, party, role: "user", side: way, limit } as const;
          const left = wh(quantity - accepted - netted);
          const sales = isLast
            ? residualSales([{ ...rest, quantity: left }], { bureau: "c", prices, tariff })
            : [];
          for (const sale of [{ price: at, quantity: accepted }, ...sales]) {
            const money = cost(sale.price, sale.quantity, "ceil");
            paid += Math.max(0, way === "bid" ? money : -cost(sale.price, sale.quantity, "floor"));
          }
          if (sales.some((sale) => way === "bid" && sale.price > limit)) dearest += 1;
        });
        const bound = quotesCost(
          told.filter(({ party }) => party === "me"),
          { ...tariff, isLast },
        );
        // A quote may become two contracts, and each is rounded up.
        assert.ok(paid <= bound + mine.length, `bound to ${bound}, paid ${paid}`);
        if (paid > 0) seen.paid += 1;
        if (dearest > 0) seen.dear += 1;
      },
    ),
    { numRuns: 2000 },
  );
  assert.ok(seen.paid > 100 && seen.dear > 50, JSON.stringify(seen));
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

  // What it hands over as collateral meanwhile is taken at once, and told.
  paid(run, 229, () => got("bureau-a", "user-a", 0.5, collateral));
  assert.deepEqual(run.of("collateral-seized"), [
    { type: "collateral-seized", owner: "user-a", money: 500_000 },
  ]);
  paid(run, 230, () => got("bureau-a", "user-a", owed / 1e6 - 1.5));
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
  assert.equal(one(got("user-a", "company-a", 0.009999)), "payment.too-small");
  assert.equal(one(got("user-a", "company-a", 5, collateral)), "payment.bureau");
  assert.equal(one(got("user-a", "bureau-a", 1, collateral)), "payment.beyond-balance");
  assert.equal(balanceOf(run.state, "user-a"), 5_000_000);
  assert.equal(balanceOf(run.state, "bureau-a"), -5_000_000);
  // A bid is open: what it may come to stays.
  const bid = quote("user-a", 2, { quantity: wh(7_000) });
  assert.deepEqual(run.block(31, bid.seal), []);
  assert.deepEqual(run.block(41, bid.open), []);
  assert.equal(run.block(42, got("user-a", "bureau-a", 0.2))[0], "payment.needed");
  assert.deepEqual(run.block(42, got("user-a", "bureau-a", 0.1)), []);
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
