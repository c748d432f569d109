import {
  type PaidContract,
  type Settlement,
  settlementId,
  settlements,
} from "../../settlements.ts";
import type { Part } from "../../state/grouped.ts";
import type { State } from "../../state/state.ts";

type Noted = { readonly versions: Settlement[]; readonly paid: PaidContract[] };

/**
 * What slots came to for their parties, until all of it is written: the slots of an hour are mostly settled in one block,
 * and an owner's stand in one entry.
 */
export class SettlementNotes {
  readonly #noted = new Map<string, Noted>();

  /** A version behind those that a party's slot has. */
  addVersion(slot: number, owner: string, settlement: Settlement): void {
    this.#of(slot, owner).versions.push(settlement);
  }

  /** A contract of an owner's that is paid; of one that was, the newer word stands. */
  addPaid(slot: number, owner: string, paid: PaidContract): void {
    this.#of(slot, owner).paid.push(paid);
  }

  write(state: State): void {
    const groups = new Map<string, Part<{ versions: Settlement[]; paid?: PaidContract[] }>[]>();
    for (const [id, added] of this.#noted) {
      const place = settlements.placeOf(id);
      const { versions = [], paid = [] } = settlements.at(state, place) ?? {};
      const numbers = new Set(added.paid.map(({ number }) => number));
      const all = [...paid.filter(({ number }) => !numbers.has(number)), ...added.paid];
      const value = {
        versions: [...versions, ...added.versions],
        ...(all.length === 0 ? {} : { paid: all }),
      };
      const parts = groups.get(place.group);
      if (parts === undefined) groups.set(place.group, [[place.part, value]]);
      else parts.push([place.part, value]);
    }
    for (const [group, parts] of groups) settlements.setAt(state, group, parts);
    this.#noted.clear();
  }

  #of(slot: number, owner: string): Noted {
    const id = settlementId(slot, owner);
    const known = this.#noted.get(id) ?? { versions: [], paid: [] };
    this.#noted.set(id, known);
    return known;
  }
}
