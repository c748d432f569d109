import type { MicroPerKwh, Wh } from "@busbar/protocol";

/** A group of parties of the paper's game, by its role. */
export type Role = "company" | "bureau" | "user";

/** Who sells to whom: `gu` is the microgrid company G to the users U, C is the energy bureau. */
export type Channel = "cg" | "cu" | "gc" | "gu";

/** Every channel, in the order in which prices are published and drawn. */
export const channels: readonly Channel[] = ["cg", "cu", "gc", "gu"];

/** The two ends of each channel, and whether its buyer gets the subsidy of eq. 3 and eq. 8. */
export const channelEnds: Readonly<
  Record<Channel, { readonly seller: Role; readonly buyer: Role; readonly subsidised: boolean }>
> = {
  cg: { seller: "bureau", buyer: "company", subsidised: true },
  cu: { seller: "bureau", buyer: "user", subsidised: true },
  gc: { seller: "company", buyer: "bureau", subsidised: false },
  gu: { seller: "company", buyer: "user", subsidised: false },
};

/** Energy on each channel in one slot: Q_CG, Q_CU, Q_GC, Q_GU. */
export type Quantities = Readonly<Record<Channel, Wh>>;

/** Price of each channel in one slot: p_CG, p_CU, p_GC, p_GU; undefined = not traded. */
export type Prices = Readonly<Record<Channel, MicroPerKwh | undefined>>;

/** The lowest and the highest price a seller may ask (eq. 13). */
export type Band = readonly [low: MicroPerKwh, high: MicroPerKwh];

/**
 * A community's settings of the price game. A channel's price stays in its seller's band; users only
 * buy, so they have none. `subsidyPermille` is the paper's 0.05 in thousandths.
 *
 * Shape: weights are integers 1 … 100; `subsidyPermille` is an integer ≥ 0.
 */
export type PriceRules = {
  readonly bands: { readonly company: Band; readonly bureau: Band };
  readonly weights: Readonly<Record<Role, number>>;
  readonly subsidyPermille: number;
};
