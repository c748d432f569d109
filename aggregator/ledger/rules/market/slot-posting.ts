import type { UtcMs } from "@busbar/protocol";
import type { BlockContext } from "../../rule.ts";
import { type Due, freeContracts, notePayments, payContracts } from "./contract-settlement.ts";
import { type MadeParty, noteParties, postParties } from "./party-settlement.ts";
import { book, differenceOf } from "./posting.ts";
import type { SettlementNotes } from "./settlement-notes.ts";
import { countInBalance } from "./slot-balance.ts";
import { openPayees } from "./statement-terms.ts";

/** What becomes of a slot in a block: contracts that can be paid, parties that are settled for the first time. */
export type SlotPosting = {
  readonly slot: UtcMs;
  readonly due: readonly Due[];
  readonly parties: readonly MadeParty[];
};

/**
 * Posts what slots came to. A block mostly settles several of the same owners: where all of it fits, each account
 * is written once, else slot by slot, and there in as small parts as it takes.
 */
export function postSlots(
  context: BlockContext,
  slots: readonly SlotPosting[],
  notes: SettlementNotes,
): void {
  const [first] = slots;
  if (first === undefined) return;
  const movements = slots.map(({ due, parties }) => [
    ...due.flatMap((one) => one.movements),
    ...parties.flatMap(({ made }) => made.movements),
  ]);
  const all = movements.flat();
  openPayees(context.state, all);
  const fits = book(context, differenceOf([], all), { slot: first.slot, movement: undefined });
  if (fits) {
    freeContracts(
      context.state,
      slots.flatMap(({ due }) => due),
    );
  }
  for (const [i, { slot, due, parties }] of slots.entries()) {
    if (fits) {
      countInBalance(context.state, slot, { after: movements[i] ?? [] });
      notePayments(context, { slot, due, notes });
      noteParties(context, parties, { notes, isPosted: () => true });
    } else {
      payContracts(context, { slot, due, notes });
      postParties(context, parties, notes);
    }
  }
}
