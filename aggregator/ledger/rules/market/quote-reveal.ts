import {
  compareBytes,
  type Mandate,
  type QuoteReveal,
  type QuoteTerms,
  type Refusal,
  sealQuotes,
} from "@busbar/protocol";
import { defaults, expose, headroom, quotesCost } from "../../exposure.ts";
import { parametersOf } from "../../parameters.ts";
import type { Identity } from "../../registry.ts";
import type { BlockContext, Outcome, TxRule } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { mandates } from "../mandate.ts";
import { isBalancing } from "./balancing.ts";
import { positionOf } from "./positions.ts";
import { actsFor } from "./quote-commit.ts";
import { type Commitment, commitmentPlaces, commitments, hex, slotKey } from "./tables.ts";
import { isLastGate, timetable } from "./timetable.ts";

/**
 * 100 MWh: more than any party of a microgrid moves in a slot. It keeps every price times quantity,
 * and the accounts of many years, below 2⁵³.
 */
const slotWhMax = 100_000_000;

/**
 * Opens a sealed quote between gate and clearing. Codes, in order: `quote.unknown`,
 * `quote.not-owner`, `quote.hash`, `quote.not-yet`, `quote.too-late`, `quote.both-sides`,
 * `quote.too-much`, `quote.no-mandate`, `quote.beyond-mandate`, `quote.in-default`, `quote.beyond-credit`.
 */
export const quoteRevealRule: TxRule<"quote-reveal"> = (context, message, signer): Outcome => {
  const id = hex(message.id);
  const at = commitmentPlaces.get(context.state, id);
  const key = at === undefined ? undefined : `${slotKey(at.slot)}/${at.owner}/${id}`;
  const commitment = key === undefined ? undefined : commitments.get(context.state, key);
  if (key === undefined || commitment === undefined) {
    return refuse("quote.unknown", `no quote ${id} was committed`);
  }
  if (!actsFor(signer, commitment.owner)) {
    return refuse("quote.not-owner", `${signer.id} may not open a quote of ${commitment.owner}`);
  }
  const { owner, slot, gate } = commitment;
  const sealed = { id: message.id, owner, slot, gate };
  if (compareBytes(sealQuotes(sealed, message.quotes, message.salt), commitment.hash) !== 0) {
    return refuse("quote.hash", `quote ${id} does not match what was committed`);
  }
  if (commitment.revealed !== undefined) return { ok: true, code: "exists" };
  const refusal =
    checkTime(context, commitment) ??
    checkTerms(context, { message, commitment, signer }) ??
    checkCredit(context, commitment, message.quotes);
  if (refusal !== undefined) return refusal;
  expose(context.state, owner, costMost(context.state, commitment, message.quotes));

  commitments.set(context.state, key, { ...commitment, revealed: message.quotes });
  context.emit({ type: "quote-revealed", id, owner, slot, quotes: message.quotes.length });
  return { ok: true };
};

function checkTime({ time, state }: BlockContext, { slot, gate }: Commitment): Refusal | undefined {
  const { passes } = timetable(slot, parametersOf(state, slot));
  const clearing = passes.find((pass) => pass.gate === gate)?.clearing ?? gate;
  if (time < gate) {
    return refuse("quote.not-yet", `slot ${slot} takes quotes until ${gate}; open yours after it`);
  }
  if (time >= clearing) {
    return refuse("quote.too-late", `slot ${slot} was cleared at ${clearing}, it is ${time}`);
  }
  return undefined;
}

function checkTerms(
  context: BlockContext,
  about: {
    readonly message: QuoteReveal;
    readonly commitment: Commitment;
    readonly signer: Identity;
  },
): Refusal | undefined {
  const { message, commitment, signer } = about;
  // What the owner opened before in this slot counts too, else limits could be passed in slices.
  const all = [...openedBefore(context, commitment), ...message.quotes];
  const [first] = all;
  // One net position per meter and slot: a party is a seller or a buyer in it, never both.
  if (all.some(({ side }) => side !== first?.side)) {
    return refuse("quote.both-sides", "one party quotes on one side of a slot");
  }
  const position = netAfter(context, commitment, all);
  if (position > slotWhMax) {
    return refuse(
      "quote.too-much",
      `${position} Wh with what is signed in the slot, at most ${slotWhMax} Wh count`,
    );
  }
  if (signer.kind !== "device") return undefined;
  const mandate = mandates.get(context.state, signer.id);
  if (mandate === undefined || mandate.until <= commitment.slot) {
    return refuse(
      "quote.no-mandate",
      `${commitment.owner} gave ${signer.id} no mandate for this slot`,
    );
  }
  return withinMandate(all, position, mandate);
}

/** What a commitment's quotes bind its owner to until the gate is cleared. */
export function costMost(
  state: StateReader,
  { slot, gate }: Pick<Commitment, "slot" | "gate">,
  quotes: readonly QuoteTerms[],
): number {
  const parameters = parametersOf(state, slot);
  return quotesCost(quotes, { ...parameters, isLast: isLastGate(slot, gate, parameters) });
}

/** Whether an owner's bids are covered: by its balance, collateral and credit line together. */
function checkCredit(
  { state }: BlockContext,
  commitment: Commitment,
  quotes: readonly QuoteTerms[],
): Refusal | undefined {
  const { owner, slot } = commitment;
  const parameters = parametersOf(state, slot);
  const free = isBalancing(state, owner) ? undefined : headroom(state, owner, parameters);
  const bound = costMost(state, commitment, quotes);
  if (free === undefined) return undefined;
  if (defaults.get(state, owner) !== undefined && quotes.some(({ side }) => side === "bid")) {
    const message = `${owner} is in default and buys nothing until its balance is 0 or more`;
    return refuse("quote.in-default", message);
  }
  if (bound === 0 || bound <= free) return undefined;
  const message = `quotes that can cost ${bound}, what the bureau gives at retail counted, ${Math.max(0, free)} are covered: pay in, leave collateral, or quote less`;
  return refuse("quote.beyond-credit", message);
}

function openedBefore({ state }: BlockContext, { owner, slot }: Commitment): QuoteTerms[] {
  const quotes: QuoteTerms[] = [];
  for (const [, { revealed }] of commitments.scan(state, `${slotKey(slot)}/${owner}/`)) {
    quotes.push(...(revealed ?? []));
  }
  return quotes;
}

/**
 * What the party would have sold in the slot, or bought where it bids, if all of its quotes were
 * taken, net of all that its gates before brought: one position goes through them all.
 */
function netAfter(
  { state }: BlockContext,
  { owner, slot }: Commitment,
  quotes: readonly QuoteTerms[],
): number {
  const total = quotes.reduce((sum, { quantity }) => sum + quantity, 0);
  const sold = positionOf(state, owner, slot);
  return quotes[0]?.side === "ask" ? total + sold : total - sold;
}

function withinMandate(
  quotes: readonly QuoteTerms[],
  position: number,
  mandate: Mandate,
): Refusal | undefined {
  const asks = quotes[0]?.side === "ask";
  const most = asks ? mandate.askMax : mandate.bidMax;
  if (position > most) {
    const message = `${position} Wh with what is signed in the slot, the owner's limit is ${most} Wh`;
    return refuse("quote.beyond-mandate", message);
  }
  const beyond = quotes.find(({ limit }) =>
    asks ? limit < mandate.askPriceMin : limit > mandate.bidPriceMax,
  );
  if (beyond === undefined) return undefined;
  const limit = asks ? `at least ${mandate.askPriceMin}` : `at most ${mandate.bidPriceMax}`;
  return refuse(
    "quote.beyond-mandate",
    `${beyond.limit} per kWh quoted, the owner's limit is ${limit}`,
  );
}

function refuse(code: string, message: string): Refusal {
  return { ok: false, code, message };
}
