import { wh } from "@busbar/protocol";
import { slotFlows } from "../../commands/slot-flows.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { routeTrades, type Transport } from "../../market/routing/route.ts";
import type { FlowsAnswer } from "./shapes-community.ts";

/** What a slot's contracts send over each line of the grid; no lines where its parties traded as at one place. */
export function flowsOfSlot(state: StateReader, slot: number): FlowsAnswer {
  const found = slotFlows(state, slot);
  if (found === undefined) return { slot, lines: [], cutWh: 0 };
  const { lines, trades } = routeTrades(found.lines, together(found.trades));
  return {
    slot,
    lines: lines.map(({ id, from, to, flowWh, lossWh, capacity }) => ({
      id,
      from,
      to,
      flowWh,
      lossWh,
      capacityWh: capacity ?? null,
    })),
    cutWh: trades.reduce((sum, { cutWh }) => sum + cutWh, 0),
  };
}

/** Trades between the same feeders as one: what it costs is in the grid, however many contracts there are. */
function together(trades: readonly Transport[]): Transport[] {
  const ways = new Map<string, Transport>();
  for (const { from, to, energy, isRest = false } of trades) {
    const id = `${from} ${to}${isRest ? " rest" : ""}`;
    ways.set(id, { id, from, to, energy: wh((ways.get(id)?.energy ?? 0) + energy), isRest });
  }
  return [...ways.values()];
}
