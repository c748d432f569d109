import { type Micro, micro, type UtcMs, wh } from "@busbar/protocol";
import type { Movement } from "../../../settlement/settle.ts";
import { accountId, type Entry, postIfItFits } from "../../accounts.ts";
import { creditChecks } from "../../exposure.ts";
import type { BlockContext } from "../../rule.ts";

/** The energy of movements that carry none. */
export const noWh = wh(0);

/** Movements as lines: each on the seller's sales account and the buyer's purchase account. */
export function entriesOf(movements: readonly Movement[]): Entry[] {
  return movements.flatMap(({ seller, buyer, money, energy }): Entry[] => [
    { owner: seller, side: "sales", money, energyWh: -energy },
    { owner: buyer, side: "purchase", money: negated(money), energyWh: energy },
  ]);
}

/**
 * The lines that lead from what `before` posted to what `after` would have: one for each account;
 * undefined where a difference would leave the range of its numbers.
 */
export function differenceOf(
  before: readonly Movement[],
  after: readonly Movement[],
): Entry[] | undefined {
  const undone = entriesOf(before).map(({ money, energyWh, ...account }) => ({
    ...account,
    money: negated(money),
    energyWh: -energyWh,
  }));
  const sums = new Map<string, Entry>();
  for (const entry of [...undone, ...entriesOf(after)]) {
    const id = accountId(entry.owner, entry.side);
    const sum = sums.get(id);
    const money = (sum?.money ?? 0) + entry.money;
    const energyWh = (sum?.energyWh ?? 0) + entry.energyWh;
    if (!Number.isSafeInteger(money) || !Number.isSafeInteger(energyWh)) return undefined;
    sums.set(id, { ...entry, money: micro(money), energyWh });
  }
  return [...sums.values()].filter(({ money, energyWh }) => money !== 0 || energyWh !== 0);
}

/**
 * Posts what belongs together. What does not fit into an account is held and on record: it must stop
 * nobody.
 */
export function book(
  { state, emit, time, parameters }: BlockContext,
  entries: readonly Entry[] | undefined,
  about: { readonly slot: UtcMs; readonly movement: Movement | undefined },
): boolean {
  const fits = entries !== undefined && postIfItFits(state, entries);
  const { slot, movement } = about;
  if (fits && parameters.credit !== undefined) {
    for (const { owner } of entries) creditChecks.set(state, owner, { at: time });
  }
  if (!fits && movement !== undefined) {
    const { contract = null, seller, buyer } = movement;
    emit({ type: "settlement-held", slot, contract, seller, buyer });
  }
  return fits;
}

/** Never −0, which a CBOR integer is not. */
function negated(money: Micro): Micro {
  return micro(0 - money);
}
