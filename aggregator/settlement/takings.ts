import type { Movement } from "./settle.ts";

/**
 * What an owner gets and pays in a slot for what others did in it, so that it stands in no statement of its
 * own: a bureau that gives and takes the rest, balances and pays subsidies, the operator of a line, whoever
 * a fee, tax or levy is for. Money and energy are the owner's: above 0 it gets money and gives energy.
 */
export const takingSorts = [
  "rest-sold",
  "rest-bought",
  "shortages-sold",
  "surpluses-bought",
  "losses-sold",
  "subsidies-paid",
  "line-share",
  "fees-taken",
  "taxes-taken",
  "levies-taken",
] as const;
export type TakingSort = (typeof takingSorts)[number];

export type Taking = {
  readonly sort: TakingSort;
  readonly money: number;
  readonly energyWh: number;
};

/** Takings by owner, with movements added, or with `sign` −1 taken back. */
export class Takings {
  readonly #isBureau: (owner: string) => boolean;
  readonly #sums = new Map<string, Map<TakingSort, { money: number; energyWh: number }>>();

  constructor(isBureau: (owner: string) => boolean) {
    this.#isBureau = isBureau;
  }

  add(movements: readonly Movement[], sign: 1 | -1 = 1): void {
    for (const movement of movements) {
      const { seller, buyer, money, energy } = movement;
      const [sells, buys] = sortsOf(movement);
      if (sells !== undefined && this.#takes(seller, sells)) {
        this.#count(seller, sells, sign * money, sign * energy);
      }
      if (buys !== undefined && this.#takes(buyer, buys)) {
        this.#count(buyer, buys, 0 - sign * money, 0 - sign * energy);
      }
    }
  }

  /** By owner, in no order. */
  get sums(): ReadonlyMap<string, readonly Taking[]> {
    return new Map(
      Array.from(this.#sums, ([owner, own]) => [
        owner,
        Array.from(own, ([sort, sums]) => ({ sort, ...sums })),
      ]),
    );
  }

  /** The site's own accounts take nothing for themselves; a sale is a taking of a bureau's alone. */
  #takes(owner: string, sort: TakingSort): boolean {
    if (owner.startsWith("~")) return false;
    return (sort !== "rest-sold" && sort !== "rest-bought") || this.#isBureau(owner);
  }

  #count(owner: string, sort: TakingSort, money: number, energyWh: number): void {
    const own = this.#sums.get(owner) ?? new Map<TakingSort, { money: number; energyWh: number }>();
    this.#sums.set(owner, own);
    const sum = own.get(sort) ?? { money: 0, energyWh: 0 };
    own.set(sort, { money: sum.money + money, energyWh: sum.energyWh + energyWh });
  }
}

/** What a movement is to its seller and to its buyer, where it is a taking. */
function sortsOf({
  reason,
}: Movement): readonly [seller: TakingSort | undefined, buyer: TakingSort | undefined] {
  switch (reason) {
    case "sale":
      return ["rest-sold", "rest-bought"];
    case "imbalance-shortage":
      return ["shortages-sold", undefined];
    case "imbalance-surplus":
      return [undefined, "surpluses-bought"];
    case "grid-loss":
      return ["losses-sold", undefined];
    case "subsidy":
      return ["subsidies-paid", undefined];
    case "line-share":
      return ["line-share", undefined];
    case "fee":
      return ["fees-taken", undefined];
    case "tax":
      return ["taxes-taken", undefined];
    case "levy":
      return ["levies-taken", undefined];
    case "grid-fee":
      return [undefined, undefined];
    default:
      return reason satisfies never;
  }
}

/** Takings and others added up by sort, in the order of the sorts; what comes to nothing is left out. */
export function addTakings(before: readonly Taking[], more: readonly Taking[]): readonly Taking[] {
  return takingSorts.flatMap((sort) => {
    const own = [...before, ...more].filter((one) => one.sort === sort);
    const money = own.reduce((sum, one) => sum + one.money, 0);
    const energyWh = own.reduce((sum, one) => sum + one.energyWh, 0);
    return money === 0 && energyWh === 0 ? [] : [{ sort, money, energyWh }];
  });
}
