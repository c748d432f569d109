import { type Micro, micro, type UtcMs, wh } from "@busbar/protocol";
import type { Movement } from "../../../settlement/settle.ts";
import { type Entry, postIfItFits } from "../../accounts.ts";
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
  const sums = { sales: new Map<string, Sum>(), purchase: new Map<string, Sum>() };
  let fits = true;
  const add = (side: keyof typeof sums, owner: string, money: number, energyWh: number) => {
    const sum = sums[side].get(owner) ?? { money: 0, energyWh: 0 };
    sum.money += money;
    sum.energyWh += energyWh;
    fits &&= Number.isSafeInteger(sum.money) && Number.isSafeInteger(sum.energyWh);
    sums[side].set(owner, sum);
  };
  const move = ({ seller, buyer, money, energy }: Movement, sign: 1 | -1) => {
    add("sales", seller, sign * money, 0 - sign * energy);
    add("purchase", buyer, 0 - sign * money, sign * energy);
  };
  for (const movement of before) move(movement, -1);
  for (const movement of after) move(movement, 1);
  if (!fits) return undefined;
  return (["sales", "purchase"] as const).flatMap((side) =>
    Array.from(sums[side], ([owner, { money, energyWh }]): Entry => {
      return { owner, side, money: micro(money), energyWh };
    }).filter(({ money, energyWh }) => money !== 0 || energyWh !== 0),
  );
}

type Sum = { money: number; energyWh: number };

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
