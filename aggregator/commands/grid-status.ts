import { accountId, accounts, gridOwner } from "../ledger/accounts.ts";
import { type Slot, slots } from "../ledger/rules/market/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { feederPrices } from "../publish/prices.ts";

/** The newest slot that was traded over a grid, and the fees that were paid; null where none was. */
export function gridStatus(state: StateReader) {
  let newest: { readonly start: number; readonly record: Slot } | undefined;
  for (const [id, record] of slots.scan(state)) {
    if (record.feeders !== undefined) newest = { start: Number(id), record };
  }
  const feeders = newest === undefined ? undefined : feederPrices(newest.record);
  if (newest === undefined || feeders === undefined) return null;
  const feesPaid = accounts.get(state, accountId(gridOwner, "sales"))?.money ?? 0;
  return { slot: new Date(newest.start).toISOString(), feeders, feesPaid };
}

/** As `status` prints it. */
export function gridLines(grid: ReturnType<typeof gridStatus>): readonly string[] {
  if (grid === null) return [];
  return [
    `grid fees paid    ${grid.feesPaid}`,
    ...grid.feeders.map(({ feeder, price, sentWh }) => {
      const name = (feeder ?? "busbar").padEnd(10);
      return `feeder ${name} price ${price ?? "not traded"}, sends ${sentWh} Wh in slot ${grid.slot}`;
    }),
  ];
}
