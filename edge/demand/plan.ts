import type { DemandState } from "@busbar/protocol";

/** An order that the ledger proves, by its id in hex. */
export type KnownOrder = { readonly order: string; readonly demand: DemandState };

/** What is to be held now: the owner's draw at most, for whom, and until when. */
export type Setting = { readonly order: string; readonly limitW: number; readonly until: number };

const hourMs = 3_600_000;

/** The draw that an order leaves in each of its slots, W. */
export function limitsOf(
  { action, usual, energy, limitW, slots }: DemandState,
  slotMs: number,
): number[] {
  return Array.from({ length: slots }, (_, i) => {
    if (action === "limit") return limitW ?? 0;
    return Math.max(0, Math.floor((((usual[i] ?? 0) - energy) * hourMs) / slotMs));
  });
}

/** What binds at `now`: the lowest limit of the orders whose slots it lies in; undefined: nothing. */
export function settingAt(
  orders: readonly KnownOrder[],
  now: number,
  slotMs: number,
): Setting | undefined {
  let found: Setting | undefined;
  for (const { order, demand } of orders) {
    const at = Math.floor((now - demand.slot) / slotMs);
    const limitW = limitsOf(demand, slotMs)[at];
    if (limitW === undefined || !isContract(demand)) continue;
    const until = demand.slot + (at + 1) * slotMs;
    if (found === undefined || limitW < found.limitW) found = { order, limitW, until };
  }
  return found;
}

/** Whether the unit owes something for an order. */
export function isContract({ status }: DemandState): boolean {
  return status === "contracted" || status === "acknowledged";
}

/** When the last of an order's own slots ends. */
export function endOf({ slot, slots }: DemandState, slotMs: number): number {
  return slot + slots * slotMs;
}

/** What a unit can be set to. */
export type Range = { readonly minW: number; readonly maxW: number };

/** Why an order cannot be carried out; undefined where it can. */
export function whyNot(
  demand: DemandState,
  slotMs: number,
  { range, dryRun }: { readonly range: Range | undefined; readonly dryRun: boolean },
): "impossible" | "unsafe" | "dry-run" | undefined {
  if (range === undefined) return "impossible";
  // Below its least setting a device may stop in a way that its owner did not allow.
  if (limitsOf(demand, slotMs).some((limitW) => limitW < range.minW)) return "unsafe";
  return dryRun ? "dry-run" : undefined;
}
