import {
  type GridSegment,
  type MicroPerKwh,
  microPerKwh,
  mulDiv,
  type Wh,
  wh,
} from "@busbar/protocol";
import { pathOf } from "../../settlement/line-shares.ts";

type Priced = { readonly grid?: readonly GridSegment[]; readonly retail: MicroPerKwh };

/**
 * A grid whose lines cost what their losses are worth besides their fee: each kWh over a line loses
 * `lossPermille` of itself, which is bought from the bureau at retail. So clearing takes ways of less loss
 * first, and trades only where the difference of limits pays for what is lost. Rounded up.
 */
export function pricedGrid({ grid, retail }: Priced): readonly GridSegment[] | undefined {
  return grid?.map((segment) => {
    const { fee, lossPermille = 0 } = segment;
    // Below 0 what is lost would be paid for; no line is cheaper than its fee.
    const lost = mulDiv(Math.max(0, retail), lossPermille, 1000, "ceil");
    return { ...segment, fee: microPerKwh(fee + lost) };
  });
}

/**
 * What is lost on a contract's way between two feeders (undefined: the busbar): the loss of each line of it,
 * rounded down for all of them together, so that what the way costs pays for it.
 *
 * Shape: the grid is a tree, as `layOut` insists.
 */
export function lostOnWay(
  grid: readonly GridSegment[],
  { energy, ...way }: { readonly from?: string; readonly to?: string; readonly energy: Wh },
): Wh {
  const permille = pathOf(way, grid).reduce((sum, { lossPermille = 0 }) => sum + lossPermille, 0);
  return wh(mulDiv(energy, permille, 1000, "floor"));
}
