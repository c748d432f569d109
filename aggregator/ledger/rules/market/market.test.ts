import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, sealQuotes, utcMs, wh } from "@busbar/protocol";
import { netIncomes } from "../../../market/game/equations.ts";
import { accountSums } from "../../accounts.ts";
import { creditReports, creditScore } from "../../credit.ts";
import { paidIn } from "../../settlements.ts";
import { entry, frameOf, MeterChain, startTime } from "../../test-site.ts";
import { contracts, slotKey, slots } from "./tables.ts";
import { Chain, hour, mandate, minute, quote, slot } from "./test-chain.ts";

const ask = quote("company-a", 1, { side: "ask", form: "solar", quantity: wh(324_000) });
const bid = quote("user-a", 2, { quantity: wh(733_000), limit: microPerKwh(695_000) });

/** A slot with the paper's noon: the company has 324 kWh to spare, the users need 733. */
function noon(): Chain {
  const run = new Chain();
  run.block(20, mandate("company-a"), mandate("user-a"));
  assert.deepEqual(run.block(25, ask.seal, bid.seal), []);
  assert.deepEqual(run.block(41, ask.open, bid.open), []);
  run.block(51);
  return run;
}

test("a slot goes from sealed quotes to contracts at the paper's noon prices", () => {
  const run = noon();
  const [cleared] = run.of("slot-cleared");
  assert.ok(cleared !== undefined && cleared.clearing !== null);
  assert.ok(Math.abs((cleared.prices.cu ?? 0) - 556_800) <= 1_000, "p_CU of the closed form");
  assert.ok(Math.abs((cleared.prices.gu ?? 0) - 688_500) <= 1_000, "p_GU of the closed form");
  for (const channel of ["cu", "gu"] as const) {
    const error = Math.abs((cleared.prices[channel] ?? 0) - (cleared.exact?.[channel] ?? 0));
    assert.ok(error <= 1_000, `${channel}: the certificate is within 0.001 of the colony`);
  }
  assert.equal(cleared.prices.gc, null, "what carries no energy is not traded");
  assert.equal(cleared.prices.cg, null);
  assert.ok(cleared.clearing >= 690_000 && cleared.clearing <= 695_000, "inside both limits");
  const [book, residual, ...more] = run.of("contract-signed");
  assert.equal(more.length, 0);
  assert.deepEqual(
    [book?.seller, book?.buyer, book?.quantityWh, book?.origin],
    ["company-a", "user-a", 324_000, "book"],
  );
  assert.deepEqual(
    [residual?.seller, residual?.buyer, residual?.quantityWh, residual?.price],
    ["bureau-a", "user-a", 409_000, cleared.prices.cu],
  );
});

test("each opened quote is told what became of it, why, and where its rest goes", () => {
  const run = new Chain();
  run.block(20, mandate("company-a"), mandate("user-a"));
  const dear = {
    side: "ask",
    form: "wind",
    quantity: wh(9_000),
    limit: microPerKwh(699_000),
  } as const;
  const quotes = [ask, quote("company-a", 3, dear), quote("user-a", 4, { quantity: wh(400_000) })];
  run.block(25, ...quotes.map(({ seal }) => seal));
  run.block(41, ...quotes.map(({ open }) => open));
  run.block(51);
  const price = run.of("slot-cleared")[0]?.clearing;
  const told = run.of("quote-cleared").map(({ owner, side, quantityWh, filledWh, why, rest }) => {
    return [owner, side, quantityWh, filledWh, why, rest];
  });
  assert.deepEqual(told, [
    ["company-a", "ask", 324_000, 324_000, null, null],
    ["company-a", "ask", 9_000, 0, "price", "bureau"],
    ["user-a", "bid", 400_000, 324_000, "shared", "bureau"],
  ]);
  assert.ok(run.of("quote-cleared").every((event) => event.price === price));

  const alone = new Chain();
  alone.block(20, mandate("user-a"));
  alone.block(25, bid.seal);
  alone.block(41, bid.open);
  alone.block(51);
  assert.deepEqual(
    alone
      .of("quote-cleared")
      .map(({ why, rest, price: none, filledWh }) => [why, rest, none, filledWh]),
    [["nobody", "bureau", null, 0]],
  );
});

test("delivery settles by the meters, as eq. 1-8 say, and all accounts sum to zero", () => {
  const run = noon();
  const company = new MeterChain("company-a");
  const user = new MeterChain("user-a");
  const before = startTime + 30 * minute;
  assert.deepEqual(run.block(60, company.frame(entry(before, 0, 5), entry(slot, 0, 9))), []);
  run.block(61, user.frame(entry(before, 70), entry(slot, 100)));
  run.block(120, company.frame(entry(slot + hour, 0, 324_009)));
  assert.equal(run.of("contract-settled").length, 0, "the user's meter has not reported");
  run.block(121, user.frame(entry(slot + hour, 733_100)));
  assert.equal(run.of("contract-settled").length, 2);
  assert.equal(run.of("imbalance-settled").length, 0, "the meters showed what was contracted");
  assert.equal(run.of("slot-settled").length, 1);
  assert.equal(slots.get(run.state, slotKey(slot))?.stage, "settled");
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });

  const [gu, cu] = run.of("contract-signed");
  const expected = netIncomes({
    quantities: { cg: wh(0), cu: wh(409_000), gc: wh(0), gu: wh(324_000) },
    prices: {
      cg: undefined,
      cu: microPerKwh(cu?.price ?? 0),
      gc: undefined,
      gu: microPerKwh(gu?.price ?? 0),
    },
    subsidyPermille: 50,
  });
  assert.deepEqual(
    [run.money("company-a"), run.money("bureau-a"), run.money("user-a")],
    [expected.company, expected.bureau, expected.user],
  );
});

test("who delivers less and who draws more settles the difference with the bureau", () => {
  const run = noon();
  const company = new MeterChain("company-a");
  const user = new MeterChain("user-a");
  run.block(60, company.frame(entry(slot, 0, 0)), user.frame(entry(slot, 0)));
  run.block(
    121,
    company.frame(entry(slot + hour, 0, 320_000)),
    user.frame(entry(slot + hour, 740_000)),
  );
  const differences = run
    .of("imbalance-settled")
    .map(({ owner, side, imbalanceWh, amount }) => [owner, side, imbalanceWh, amount]);
  assert.deepEqual(differences, [
    ["company-a", "bid", 4_000, -3_080_000],
    ["user-a", "bid", 7_000, -5_390_000],
  ]);
  // Retail is 0.7; what is above it is the penalty.
  assert.deepEqual(
    run.of("imbalance-settled").map(({ soldWh, penalty }) => [soldWh, penalty]),
    [
      [324_000, 280_000],
      [-733_000, 490_000],
    ],
  );
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a slot without quotes is settled at the meters all the same", () => {
  const run = new Chain();
  const user = new MeterChain("user-a");
  const company = new MeterChain("company-a");
  run.block(20);
  run.block(60, user.frame(entry(slot, 0)), company.frame(entry(slot, 0)));
  run.block(121, user.frame(entry(slot + hour, 10_000)), company.frame(entry(slot + hour, 0)));
  assert.equal(run.of("contract-signed").length, 0);
  assert.equal(run.money("user-a"), -7_700_000);
  assert.equal(run.of("slot-settled").length, 1);
});

test("between what was asked and what was bid the colony's price is the clearing price", () => {
  const run = new Chain();
  run.block(20, mandate("company-a"), mandate("user-a"));
  // As much is asked for as is offered, so any price from 0.41 to 0.7 would do.
  const sold = { side: "ask", limit: microPerKwh(410_000), quantity: wh(5000) } as const;
  const asked = quote("company-a", 50, sold);
  const bid = quote("user-a", 51, { limit: microPerKwh(700_000), quantity: wh(5000) });
  run.block(25, asked.seal, bid.seal);
  run.block(41, asked.open, bid.open);
  run.block(51);
  const cleared = run.of("slot-cleared").find(({ quantityWh }) => quantityWh > 0);
  assert.ok(cleared?.clearing !== undefined && cleared.clearing !== null);
  assert.equal(cleared.clearing, cleared.prices.gu);
  assert.notEqual(cleared.clearing, 555_000, "the middle of the interval");
});

test("a quote that is never opened is void and stands in the credit report", () => {
  const run = new Chain();
  run.block(20, mandate("company-a"), mandate("user-a"));
  run.block(25, ask.seal, bid.seal);
  run.block(41, ask.open);
  run.block(51);
  assert.deepEqual(
    run.of("quote-void").map(({ owner }) => owner),
    ["user-a"],
  );
  const report = creditReports.get(run.state, "user-a");
  assert.deepEqual(report?.counts, [{ kind: "quote-unopened", times: 1 }]);
  assert.match(report?.entries[0]?.reason ?? "", /was not opened/);
  assert.equal(creditScore(run.state, "user-a"), 995);
  assert.deepEqual(
    run.of("contract-signed").map(({ seller, buyer }) => [seller, buyer]),
    [["company-a", "bureau-a"]],
  );
});

test("each wrong quote is refused with its code and changes nothing", () => {
  const run = new Chain();
  run.block(20, mandate("company-a"));
  const unaligned = quote("company-a", 3, {}, slot + 1);
  const unopened = quote("company-a", 4, {}, slot + 5 * hour);
  const foreign = frameOf("user-a-unit", "quote-commit", {
    id: ask.id,
    owner: "company-a",
    slot: utcMs(slot),
    hash: new Uint8Array(32),
    gate: utcMs(slot - 20 * minute),
  });
  assert.deepEqual(run.block(25, unaligned.seal, unopened.seal, foreign), [
    "quote.slot-unknown",
    "quote.slot-unknown",
    "quote.not-owner",
  ]);
  assert.deepEqual(run.block(26, ask.seal, ask.open), ["quote.not-yet"]);
  const other = quote("company-a", 1, { quantity: wh(5) });
  assert.deepEqual(run.block(27, other.seal), ["quote.exists-different"]);
  assert.deepEqual(run.block(28, ask.seal), ["tx.exists"], "the same once more is known");

  const greedy = quote("company-a", 5, { side: "ask", quantity: wh(1_000_001) });
  const cheap = quote("company-a", 6, { side: "ask", limit: microPerKwh(399_999) });
  const unlimited = quote("user-a", 7, {});
  run.block(29, greedy.seal, cheap.seal, unlimited.seal);
  const forged = frameOf("company-a-unit", "quote-reveal", {
    id: ask.id,
    quotes: [{ ...ask.quotes[0], limit: microPerKwh(1) }],
    salt: ask.salt,
  });
  const unknown = frameOf("company-a-unit", "quote-reveal", {
    id: new Uint8Array(16),
    quotes: ask.quotes,
    salt: ask.salt,
  });
  assert.deepEqual(run.block(41, forged, unknown, greedy.open, cheap.open, unlimited.open), [
    "quote.hash",
    "quote.unknown",
    "quote.beyond-mandate",
    "quote.beyond-mandate",
    "quote.no-mandate",
  ]);
  assert.deepEqual(run.block(42, quote("company-a", 8, {}).seal), ["quote.gate-closed"]);
  run.block(51);
  assert.deepEqual(run.of("contract-signed"), []);
});

test("limits hold for all of an owner's quotes in a slot together", () => {
  const run = new Chain();
  run.block(20, mandate("company-a", { askMax: wh(500_000) }));
  const [one, two] = [30, 31].map((name) =>
    quote("company-a", name, { side: "ask", quantity: wh(300_000) }),
  );
  const bought = quote("company-a", 32, { side: "bid" });
  const gate = utcMs(slot - 20 * minute);
  const about = { id: new Uint8Array(16).fill(33), owner: "company-a", slot: utcMs(slot), gate };
  const flood = frameOf("company-a", "quote-commit", {
    ...about,
    hash: sealQuotes(
      about,
      [{ side: "ask", form: "any", quantity: wh(99_999_999), limit: microPerKwh(1) }],
      new Uint8Array(32),
    ),
  });
  const floodOpen = frameOf("company-a", "quote-reveal", {
    id: new Uint8Array(16).fill(33),
    quotes: [{ side: "ask", form: "any", quantity: wh(99_999_999), limit: microPerKwh(1) }],
    salt: new Uint8Array(32),
  });
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(run.block(25, one.seal, two.seal, bought.seal, flood), []);
  assert.deepEqual(run.block(41, one.open, two.open, bought.open, floodOpen), [
    "quote.beyond-mandate",
    "quote.both-sides",
    "quote.too-much",
  ]);
});

test("nobody pays more than retail or gets less than feed-in, whatever was quoted", () => {
  // Both would also agree above retail, or below feed-in; they trade with the bureau instead.
  for (const [ask, bid] of [
    [1, 900_000],
    [850_000, 900_000],
    [100_000, 200_000],
  ] as const) {
    const run = new Chain();
    run.block(
      20,
      mandate("company-a", { askPriceMin: microPerKwh(0) }),
      mandate("user-a", { bidPriceMax: microPerKwh(900_000) }),
    );
    const sold = { side: "ask", limit: microPerKwh(ask), quantity: wh(5000) } as const;
    const cheap = quote("company-a", 40, sold);
    const eager = quote("user-a", 41, { limit: microPerKwh(bid), quantity: wh(4000) });
    run.block(25, cheap.seal, eager.seal);
    run.block(41, cheap.open, eager.open);
    run.block(51);
    for (const { price } of run.of("contract-signed"))
      assert.ok(price >= 400_000 && price <= 700_000, `${price} for ${ask} and ${bid}`);
    assert.equal(run.of("contract-signed").length, 2);
  }
});

test("nobody quotes on both sides of a slot, nor more often than eight times", () => {
  const run = new Chain();
  run.block(20, mandate("company-a"));
  const many = Array.from({ length: 9 }, (_, i) => quote("company-a", 10 + i, {}).seal);
  assert.deepEqual(run.block(25, ...many), ["quote.too-many"]);
});

test("after a long silence every slot is gone through in order, some in each block", () => {
  const run = new Chain();
  run.block(20);
  run.block(60 * 60);
  run.block(60 * 60 + 1);
  run.block(60 * 60 + 2);
  const opened = run.of("slot-opened").map((event) => event.slot);
  const cleared = run.of("slot-cleared").map((event) => event.slot);
  assert.deepEqual(opened.slice(0, 3), [slot, slot + hour, slot + 2 * hour]);
  assert.deepEqual(
    cleared,
    [...cleared].sort((a, b) => a - b),
  );
  assert.equal(new Set(cleared).size, cleared.length);
  assert.equal(cleared.length, 60);
});

test("contracts carry their origin and wait for settlement", () => {
  const run = noon();
  const stored = [...contracts.scan(run.state)].map(([, contract]) => contract);
  assert.deepEqual(
    stored.map(({ origin }) => origin),
    ["book", "residual"],
  );
  assert.equal(paidIn(run.state, slot).size, 0);
});
