import {
  greenLines,
  greenMoves,
  greenTotals,
  greenUses,
  heldOf,
} from "../../ledger/certificates.ts";
import { parametersOf } from "../../ledger/parameters.ts";
import { certificateMoves } from "../../ledger/rules/certificate-move.ts";
import { slotKey } from "../../ledger/settlements.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { carbonGrams } from "../../settlement/carbon.ts";
import type { ViewContext } from "./context.ts";
import type { GreenAnswer } from "./shapes-community.ts";

const dayMs = 86_400_000;
/** Hours of one owner that are listed one by one, the newest. */
const linesMax = 100;

/** Certificates of the last days by owner and form, and what they make of what owners used; an owner's hours besides. */
export function greenOf(
  { store, clock, carbon }: ViewContext,
  { owner, days }: { readonly owner?: string | undefined; readonly days: number },
): GreenAnswer {
  const now = clock.now();
  const slotMs = parametersOf(store.state, now).slotMinutes * 60_000;
  const to = Math.floor(now / slotMs) * slotMs;
  const from = to - days * dayMs;
  const slots: number[] = [];
  for (let slot = from; slot < to; slot += slotMs) slots.push(slot);
  const state = narrowed(store.state, slots, owner);
  return {
    from,
    to,
    factors: carbon ?? null,
    totals: greenTotals(state, { from, to }).map((total) => ({
      ...total,
      heldWh: total.issuedWh + total.boughtWh - total.soldWh + total.movedWh - total.retiredWh,
    })),
    uses: [...greenUses(state, { from, to })].map(([one, use]) => ({
      owner: one,
      takenWh: use.takenWh,
      greenTakenWh: use.greenTakenWh,
      carbonGrams: carbon === undefined ? null : carbonGrams(use, carbon),
    })),
    lines: owner === undefined ? [] : linesOf(state),
    nextMove:
      owner === undefined ? 0 : (certificateMoves.get(store.state, owner)?.version ?? 0) + 1,
  };
}

const nothing = { issuedWh: 0, boughtWh: 0, soldWh: 0, retiredWh: 0 };

/** Slots with certificates of the owner: of its own making and trading, or handed to it. */
function linesOf(state: StateReader): GreenAnswer["lines"] {
  const keys = new Set([...greenLines.scan(state), ...greenMoves.scan(state)].map(([key]) => key));
  return [...keys]
    .sort()
    .reverse()
    .slice(0, linesMax)
    .map((key) => {
      const [slot = "", , form = ""] = key.split("/");
      const line = greenLines.get(state, key) ?? nothing;
      const heldWh = Math.max(0, heldOf(state, key));
      return { key: `green/${key}`, slot: Number(slot), form, ...line, heldWh };
    });
}

/**
 * The state as if it held these slots of one owner alone: what a table scans costs what is looked at, and not
 * two months of everybody.
 */
function narrowed(
  state: StateReader,
  slots: readonly number[],
  owner: string | undefined,
): StateReader {
  return {
    get: (key) => state.get(key),
    *scan(prefix) {
      for (const slot of slots) {
        const start = `${prefix}${slotKey(slot)}/${owner ?? ""}`;
        for (const entry of state.scan(start)) {
          // Not those of an owner whose name goes on.
          const next = entry[0][start.length];
          if (owner === undefined || next === undefined || next === "/") yield entry;
        }
      }
    },
  };
}
