import type { UtcMs } from "@busbar/protocol";
import { parametersOf } from "../../parameters.ts";
import type { BlockRule } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { slotsPerBlockMax } from "./opening.ts";
import { commitments, cursors, slotKey, slots } from "./tables.ts";
import { slotMs, timetable } from "./timetable.ts";

/** A slot that has come to its next stage, if there is one: slots pass each stage in order. */
export function nextAt(state: StateReader, stage: "gate" | "clear") {
  const at = cursors.get(state, stage)?.next ?? firstOpened(state);
  if (at === undefined || slots.get(state, slotKey(at)) === undefined) return undefined;
  return timetable(at, parametersOf(state, at));
}

/** The first slot of this chain's market. */
function firstOpened(state: StateReader): UtcMs | undefined {
  for (const [id] of slots.scan(state)) return Number(id) as UtcMs;
  return undefined;
}

/** Closes the gate of slots: no quote is taken any more, what was sealed may be opened. */
export const gateRule: BlockRule = {
  name: "market-gate",
  due(state, time) {
    const next = nextAt(state, "gate");
    return next !== undefined && next.gate <= time;
  },
  run(context) {
    const { state, time, parameters, emit } = context;
    for (let i = 0; i < slotsPerBlockMax; i++) {
      const next = nextAt(state, "gate");
      if (next === undefined || next.gate > time) return;
      const key = slotKey(next.start);
      const slot = slots.get(state, key);
      if (slot !== undefined) slots.set(state, key, { ...slot, stage: "gate-closed" });
      const sealed = [...commitments.scan(state, `${key}/`)].length;
      emit({ type: "gate-closed", slot: next.start, commitments: sealed });
      cursors.set(state, "gate", { next: (next.start + slotMs(parameters)) as UtcMs });
    }
  },
};
