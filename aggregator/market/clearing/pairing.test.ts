/** Pairing on any book, beside the sorted list of all pairs and a maximal flow; examples are in pairing-examples.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type EnergyForm, microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import {
  type AcceptedQuote,
  evenWeights,
  type PairingWeights,
  pairingScales,
} from "./nearest-first.ts";
import { type Match, pairQuotes } from "./pairing.ts";

const forms: readonly EnergyForm[] = ["solar", "wind", "storage", "any"];

type Loose = Omit<AcceptedQuote, "id" | "limit" | "accepted"> & {
  readonly limit: number;
  readonly accepted: number;
};

/** Few parties, feeders and limits, so that they collide; the larger side is cut to the smaller. */
function bookOf(parties: number): fc.Arbitrary<AcceptedQuote[]> {
  const quote: fc.Arbitrary<Loose> = fc.record(
    {
      party: fc.nat(parties - 1).map((n) => `party-${n}`),
      side: fc.constantFrom("ask", "bid"),
      form: fc.constantFrom(...forms),
      accepted: fc.integer({ min: 1, max: 12 }),
      limit: fc.oneof(
        fc.nat(4).map((n) => n * 50_000),
        fc.nat(400_000),
      ),
      feeder: fc.constantFrom("north", "south"),
      reputation: fc.constantFrom(0, 0.25, 0.5, 1),
    },
    { requiredKeys: ["party", "side", "form", "accepted", "limit"] },
  );
  return fc.array(quote, { maxLength: 40, size: "max" }).map(balanced);
}

function balanced(quotes: readonly Loose[]): AcceptedQuote[] {
  const sum = (side: string) =>
    quotes.reduce((total, quote) => total + (quote.side === side ? quote.accepted : 0), 0);
  const left = { ask: Math.min(sum("ask"), sum("bid")), bid: Math.min(sum("ask"), sum("bid")) };
  return quotes.flatMap((quote, i) => {
    const accepted = Math.min(quote.accepted, left[quote.side]);
    left[quote.side] -= accepted;
    const named = { ...quote, id: `q${i}`, limit: microPerKwh(quote.limit) };
    return accepted === 0 ? [] : [{ ...named, accepted: wh(accepted) }];
  });
}

const weighting: fc.Arbitrary<PairingWeights> = fc.oneof(
  fc.constant(evenWeights),
  fc.record({
    limit: fc.constantFrom(0, 0.5, 1, 3),
    form: fc.constantFrom(0, 0.5, 1, 3),
    feeder: fc.constantFrom(0, 0.5, 1, 3),
    reputation: fc.constantFrom(0, 0.5, 1, 3),
  }),
);

function distance(ask: AcceptedQuote, bid: AcceptedQuote, weights: PairingWeights): number {
  const scaled = (name: keyof PairingWeights, one: number, other: number) => {
    const [weight, scale] = [weights[name], pairingScales[name]];
    const difference = (weight * one) / scale - (weight * other) / scale;
    return difference * difference;
  };
  const feederKnown = ask.feeder !== undefined && bid.feeder !== undefined;
  return (
    scaled("limit", ask.limit, bid.limit) +
    scaled("form", bid.form === "any" || bid.form === ask.form ? 0 : 1, 0) +
    scaled("feeder", feederKnown && ask.feeder === bid.feeder ? 0 : 1, 0) +
    scaled("reputation", ask.reputation ?? 0.5, bid.reputation ?? 0.5)
  );
}

function inOrder(a: AcceptedQuote, b: AcceptedQuote): number {
  return (b.reputation ?? 0.5) - (a.reputation ?? 0.5) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/**
 * The oracle: all pairs by distance; take the first that is free, as much of it as leaves every other
 * party somebody to trade with; start over.
 */
function literally(quotes: readonly AcceptedQuote[], weights: PairingWeights): Match[] {
  const left = new Map(quotes.map((quote) => [quote.id, quote.accepted as number]));
  const of = (quote: AcceptedQuote) => left.get(quote.id) ?? 0;
  const asks = quotes.filter(({ side }) => side === "ask");
  const bids = quotes.filter(({ side }) => side === "bid");
  const pairs = asks
    .flatMap((ask) => bids.map((bid) => ({ ask, bid, squared: distance(ask, bid, weights) })))
    .filter(({ ask, bid }) => ask.party !== bid.party)
    .sort((a, b) => a.squared - b.squared || inOrder(a.ask, b.ask) || inOrder(a.bid, b.bid));
  const roomBeside = (one: string, other: string) => {
    const total = asks.reduce((sum, ask) => sum + of(ask), 0);
    const parties = new Set(quotes.map(({ party }) => party));
    const rooms = [...parties]
      .filter((party) => party !== one && party !== other)
      .map((party) =>
        quotes.reduce((room, quote) => room - (quote.party === party ? of(quote) : 0), total),
      );
    return Math.min(total, ...rooms);
  };
  const matches: Match[] = [];
  for (let found = true; found; ) {
    found = false;
    for (const { ask, bid } of pairs) {
      const most = Math.min(of(ask), of(bid));
      const quantity = most === 0 ? 0 : Math.min(most, roomBeside(ask.party, bid.party));
      if (quantity === 0) continue;
      left.set(ask.id, of(ask) - quantity);
      left.set(bid.id, of(bid) - quantity);
      matches.push({ ask: ask.id, bid: bid.id, quantity: wh(quantity) });
      found = true;
      break;
    }
  }
  return matches;
}

/** The most energy that can flow from asks to other parties' bids, by augmenting paths. */
function maximalFlow(quotes: readonly AcceptedQuote[]): number {
  const asks = quotes.filter(({ side }) => side === "ask");
  const bids = quotes.filter(({ side }) => side === "bid");
  const spare = new Map(quotes.map(({ id, accepted }) => [id, accepted as number]));
  const flow = new Map<string, number>();
  const key = (ask: AcceptedQuote, bid: AcceptedQuote) => `${ask.id} ${bid.id}`;
  const add = (at: string, one: number) => flow.set(at, (flow.get(at) ?? 0) + one);
  const push = (ask: AcceptedQuote, seen: Set<string>): boolean =>
    bids.some((bid) => {
      if (bid.party === ask.party || seen.has(bid.id)) return false;
      seen.add(bid.id);
      const free = (spare.get(bid.id) ?? 0) > 0;
      const other = asks.find((one) => (flow.get(key(one, bid)) ?? 0) > 0 && push(one, seen));
      if (!free && other === undefined) return false;
      if (other === undefined) spare.set(bid.id, (spare.get(bid.id) ?? 0) - 1);
      else add(key(other, bid), -1);
      add(key(ask, bid), 1);
      return true;
    });
  let total = 0;
  for (const ask of asks) {
    for (let i = 0; i < ask.accepted && push(ask, new Set()); i += 1) total += 1;
  }
  return total;
}

function checkWhole(quotes: readonly AcceptedQuote[], matches: readonly Match[]): void {
  const byId = new Map(quotes.map((quote) => [quote.id, quote]));
  const paired = new Map<string, number>();
  for (const { ask, bid, quantity } of matches) {
    assert.ok(quantity > 0);
    assert.equal(byId.get(ask)?.side, "ask");
    assert.equal(byId.get(bid)?.side, "bid");
    assert.notEqual(byId.get(ask)?.party, byId.get(bid)?.party);
    for (const id of [ask, bid]) paired.set(id, (paired.get(id) ?? 0) + quantity);
  }
  for (const { id, accepted } of quotes) assert.equal(paired.get(id), accepted, id);
  const pairs = new Set(matches.map(({ ask, bid }) => `${ask} ${bid}`));
  assert.equal(pairs.size, matches.length, "a pair of quotes is one match");
}

const fewOrMany = fc.constantFrom(2, 3, 4, 8, 40).chain(bookOf);

test("every accepted watt-hour is paired once and never with its own party, whenever that is possible", () => {
  fc.assert(
    fc.property(fewOrMany, weighting, (quotes, weights) => {
      const pairing = pairQuotes(quotes, weights);
      const asked = quotes.reduce((sum, q) => sum + (q.side === "ask" ? q.accepted : 0), 0);
      const possible = maximalFlow(quotes);
      assert.equal(pairing.ok, possible === asked);
      if (pairing.ok) checkWhole(quotes, pairing.matches);
      else assert.equal(pairing.excess, asked - possible);
    }),
    { numRuns: 400 },
  );
});

test("matches are those of taking the closest free pair of all again and again", () => {
  fc.assert(
    fc.property(fewOrMany, weighting, (quotes, weights) => {
      const pairing = pairQuotes(quotes, weights);
      if (!pairing.ok) return;
      assert.deepEqual(pairing.matches, literally(quotes, weights));
    }),
    { numRuns: 400 },
  );
});

test("the order of the quotes changes nothing", () => {
  const shuffled = fewOrMany.chain((quotes) =>
    fc.tuple(fc.constant(quotes), fc.shuffledSubarray(quotes, { minLength: quotes.length })),
  );
  fc.assert(
    fc.property(shuffled, ([quotes, other]) => {
      assert.deepEqual(pairQuotes(other), pairQuotes(quotes));
    }),
  );
});
