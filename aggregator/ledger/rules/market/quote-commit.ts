import { compareBytes, type QuoteCommit, type Refusal } from "@busbar/protocol";
import { suspendedAccounts } from "../../exposure.ts";
import { parametersOf } from "../../parameters.ts";
import type { Identity } from "../../registry.ts";
import type { BlockContext, Outcome, TxRule } from "../../rule.ts";
import { balancingOf } from "./balancing.ts";
import { strayFeeder } from "./lines.ts";
import { marketParty } from "./parties.ts";
import { commitmentPlaces, commitments, hex, slotKey, slots } from "./tables.ts";
import { isSlotStart, timetable } from "./timetable.ts";

/** Commitments of one owner in one slot; more would only bloat the book. */
const perOwnerMax = 8;

/**
 * Takes a sealed quote until the gate closes. Codes, in order: `quote.not-owner`,
 * `quote.exists-different`, `quote.no-meter`, `quote.suspended`, `quote.slot-unknown`,
 * `quote.gate-closed`, `quote.no-feeder`, `quote.too-many`.
 */
export const quoteCommitRule: TxRule<"quote-commit"> = (context, message, signer): Outcome => {
  if (!actsFor(signer, message.owner)) {
    return refuse("quote.not-owner", `${signer.id} may not quote for ${message.owner}`);
  }
  const known = existing(context, message);
  if (known !== undefined) return known;

  const { slot, owner, gate } = message;
  // Delivery is seen at the meter alone: without one, promises would be paid and never kept.
  if (
    marketParty(context.state, owner) === undefined &&
    balancingOf(context.state, slot) !== owner
  ) {
    return refuse("quote.no-meter", `${owner} has no connection meter of a company or user`);
  }
  if (suspendedAccounts.get(context.state, owner) !== undefined) {
    return refuse("quote.suspended", `the members suspended ${owner}: it trades nothing`);
  }
  const open = slots.get(context.state, slotKey(slot));
  if (!isSlotStart(slot, context.parameters) || open === undefined) {
    return refuse("quote.slot-unknown", `no slot that starts at ${slot} is open for quotes`);
  }
  // A quote for one gate is none for the next: whoever sends it again would double what it trades.
  const now = timetable(slot, parametersOf(context.state, slot)).passes[open.pass]?.gate;
  if (gate !== now || context.time >= gate || open.stage !== "open") {
    return refuse(
      "quote.gate-closed",
      `slot ${slot} takes no quotes for a gate at ${gate}: its gate now is at ${now} and ${open.stage}, it is ${context.time}`,
    );
  }
  const stray = strayFeeder(context.state, owner, parametersOf(context.state, slot));
  if (stray !== undefined) {
    return refuse(
      "quote.no-feeder",
      `feeder ${stray} of ${owner} stands in no line of the slot's grid: members add it by a motion`,
    );
  }
  if (countOf(context, message) >= perOwnerMax) {
    return refuse("quote.too-many", `${message.owner} has ${perOwnerMax} quotes in slot ${slot}`);
  }
  const { hash } = message;
  const id = hex(message.id);
  commitments.set(context.state, `${slotKey(slot)}/${owner}/${id}`, {
    owner,
    slot,
    hash,
    time: context.time,
    gate,
  });
  commitmentPlaces.set(context.state, id, { slot, owner });
  context.emit({ type: "quote-committed", id, owner, slot });
  return { ok: true };
};

/** A device acts for the owner it belongs to; an owner for itself. */
export function actsFor(signer: Identity, owner: string): boolean {
  if (signer.kind === "device") return signer.device.owner === owner;
  return signer.kind === "owner" && signer.id === owner;
}

function existing({ state }: BlockContext, message: QuoteCommit): Outcome | undefined {
  const id = hex(message.id);
  const at = commitmentPlaces.get(state, id);
  if (at === undefined) return undefined;
  const commitment = commitments.get(state, `${slotKey(at.slot)}/${at.owner}/${id}`);
  const same =
    commitment !== undefined &&
    commitment.owner === message.owner &&
    commitment.slot === message.slot &&
    commitment.gate === message.gate &&
    compareBytes(commitment.hash, message.hash) === 0;
  if (same) return { ok: true, code: "exists" };
  return refuse("quote.exists-different", `id ${id} was used for another quote`);
}

function countOf({ state }: BlockContext, { slot, owner }: QuoteCommit): number {
  return [...commitments.scan(state, `${slotKey(slot)}/${owner}/`)].length;
}

function refuse(code: string, message: string): Refusal {
  return { ok: false, code, message };
}
