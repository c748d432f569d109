import { field, int, record } from "@busbar/protocol/schema";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";
import { bureaus } from "./tables.ts";

/** `collateral-kept/<bureau>/<owner>`: what a bureau keeps of an owner's collateral, in 10⁻⁶ currency. */
const kept = table(
  "collateral-kept",
  record("collateral-kept", { money: field(1, int(1, Number.MAX_SAFE_INTEGER)) }),
);

/** All that a bureau keeps for others. It owes that to nobody but them, so it is in no default for it. */
export function keptBy(state: StateReader, bureau: string): number {
  let sum = 0;
  for (const [, { money }] of kept.scan(state, `${bureau}/`)) sum += money;
  return sum;
}

/** Notes that a bureau took an owner's collateral; beyond 2⁵³ − 1 it counts as that. */
export function keepCollateral(
  state: State,
  {
    bureau,
    owner,
    money,
  }: { readonly bureau: string; readonly owner: string; readonly money: number },
): void {
  const key = `${bureau}/${owner}`;
  const sum = (kept.get(state, key)?.money ?? 0) + money;
  kept.set(state, key, { money: Math.min(sum, Number.MAX_SAFE_INTEGER) });
}

/**
 * Notes that so much of an owner's collateral is its own again, or was taken for what it owed: at `first`, then at
 * the other bureaus in the order of their ids. Returns the bureaus that keep less now.
 */
export function releaseCollateral(
  state: State,
  {
    owner,
    money,
    first,
  }: { readonly owner: string; readonly money: number; readonly first?: string },
): string[] {
  const others = Array.from(bureaus.scan(state), ([id]) => id).filter((id) => id !== first);
  const less: string[] = [];
  let left = money;
  for (const bureau of first === undefined ? others : [first, ...others]) {
    const key = `${bureau}/${owner}`;
    const has = kept.get(state, key)?.money ?? 0;
    const part = Math.min(has, left);
    if (part <= 0) continue;
    if (part === has) kept.delete(state, key);
    else kept.set(state, key, { money: has - part });
    left -= part;
    less.push(bureau);
  }
  return less;
}
