import type { UtcMs, Wh } from "@busbar/protocol";
import { array, field, id, instant, int, record, type TypeOf } from "@busbar/protocol/schema";
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
  record("green-slot", { version: field(1, int(1, most)), height: field(2, int(1, most)) }),
);

/** `green-open/<slot>`: settled slots, and whose generation meters they still wait for. */
export const greenOpen = table(
  "green-open",
  record("green-open", { slot: field(1, instant), owners: field(2, array(id, 1, 100_000)) }),
);

/** `green-waiting/<owner>/<slot>`: the same by owner, oldest first. */
export const greenWaiting = table(
  "green-waiting",
  record("green-waiting", { slot: field(1, instant) }),
);

/** `green-again/<slot>`: slots whose certificates are made anew at the end of the block. */
export const greenAgain = table("green-again", record("green-again", { slot: field(1, instant) }));

/** Asks for a slot's certificates to be made anew, where they were made. */
export function askToCertify(state: State, slot: UtcMs): void {
  const key = slotKey(slot);
  if (greenSlots.get(state, key) === undefined) return;
  greenAgain.set(state, key, { slot });
}

/** An owner's certificates of one form over slots, in Wh. */
export type GreenTotal = GreenLine & { readonly owner: string; readonly form: GreenForm };

/** All certificates of the slots in [from, to) that the state has, by owner and form. */
export function greenTotals(
  state: StateReader,
  { from, to }: { readonly from: number; readonly to: number },
): GreenTotal[] {
  const totals = new Map<string, GreenTotal>();
  for (const [key, line] of greenLines.scan(state)) {
    const [slot = "", owner = "", form] = key.split("/");
    if (Number(slot) < from || Number(slot) >= to || !isGreen(form)) continue;
    const before = totals.get(`${owner}/${form}`);
    const sum = (name: keyof GreenLine) => ((before?.[name] ?? 0) + line[name]) as Wh;
    totals.set(`${owner}/${form}`, {
      owner,
      form,
      issuedWh: sum("issuedWh"),
      boughtWh: sum("boughtWh"),
      soldWh: sum("soldWh"),
      retiredWh: sum("retiredWh"),
    });
  }
  return [...totals.values()].sort(
    (a, b) =>
      (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0) ||
      greenForms.indexOf(a.form) - greenForms.indexOf(b.form),
  );
}

/** What an owner took over its connection, and what of its use is certified; Wh. */
export type GreenUse = {
  readonly takenWh: number;
  /** Of what it took the part for which it retired certificates. */
  readonly greenTakenWh: number;
  readonly retired: Readonly<Record<GreenForm, number>>;
};

/** What owners used in the settled slots of [from, to) that the state has. */
export function greenUses(
  state: StateReader,
  { from, to }: { readonly from: number; readonly to: number },
): ReadonlyMap<string, GreenUse> {
  const taken = new Map<string, number>();
  // A later version of an owner's slot takes the place of the one before.
  for (const [id, { importWh = 0, exportWh = 0 }] of settlements.scan(state)) {
    const [slot = "", owner = ""] = id.split("/");
    if (Number(slot) < from || Number(slot) >= to) continue;
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
  return uses;
}
