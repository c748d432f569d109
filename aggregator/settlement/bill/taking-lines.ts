import { slotKey } from "../../ledger/settlements.ts";
import { takers, takings } from "../../ledger/takings.ts";
import type { Taking } from "../takings.ts";
import { BillError, type BillGrounds } from "./grounds.ts";
import { takerKey, takingKey } from "./keys.ts";
import { type NewLine, plainLine } from "./slot-lines.ts";

/** What an owner got for what others did, slot by slot, each proved or proved to be nothing.
 * Throws: `BillError` `bill.incomplete`. */
export function takingsOf({
  owner,
  state,
  isAbsent,
  asOf,
}: BillGrounds): (slot: number) => readonly NewLine[] {
  const isTaker = takers.get(state, owner) !== undefined;
  if (!isTaker && !isAbsent(takerKey(owner))) throw notProved(takerKey(owner));
  return (slot: number) => {
    const found = takings.get(state, `${slotKey(slot)}/${owner}`);
    const key = takingKey(slot, owner);
    if (found !== undefined) return takingLines(found.sums);
    if (!isTaker || slot > asOf.time || isAbsent(key)) return [];
    throw notProved(key);
  };
}

/** With all whom something concerns: it is no owner's id. */
export const withAll = "~all";

/** The lines of what an owner got and paid for what others did in a slot. */
function takingLines(takings: readonly Taking[]): NewLine[] {
  return takings.map(({ sort, money, energyWh }) => {
    return {
      ...plainLine,
      contract: null,
      state: "paid",
      kind: sort,
      with: withAll,
      money,
      energyWh,
    };
  });
}

function notProved(key: string): BillError {
  return new BillError("bill.incomplete", `${key} is not proved`, { key });
}
