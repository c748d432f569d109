/** Who is paired with whom, by example. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import { type AcceptedQuote, evenWeights, type PairingWeights } from "./nearest-first.ts";
import { pairQuotes } from "./pairing.ts";

type Loose = Omit<AcceptedQuote, "id" | "limit" | "accepted"> & {
  readonly limit: number;
  readonly accepted: number;
};

/** A quote of 1 000 Wh at 0.2 currency/kWh, but for what is said. */
function quote(id: string, differing: Partial<Loose> & Pick<Loose, "side">): AcceptedQuote {
  const { limit = 200_000, accepted = 1000, ...rest } = differing;
  const numbers = { limit: microPerKwh(limit), accepted: wh(accepted) };
  return { id, party: id, form: "any", ...rest, ...numbers };
}

function partnersOf(quotes: readonly AcceptedQuote[], weights?: PairingWeights): string[] {
  const pairing = pairQuotes(quotes, weights);
  assert.ok(pairing.ok);
  return pairing.matches.map(({ ask, bid, quantity }) => `${ask}-${bid} ${quantity}`);
}

test("a bid for solar gets solar, a bid for any form takes what is left", () => {
  const quotes = [
    quote("a1", { side: "ask", form: "wind" }),
    quote("a2", { side: "ask", form: "solar" }),
    quote("b1", { side: "bid", form: "any" }),
    quote("b2", { side: "bid", form: "solar" }),
  ];
  // a1-b1 and a2-b1 are as close as a2-b2; the smaller ask goes first, and then the smaller bid.
  assert.deepEqual(partnersOf(quotes), ["a1-b1 1000", "a2-b2 1000"]);
});

test("an ask that names no form is no nearer to a wish for solar than wind is", () => {
  const quotes = [
    quote("a1", { side: "ask", form: "any" }),
    quote("a2", { side: "ask", form: "solar" }),
    quote("b1", { side: "bid", form: "solar" }),
    quote("b2", { side: "bid", form: "wind" }),
  ];
  assert.deepEqual(partnersOf(quotes), ["a2-b1 1000", "a1-b2 1000"]);
});

test("another form counts as much as 0.1 currency/kWh between the limits", () => {
  const solarAt = (limit: number) => [
    quote("a1", { side: "ask", form: "wind" }),
    quote("a2", { side: "ask", form: "solar", limit }),
    quote("b1", { side: "bid", form: "solar" }),
    quote("b2", { side: "bid", limit: 900_000 }),
  ];
  assert.deepEqual(partnersOf(solarAt(299_000)), ["a2-b1 1000", "a1-b2 1000"]);
  assert.deepEqual(partnersOf(solarAt(301_000)), ["a1-b1 1000", "a2-b2 1000"]);
});

test("neighbours on a feeder meet, unless feeders weigh nothing", () => {
  const quotes = [
    quote("a1", { side: "ask", feeder: "north" }),
    quote("a2", { side: "ask", feeder: "south" }),
    quote("b1", { side: "bid", feeder: "south" }),
    quote("b2", { side: "bid", feeder: "north" }),
  ];
  assert.deepEqual(partnersOf(quotes), ["a1-b2 1000", "a2-b1 1000"]);
  assert.deepEqual(partnersOf(quotes, { ...evenWeights, feeder: 0 }), ["a1-b1 1000", "a2-b2 1000"]);
});

test("an unknown feeder is nobody's neighbour, not even of another unknown one", () => {
  const quotes = [
    quote("a1", { side: "ask", feeder: "north" }),
    quote("a2", { side: "ask" }),
    quote("b1", { side: "bid" }),
    quote("b2", { side: "bid", feeder: "north" }),
  ];
  assert.deepEqual(partnersOf(quotes), ["a1-b2 1000", "a2-b1 1000"]);
});

test("the more reputable are served first, and with each other", () => {
  const quotes = [
    quote("a1", { side: "ask", reputation: 0.1 }),
    quote("a2", { side: "ask", reputation: 0.9 }),
    quote("b1", { side: "bid", reputation: 0.1 }),
    quote("b2", { side: "bid", reputation: 0.9 }),
  ];
  assert.deepEqual(partnersOf(quotes), ["a2-b2 1000", "a1-b1 1000"]);
});

test("a party on both sides is not left alone with itself at the end", () => {
  // By distance alone a1 would go to b1, and p would be left with its own a2 and b2.
  const quotes = [
    quote("a1", { side: "ask", party: "o", limit: 100_000 }),
    quote("a2", { side: "ask", party: "p", limit: 0 }),
    quote("b1", { side: "bid", party: "q", limit: 100_000 }),
    quote("b2", { side: "bid", party: "p", limit: 900_000 }),
  ];
  assert.deepEqual(partnersOf(quotes), ["a2-b1 1000", "a1-b2 1000"]);
});

test("a party that outweighs all others is refused, with the energy it would trade with itself", () => {
  const pairing = pairQuotes([
    quote("a1", { side: "ask", party: "p", accepted: 700 }),
    quote("a2", { side: "ask", party: "o", accepted: 300 }),
    quote("b1", { side: "bid", party: "p", accepted: 500 }),
    quote("b2", { side: "bid", party: "q", accepted: 500 }),
  ]);
  assert.ok(!pairing.ok);
  const { message, ...data } = pairing;
  assert.deepEqual(data, {
    ok: false,
    code: "market.paired-with-itself",
    party: "p",
    excess: wh(200),
  });
  assert.match(message, /p sells and buys 200 Wh/);
});

test("an empty book has no matches", () => {
  assert.deepEqual(pairQuotes([]), { ok: true, matches: [] });
});

test("books that clearing cannot have made are told from those it can", () => {
  const [ask, bid] = [quote("a", { side: "ask" }), quote("b", { side: "bid" })];
  assert.throws(() => pairQuotes([ask]), /as much accepted of asks as of bids, got 1000 and 0 Wh/);
  assert.throws(() => pairQuotes([ask, bid, ask]), /quote a appears twice/);
  assert.throws(() => pairQuotes([{ ...ask, accepted: wh(0) }, bid]), /accepted Wh above 0, got 0/);
  assert.throws(
    () => pairQuotes([ask, bid], { ...evenWeights, form: -1 }),
    /weight of form: expected a number ≥ 0, got -1/,
  );
  assert.throws(
    () => pairQuotes([{ ...ask, reputation: Number.NaN }, bid]),
    /reputation in 0 … 1, got NaN/,
  );
});
