import { allocate, type Wh, wh } from "@busbar/protocol";

/** A trade of the slot: what was sold over the boundary. */
type Trade = { readonly id: string; readonly energy: Wh };

/**
 * What each trade of a slot got over the boundary, from one meter there: `netWh` went out (below 0: came in), `out` and
 * `into` are the slot's trades in both directions. Trades of opposite directions need not flow: as far as they
 * cancel, both are delivered. What lacks in a direction lacks in proportion in all of its trades (largest
 * remainder, ties by id); more than was sold is nobody's.
 */
export function crossings(
  netWh: number,
  { out, into }: { readonly out: readonly Trade[]; readonly into: readonly Trade[] },
): ReadonlyMap<string, Wh> {
  const [sold, bought] = [sumOf(out), sumOf(into)];
  const shares = new Map<string, Wh>();
  const share = (trades: readonly Trade[], there: number, whole: number) => {
    const crossed = Math.max(0, Math.min(whole, there));
    const parts =
      whole === 0
        ? []
        : allocate(
            crossed,
            trades.map(({ id, energy }) => ({ id, weight: energy })),
          );
    trades.forEach(({ id }, i) => {
      shares.set(id, wh(parts[i] ?? 0));
    });
  };
  share(out, netWh + bought, sold);
  share(into, sold - netWh, bought);
  return shares;
}

const sumOf = (trades: readonly Trade[]) => trades.reduce((sum, { energy }) => sum + energy, 0);
