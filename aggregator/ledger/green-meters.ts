import { type UtcMs, utcMs } from "@busbar/protocol";
import { array, field, id, instant, int, oneOf, optional, record } from "@busbar/protocol/schema";
import { type GreenForm, greenForms } from "../settlement/certificates.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/** A meter whose energy is certified; `isWhole`: a connection meter, whose export less import is a plant's. */
export type GreenMeter = {
  readonly id: string;
  readonly owner: string;
  readonly form: GreenForm;
  readonly isWhole: 0 | 1;
};

const greenMeter = record("green-meter", {
  id: field(1, id),
  owner: field(2, id),
  form: field(3, oneOf(...greenForms)),
  isWhole: field(4, int<0 | 1>(0, 1)),
});

/**
 * `green-meters/<number, 9 digits>`: the meters whose energy is certified, as they were when slots closed, and since
 * when others took their place. Slots name a list by its number, so that a registry of later changes none of them.
 */
export const greenMeterLists = table(
  "green-meters",
  record("green-meters", {
    meters: field(1, array(greenMeter, 1, 100_000)),
    replacedAt: optional(2, instant),
  }),
);

/** `green-meters-newest/number`: the list that the last slot to close named. */
const newest = table(
  "green-meters-newest",
  record("green-meters-newest", { number: field(1, int(1, most)) }),
);

/** How long a list is kept after another took its place: as long as any slot that names it, and some days. */
const keepMs = 70 * 86_400_000;

/** The number of the list of these meters; a new one where they are others than the last slot's. */
export function noteGreenMeters(state: State, meters: readonly GreenMeter[], time: UtcMs): number {
  const last = newest.get(state, "number")?.number ?? 0;
  const before = greenMeterLists.get(state, listId(last));
  if (before !== undefined && textOf(before.meters) === textOf(meters)) return last;
  for (const [key, { replacedAt }] of [...greenMeterLists.scan(state)]) {
    if (replacedAt !== undefined && replacedAt + keepMs < time) greenMeterLists.delete(state, key);
  }
  if (before !== undefined) {
    greenMeterLists.set(state, listId(last), { ...before, replacedAt: utcMs(time) });
  }
  const number = last + 1;
  greenMeterLists.set(state, listId(number), { meters });
  newest.set(state, "number", { number });
  return number;
}

/** The meters of a list; undefined where it is known no more. */
export function greenMetersOf(
  state: StateReader,
  number: number,
): readonly GreenMeter[] | undefined {
  return greenMeterLists.get(state, listId(number))?.meters;
}

const listId = (number: number) => String(number).padStart(9, "0");
const textOf = (meters: readonly GreenMeter[]) =>
  JSON.stringify(meters.map(({ id, owner, form, isWhole }) => [id, owner, form, isWhole]));
