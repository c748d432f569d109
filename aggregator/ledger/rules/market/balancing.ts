import { field, id, record } from "@busbar/protocol/schema";
import type { State, StateReader } from "../../state/state.ts";
import { table } from "../../state/table.ts";
import { bureauOf } from "./parties.ts";
import { slotKey } from "./tables.ts";

/** `bureau-from/<slot>`: the bureau that balances from this slot on, noted when the slot first opened. */
export const bureausFrom = table("bureau-from", record("bureau-from", { bureau: field(1, id) }));

/** Notes who balances a slot that opens, where that is another one than before. */
export function noteBalancing(state: State, slot: number): void {
  const bureau = bureauOf(state);
  if (bureau === undefined) return;
  let last: string | undefined;
  for (const [, entry] of bureausFrom.scan(state)) last = entry.bureau;
  if (last !== bureau) bureausFrom.set(state, slotKey(slot), { bureau });
}

/**
 * The bureau that balances a slot, whoever else has been admitted since it opened. A slot that opened before
 * any was noted has the first that was; undefined on a site without a bureau.
 */
export function balancingOf(state: StateReader, slot: number): string | undefined {
  const key = slotKey(slot);
  let found: string | undefined;
  for (const [from, { bureau }] of bureausFrom.scan(state)) {
    if (found !== undefined && from > key) break;
    found = bureau;
  }
  return found ?? bureauOf(state);
}

/** Whether an owner is, or was, the one whom others settle with: no credit terms bind it. */
export function isBalancing(state: StateReader, owner: string): boolean {
  if (owner === bureauOf(state)) return true;
  for (const [, { bureau }] of bureausFrom.scan(state)) if (bureau === owner) return true;
  return false;
}
