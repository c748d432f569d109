import type { UtcMs } from "@busbar/protocol";
import { array, field, instant, record, text } from "@busbar/protocol/schema";
import type { State } from "./state/state.ts";
import { table } from "./state/table.ts";

/** How long a void contract stays on its parties' lists: longer than any slot stays in the state. */
const keepMs = 70 * 86_400_000;

const voided = record("voided", { contract: field(1, text(40)), slot: field(2, instant) });

/**
 * `voids/<owner>`: an owner's contracts that are void, in the order in which they became so. They count in no sum, so
 * nothing else would show that one is left out of a bill.
 */
export const voids = table(
  "voids",
  record("voids", { contracts: field(1, array(voided, 1, 1e6)) }),
);

/** Puts a contract on the lists of both its parties, and takes off them what has left the state. */
export function noteVoid(
  state: State,
  { contract, slot, parties }: { contract: string; slot: UtcMs; parties: readonly string[] },
): void {
  for (const owner of parties) {
    const before = voids.get(state, owner)?.contracts ?? [];
    const left = before.filter((one) => one.slot + keepMs >= slot && one.contract !== contract);
    voids.set(state, owner, { contracts: [...left, { contract, slot }] });
  }
}
