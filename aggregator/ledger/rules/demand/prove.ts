import type { Demand } from "../../demand.ts";

/**
 * What the meters prove: in each slot how much less than usual was drawn, no more than was ordered; under
 * a limit only where it was held; of a shift no more than was drawn above usual in the slots it leads to.
 */
export function prove(
  { usual, usualLater = [], energy, limitW, action }: Demand,
  { during, later }: { readonly during: readonly number[]; readonly later: readonly number[] },
  lengthMs: number,
) {
  const limitWh =
    limitW === undefined ? Number.POSITIVE_INFINITY : Math.ceil((limitW * lengthMs) / 3_600_000);
  let [less, more, withinLimit] = [0, 0, true];
  for (const [i, drawn] of during.entries()) {
    const held = drawn <= limitWh;
    withinLimit &&= held;
    if (held) less += Math.min(energy, Math.max(0, (usual[i] ?? 0) - drawn));
  }
  for (const [i, drawn] of later.entries()) more += Math.max(0, drawn - (usualLater[i] ?? 0));
  const deliveredWh = action === "shift" ? Math.min(less, more) : less;
  return { deliveredWh, withinLimit, isLimit: action === "limit" };
}
