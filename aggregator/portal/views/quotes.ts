import { commitments, dues, slotKey } from "../../ledger/rules/market/tables.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import type { QuoteAnswer } from "./shapes.ts";

/** An owner's quotes for slots that still come to a gate or are about to be cleared. */
export function quotesOf(state: StateReader, owner: string): readonly QuoteAnswer[] {
  const slots = new Set(Array.from(dues.scan(state), ([, due]) => due.slot));
  return [...slots]
    .sort((a, b) => a - b)
    .flatMap((slot) =>
      Array.from(commitments.scan(state, `${slotKey(slot)}/${owner}/`), ([key, one]) => ({
        id: key.slice(key.lastIndexOf("/") + 1),
        slot: one.slot,
        gate: one.gate,
        time: one.time,
        quotes:
          one.revealed?.map(({ side, form, quantity, limit }) => ({
            side,
            form,
            quantityWh: quantity,
            limit,
          })) ?? null,
      })),
    );
}
