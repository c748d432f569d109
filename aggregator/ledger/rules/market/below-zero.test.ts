import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, micro, microPerKwh, type QuoteTerms, wh } from "@busbar/protocol";
import { accountSums } from "../../accounts.ts";
import { exposures } from "../../exposure.ts";
import type { Genesis } from "../../genesis.ts";
import { entry, MeterChain, testGenesis } from "../../test-site.ts";
import { Chain, hour, mandate, quote, slot } from "./test-chain.ts";

/** A community in which energy can be a burden: the bureau takes it for 0.05 and is paid for that. */

const price = microPerKwh;
const parameters: Genesis["parameters"] = {
  ...testGenesis().parameters,
  bands: {
    company: [price(-100_000), price(-45_000)],
    bureau: [price(-80_000), price(250_000)],
    user: [price(-80_000), price(250_000)],
  },
  feedIn: price(-50_000),
  retail: price(300_000),
};

/** The company offers 10 kWh at this limit, a user asks for 4 at −0.02. */
function cleared(limit: number): Chain {
  const run = new Chain({ parameters });
  const limits = { askPriceMin: price(-60_000), bidPriceMax: price(300_000) };
  const ask = quote("company-a", 1, { side: "ask", quantity: wh(10_000), limit: price(limit) });
  const bid = quote("user-a", 2, { quantity: wh(4_000), limit: price(-20_000) });
  run.block(20, mandate("company-a", limits), mandate("user-a", limits));
  assert.deepEqual(run.block(25, ask.seal, bid.seal), []);
  assert.deepEqual(run.block(41, ask.open, bid.open), []);
  run.block(51);
  return run;
}

/** Both meters report what they gave and drew, Wh. */
function delivered(run: Chain, gave: number, drew: number): Chain {
  const [company, user] = [new MeterChain("company-a"), new MeterChain("user-a")];
  run.block(120, company.frame(entry(slot, 0, 0), entry(slot + hour, 0, gave)));
  run.block(121, user.frame(entry(slot, 0), entry(slot + hour, drew)));
  assert.equal(run.of("slot-settled").length, 1);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
  return run;
}

test("below 0 the seller pays, in the book and for what the bureau takes, and nobody is subsidised", () => {
  const run = cleared(-50_000);
  const [book, rest, ...more] = run.of("contract-signed");
  assert.equal(more.length, 0);
  assert.deepEqual(
    [book?.price, book?.quantityWh],
    [-50_000, 4_000],
    "there is more than is wanted",
  );
  assert.equal(run.of("slot-cleared")[0]?.clearing, -50_000);
  assert.deepEqual([rest?.buyer, rest?.quantityWh], ["bureau-a", 6_000]);
  const gc = run.of("slot-cleared")[0]?.prices.gc ?? 0;
  assert.equal(rest?.price, Math.max(-50_000, gc), "the reference price, no worse than feed-in");
  delivered(run, 10_000, 4_000);
  const owed = cost(price(rest?.price ?? 0), wh(6_000));
  assert.ok(owed < 0);
  assert.deepEqual(
    [run.money("user-a"), run.money("bureau-a"), run.money("company-a")],
    [200_000, -owed, owed - 200_000],
  );
  for (const { subsidy } of run.of("contract-settled")) assert.ok(Object.is(subsidy, 0));
  assert.equal(run.of("imbalance-settled").length, 0);
});

test("who asks for more than the bureau gives keeps its energy: to switch off, or to give at a loss", () => {
  const off = delivered(cleared(-40_000), 4_000, 4_000);
  assert.deepEqual(
    off.of("contract-signed").map(({ buyer, price: at }) => [buyer, at]),
    [["user-a", -40_000]],
  );
  assert.equal(off.money("company-a"), -160_000);
  const on = delivered(cleared(-40_000), 10_000, 4_000);
  const [surplus] = on.of("imbalance-settled");
  assert.deepEqual(
    [surplus?.side, surplus?.imbalanceWh, surplus?.amount],
    ["ask", 6_000, -330_000],
    "a tenth worse than feed-in",
  );
});

test("who bids to be paid is not made to buy what found nobody", () => {
  const run = new Chain({ parameters });
  run.block(20, mandate("user-a"));
  const bid = quote("user-a", 2, { quantity: wh(4_000), limit: price(-20_000) });
  run.block(25, bid.seal);
  assert.deepEqual(run.block(41, bid.open), []);
  run.block(51);
  assert.equal(run.of("contract-signed").length, 0);
  const need = quote("user-a", 3, { quantity: wh(4_000), limit: price(0) }, slot + hour);
  run.block(75);
  run.block(85, need.seal);
  run.block(101, need.open);
  run.block(111);
  assert.deepEqual(
    run.of("contract-signed").map(({ seller, quantityWh }) => [seller, quantityWh]),
    [["bureau-a", 4_000]],
  );
});

test("below 0 it is the seller that has to be good for its contract, and what a buyer is to get covers nothing", () => {
  const opened = (line: number, wishes: readonly Partial<QuoteTerms>[]) => {
    const credit = { line: micro(line), tolerancePermille: 100 };
    const run = new Chain({ parameters: { ...parameters, credit } });
    const limits = { askPriceMin: price(-60_000), bidPriceMax: price(300_000) };
    const quotes = wishes.map((terms, i) => {
      return quote(terms.side === "ask" ? "company-a" : "user-a", i + 1, terms);
    });
    run.block(20, mandate("company-a", limits), mandate("user-a", limits));
    assert.deepEqual(run.block(25, ...quotes.map(({ seal }) => seal)), []);
    return { run, codes: run.block(41, ...quotes.map(({ open }) => open)) };
  };
  const bound = (run: Chain, owner: string) => exposures.get(run.state, owner)?.money ?? 0;
  const ask = { side: "ask", quantity: wh(10_000), limit: price(-60_000) } as const;
  // Nobody pays more than feed-in says: 0.05 for each of the 10 kWh.
  assert.deepEqual(opened(499_999, [ask]).codes, ["quote.beyond-credit"]);
  const paid = { side: "bid", quantity: wh(100_000), limit: price(-20_000) } as const;
  const dear = { side: "bid", quantity: wh(4_000), limit: price(290_000) } as const;
  assert.deepEqual(opened(500_000, [paid, dear]).codes, ["quote.beyond-credit"]);
  const bid = { side: "bid", quantity: wh(4_000), limit: price(-20_000) } as const;
  const { run, codes } = opened(500_000, [ask, bid]);
  assert.deepEqual(codes, []);
  assert.deepEqual([bound(run, "company-a"), bound(run, "user-a")], [500_000, 0]);
  run.block(51);
  const owed = run
    .of("contract-signed")
    .reduce((sum, { price: at, quantityWh }) => sum - cost(price(at), wh(quantityWh)), 0);
  assert.ok(owed > 0);
  assert.deepEqual([bound(run, "company-a"), bound(run, "user-a")], [owed, 0]);
  delivered(run, 10_000, 4_000);
  assert.equal(bound(run, "company-a"), 0);
});
