import { parametersFrom, parametersOf, parametersTable } from "../../parameters.ts";
import type { BlockRule } from "../../rule.ts";
import { slotKey } from "../../settlements.ts";

/** Brings decided parameters into force when their first slot has begun. */
export const parametersRule: BlockRule = {
  name: "parameters",
  // Each slot has its own from its opening on: no block is wanted for this.
  due: () => false,
  run({ state, time, emit }) {
    if (parametersFrom.get(state, slotKey(0)) === undefined) return;
    const wanted = parametersOf(state, time);
    const [before, after] = [parametersTable.get(state, "current"), wanted].map((value) =>
      JSON.stringify(value),
    );
    if (before === after) return;
    parametersTable.set(state, "current", wanted);
    emit({ type: "parameters-in-force" });
  },
};
