import { type UtcMs, wh } from "@busbar/protocol";
import {
  type Certificates,
  type Generator,
  greenForms,
  isGreen,
} from "../../../settlement/certificates.ts";
import {
  addGreenDebt,
  greenDebtOf,
  greenDebts,
  greenMoves,
  heldOf,
  moveOf,
} from "../../certificates.ts";
import type { BlockContext } from "../../rule.ts";
import type { State, StateReader } from "../../state/state.ts";
import { slotKey } from "./tables.ts";

/**
 * Who owes certificates of a form sells none of it: what is issued to it is kept back and retired for its debt first. A
 * slot that is certified anew keeps what it kept back: a later debt takes nothing from those who bought.
 */
export function withholdDebts(
  context: BlockContext,
  slot: UtcMs,
  made: readonly Generator[],
): void {
  const { state, emit } = context;
  if (greenDebts.scan(state)[Symbol.iterator]().next().done) return;
  const inOrder = [...made].sort((a, b) => (a.owner < b.owner ? -1 : 1));
  for (const { owner, made: energy } of inOrder) {
    for (const form of greenForms) {
      const withheldWh = wh(Math.min(greenDebtOf(state, owner, form), energy[form] ?? 0));
      if (withheldWh === 0) continue;
      const id = `${slotKey(slot)}/${owner}/${form}`;
      const move = moveOf(state, id);
      greenMoves.set(state, id, {
        ...move,
        retiredWh: wh(move.retiredWh + withheldWh),
        madeGoodWh: wh(move.madeGoodWh + withheldWh),
        withheldWh,
      });
      addGreenDebt(state, owner, form, 0 - withheldWh);
      const parts = [{ slot, energy: withheldWh }];
      const about = { owner, to: null, form, energyWh: withheldWh, parts } as const;
      emit({ type: "certificates-moved", ...about, madeGoodWh: withheldWh });
    }
  }
}

/** What was kept back of a slot's certificates, by owner and form. */
export function withheldIn(
  state: StateReader,
  key: string,
): ReadonlyMap<string, NonNullable<Generator["withheld"]>> {
  const all = new Map<string, NonNullable<Generator["withheld"]>>();
  for (const [id, { withheldWh = 0 }] of greenMoves.scan(state, `${key}/`)) {
    const [, owner = "", form] = id.split("/");
    if (withheldWh === 0 || !isGreen(form)) continue;
    all.set(owner, { ...all.get(owner), [form]: withheldWh });
  }
  return all;
}

/** What was moved by hand is not there to be retired as well. */
export function leftToRetire(state: StateReader, key: string, line: Certificates): Certificates {
  const { owner, form, issuedWh, boughtWh, soldWh, retiredWh } = line;
  const { receivedWh, givenWh, retiredWh: byHand } = moveOf(state, `${key}/${owner}/${form}`);
  const there = issuedWh + boughtWh - soldWh + receivedWh - givenWh - byHand;
  return there >= retiredWh ? line : { ...line, retiredWh: wh(Math.max(0, there)) };
}

/** What owners moved by hand and do not have any more, they owe. */
export function countDebts(state: State, key: string): void {
  for (const [id, move] of [...greenMoves.scan(state, `${key}/`)]) {
    const [, owner = "", form] = id.split("/");
    const owedWh = wh(Math.max(0, 0 - heldOf(state, id)));
    if (owedWh === move.owedWh || !isGreen(form)) continue;
    addGreenDebt(state, owner, form, owedWh - move.owedWh);
    greenMoves.set(state, id, { ...move, owedWh });
  }
}
