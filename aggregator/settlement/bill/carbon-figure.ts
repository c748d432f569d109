import { greenSlots, greenUses } from "../../ledger/certificates.ts";
import { certificateMoves } from "../../ledger/rules/certificate-move.ts";
import { slotKey } from "../../ledger/settlements.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { carbonGrams } from "../carbon.ts";
import type { BillCarbon } from "./document.ts";
import { BillError, type BillGrounds } from "./grounds.ts";
import { greenKeys, greenMoveKeys, greenSlotKey, movesKey } from "./keys.ts";

/**
 * What an owner's use of energy caused, by proved certificates and settlements and the factors of whoever
 * made the bill; null without factors. Throws: `BillError` `bill.incomplete`.
 */
export function carbonOf(
  grounds: BillGrounds,
  { from, to, lengthMs }: { readonly from: number; readonly to: number; readonly lengthMs: number },
): BillCarbon | null {
  const { carbon, owner, state, asOf } = grounds;
  if (carbon === undefined) return null;
  const moves = certificateMoves.get(state, owner) !== undefined;
  if (!moves && !grounds.isAbsent(movesKey(owner))) throw notProved(movesKey(owner));
  for (let slot = Math.ceil(from / lengthMs) * lengthMs; slot < to; slot += lengthMs) {
    if (slot > asOf.time) break;
    insistOnGreen(grounds, slot, moves);
  }
  const { source, solar, wind, rest } = carbon;
  const gramsPerKwh = { solar: solar / 1000, wind: wind / 1000, rest: rest / 1000 };
  const none = { takenWh: 0, greenTakenWh: 0, retired: { solar: 0, wind: 0 } };
  const use = greenUses(state, { from, to }).get(owner) ?? none;
  const { takenWh, greenTakenWh, retired: retiredWh } = use;
  const grams = carbonGrams(use, gramsPerKwh);
  return { source, gramsPerKwh, takenWh, greenTakenWh, retiredWh, grams };
}

/** That a slot's certificates are proved, or proved to be none: one left out would change the figure. */
function insistOnGreen(
  { owner, state, isAbsent }: BillGrounds,
  slot: number,
  moves: boolean,
): void {
  const wanted = greenKeysOf(state, slot, { owner, moves });
  const missing = wanted.find((key) => !isAbsent(key) && state.get(key) === undefined);
  if (missing !== undefined) throw notProved(missing);
}

/** The keys that a slot's certificates are proved by; `moves`: whether the owner ever moved some by hand. */
export function greenKeysOf(
  state: StateReader,
  slot: number,
  { owner, moves }: { readonly owner: string; readonly moves: boolean },
): readonly string[] {
  const isCertified = greenSlots.get(state, slotKey(slot)) !== undefined;
  return [
    greenSlotKey(slot),
    ...(isCertified ? greenKeys(slot, owner) : []),
    ...(moves ? greenMoveKeys(slot, owner) : []),
  ];
}

function notProved(key: string): BillError {
  return new BillError("bill.incomplete", `${key} is not proved`, { key });
}
