import type { UtcMs, Wh } from "@busbar/protocol";
import {
  array,
  field,
  id,
  instant,
  int,
  optional,
  record,
  type TypeOf,
} from "@busbar/protocol/schema";
import { type GreenForm, greenForms, isGreen } from "../settlement/certificates.ts";
import { settlements, slotKey } from "./settlements.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;
const energy = int<Wh>(0, most);

const greenLine = record("green-line", {
  issuedWh: field(1, energy),
  boughtWh: field(2, energy),
  soldWh: field(3, energy),
  retiredWh: field(4, energy),
});

/** `green/<slot>/<owner>/<form>`: an owner's certificates of a slot, as long as the slot. */
export const greenLines = table("green", greenLine);
export type GreenLine = TypeOf<typeof greenLine>;

/** `green-slot/<slot>`: slots whose certificates are made, and how often. */
export const greenSlots = table(
  "green-slot",
  record("green-slot", {
    version: field(1, int(1, most)),
    height: field(2, int(1, most)),
    /** The list of its meters (`green-meters.ts`). */
    meters: optional(3, int(1, most)),
  }),
);

/** `green-open/<slot>`: settled slots, and whose generation meters they still wait for. */
export const greenOpen = table(
  "green-open",
  record("green-open", {
    slot: field(1, instant),
    owners: field(2, array(id, 1, 100_000)),
    meters: optional(3, int(1, most)),
  }),
);

/** `green-waiting/<owner>/<slot>`: the same by owner, oldest first. */
export const greenWaiting = table(
  "green-waiting",
  record("green-waiting", { slot: field(1, instant) }),
);

/** `green-again/<slot>`: slots whose certificates are made anew at the end of the block. */
export const greenAgain = table("green-again", record("green-again", { slot: field(1, instant) }));

const greenMove = record("green-move", {
  receivedWh: field(1, energy),
  givenWh: field(2, energy),
  /** Retired by hand: for what was used, or to make good what follows. */
  retiredWh: field(3, energy),
  /** Given and retired by hand of what was issued once and, by later readings or decisions, is no more. */
  owedWh: field(4, energy),
  /** Of what was retired by hand the part that made such a debt good, and stands for no use. */
  madeGoodWh: field(5, energy),
  /** Of that the part that was kept back when it was issued: none of it could be sold. */
  withheldWh: optional(6, energy),
});

/** `green-move/<slot>/<owner>/<form>`: what an owner did by hand with its certificates of a slot. */
export const greenMoves = table("green-move", greenMove);
export type GreenMove = TypeOf<typeof greenMove>;

const notMoved: GreenMove = {
  receivedWh: 0 as Wh,
  givenWh: 0 as Wh,
  retiredWh: 0 as Wh,
  owedWh: 0 as Wh,
  madeGoodWh: 0 as Wh,
};

/**
 * `green-debt/<owner>`: certificates that an owner moved and that stand no more, by form: it makes them good by
 * retiring as many others.
 */
export const greenDebts = table(
  "green-debt",
  record("green-debt", { solar: field(1, energy), wind: field(2, energy) }),
);

/** What an owner did by hand with its certificates of a slot. */
export function moveOf(state: StateReader, id: string): GreenMove {
  return greenMoves.get(state, id) ?? notMoved;
}

/** What an owner holds of a slot's certificates, Wh: below 0 it moved what stands no more. */
export function heldOf(state: StateReader, id: string): number {
  const { issuedWh = 0, boughtWh = 0, soldWh = 0, retiredWh = 0 } = greenLines.get(state, id) ?? {};
  const move = moveOf(state, id);
  const byHand = move.receivedWh - move.givenWh - move.retiredWh;
  return issuedWh + boughtWh - soldWh - retiredWh + byHand;
}

/** What an owner has to make good of a form, Wh. */
export function greenDebtOf(state: StateReader, owner: string, form: GreenForm): number {
  return greenDebts.get(state, owner)?.[form] ?? 0;
}

/** Makes an owner owe more of a form, or below 0 less; what was made good already stays so. */
export function addGreenDebt(state: State, owner: string, form: GreenForm, more: number): void {
  if (more === 0) return;
  const before = greenDebts.get(state, owner) ?? { solar: 0 as Wh, wind: 0 as Wh };
  const after = { ...before, [form]: Math.max(0, before[form] + more) as Wh };
  if (after.solar === 0 && after.wind === 0) greenDebts.delete(state, owner);
  else greenDebts.set(state, owner, after);
}

/** Asks for a slot's certificates to be made anew, where they were made. */
export function askToCertify(state: State, slot: UtcMs): void {
  const key = slotKey(slot);
  if (greenSlots.get(state, key) === undefined) return;
  greenAgain.set(state, key, { slot });
}

/**
 * An owner's certificates of one form over slots, in Wh; what it bought, sold and retired with what it did so by
 * hand, `movedWh` of it.
 */
export type GreenTotal = GreenLine & {
  readonly owner: string;
  readonly form: GreenForm;
  /** Received less given by hand. */
  readonly movedWh: number;
};

/** All certificates of the slots in [from, to) that the state has, by owner and form. */
export function greenTotals(
  state: StateReader,
  { from, to }: { readonly from: number; readonly to: number },
): GreenTotal[] {
  const totals = new Map<string, GreenTotal>();
  const keys = new Set([...greenLines.scan(state), ...greenMoves.scan(state)].map(([key]) => key));
  for (const key of keys) {
    const [slot = "", owner = "", form] = key.split("/");
    if (Number(slot) < from || Number(slot) >= to || !isGreen(form)) continue;
    const before = totals.get(`${owner}/${form}`);
    const line = lineOf(state, key);
    const sum = (name: keyof GreenLine) => ((before?.[name] ?? 0) + line[name]) as Wh;
    totals.set(`${owner}/${form}`, {
      owner,
      form,
      issuedWh: sum("issuedWh"),
      boughtWh: sum("boughtWh"),
      soldWh: sum("soldWh"),
      retiredWh: sum("retiredWh"),
      movedWh: (before?.movedWh ?? 0) + line.movedWh,
    });
  }
  return [...totals.values()].sort(
    (a, b) =>
      (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0) ||
      greenForms.indexOf(a.form) - greenForms.indexOf(b.form),
  );
}

/** A slot's certificates of an owner with what it did by hand. */
function lineOf(state: StateReader, key: string) {
  const none = { issuedWh: 0, boughtWh: 0, soldWh: 0, retiredWh: 0 };
  const { issuedWh, boughtWh, soldWh, retiredWh } = greenLines.get(state, key) ?? none;
  const move = moveOf(state, key);
  return {
    ...{ issuedWh, boughtWh, soldWh },
    retiredWh: retiredWh + move.retiredWh,
    movedWh: move.receivedWh - move.givenWh,
  };
}

/** What an owner took over its connection, and what of its use is certified; Wh. */
export type GreenUse = {
  readonly takenWh: number;
  /** Of what it took the part for which it retired certificates. */
  readonly greenTakenWh: number;
  readonly retired: Readonly<Record<GreenForm, number>>;
};

/**
 * What owners used in the settled slots of [from, to) that the state has. What an owner retired by hand stands for
 * what it took in all of them, whenever that was.
 */
export function greenUses(
  state: StateReader,
  { from, to }: { readonly from: number; readonly to: number },
): ReadonlyMap<string, GreenUse> {
  const taken = new Map<string, number>();
  for (const [id, { versions }] of settlements.scan(state)) {
    const [slot = "", owner = ""] = id.split("/");
    if (Number(slot) < from || Number(slot) >= to) continue;
    const last = versions.at(-1);
    if (last === undefined) continue;
    const { importWh = 0, exportWh = 0 } = last;
    taken.set(`${slot}/${owner}`, Math.max(0, importWh - exportWh));
  }
  const uses = new Map<string, GreenUse>();
  for (const [key, takenWh] of taken) {
    const owner = key.slice(key.indexOf("/") + 1);
    const before = uses.get(owner) ?? {
      takenWh: 0,
      greenTakenWh: 0,
      retired: { solar: 0, wind: 0 },
    };
    let green = 0;
    const retired = { ...before.retired };
    for (const form of greenForms) {
      const line = greenLines.get(state, `${key}/${form}`);
      if (line === undefined) continue;
      retired[form] += line.retiredWh;
      // Who takes something gave nothing, and retired all that it made itself besides.
      if (takenWh > 0) green += line.retiredWh - line.issuedWh;
    }
    uses.set(owner, {
      takenWh: before.takenWh + takenWh,
      greenTakenWh: before.greenTakenWh + green,
      retired,
    });
  }
  for (const [key, { retiredWh, madeGoodWh }] of greenMoves.scan(state)) {
    const [slot = "", owner = "", form] = key.split("/");
    const use = uses.get(owner);
    if (Number(slot) < from || Number(slot) >= to || !isGreen(form) || use === undefined) continue;
    const byHand = retiredWh - madeGoodWh;
    uses.set(owner, {
      ...use,
      greenTakenWh: Math.min(use.takenWh, use.greenTakenWh + byHand),
      retired: { ...use.retired, [form]: use.retired[form] + byHand },
    });
  }
  return uses;
}
