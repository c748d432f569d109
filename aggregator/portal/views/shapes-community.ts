import { integer, list, type Of, orNull, real, record, text, words } from "../shape.ts";

/** What the routes about orders, certificates, the grid and the what-if report say. Units as in `api.ts`. */

export const ordersShape = record({
  orders: list(
    record({
      id: text,
      by: text,
      owner: text,
      device: text,
      action: words("limit", "shift", "shed"),
      slot: integer,
      slots: integer,
      /** In each slot; at most so much is paid for. */
      energyWh: integer,
      price: integer,
      limitW: orNull(integer),
      toSlot: orNull(integer),
      answerBy: integer,
      status: words("offered", "contracted", "acknowledged", "refused", "lapsed", "settled"),
      /** What the owner draws usually in each of the slots. */
      usualWh: list(integer),
      /** Proven by the meters, and paid for it; null until it is settled. */
      deliveredWh: orNull(integer),
      money: orNull(integer),
    }),
  ),
  units: list(
    record({
      device: text,
      owner: text,
      /** What others may order from it without asking. */
      mandate: orNull(
        record({
          version: integer,
          energyMaxWh: integer,
          limitWMin: integer,
          priceMin: integer,
          slotsMax: integer,
          until: integer,
          by: orNull(text),
        }),
      ),
    }),
  ),
});
export type OrdersAnswer = Of<typeof ordersShape>;

const certificates = {
  issuedWh: integer,
  boughtWh: integer,
  soldWh: integer,
  retiredWh: integer,
} as const;

export const greenShape = record({
  from: integer,
  to: integer,
  /** g CO₂ equivalent per kWh. */
  factors: orNull(record({ solar: real, wind: real, rest: real })),
  totals: list(
    record({
      owner: text,
      form: text,
      ...certificates,
      /** Received less given by hand. */
      movedWh: integer,
      heldWh: integer,
    }),
  ),
  uses: list(
    record({ owner: text, takenWh: integer, greenTakenWh: integer, carbonGrams: orNull(integer) }),
  ),
  /** An owner's certificates by slot, the newest first, and the key of the state that proves each. */
  lines: list(
    record({
      key: text,
      slot: integer,
      form: text,
      ...certificates,
      /** What it may hand on or retire by hand. */
      heldWh: integer,
    }),
  ),
  /** The number of an owner's next move by hand; 0 where no one owner is asked about. */
  nextMove: integer,
});
export type GreenAnswer = Of<typeof greenShape>;

export const paymentsShape = record({
  /** What the others owe the owner, below 0 what it owes; what bureaus keep for it. */
  balance: integer,
  collateral: integer,
  /** The number of its next acknowledgement. */
  next: integer,
  /** Who keeps collateral. */
  bureaus: list(text),
  /** What moved its account besides the slots, the newest first; money as it changes the account. */
  entries: list(
    record({
      number: integer,
      time: integer,
      height: integer,
      sort: words("payment", "collateral", "seized", "demand", "unread", "escrow", "bond"),
      money: integer,
      with: text,
      payment: orNull(record({ by: text, version: integer })),
    }),
  ),
});
export type PaymentsAnswer = Of<typeof paymentsShape>;

export const flowsShape = record({
  slot: integer,
  /** Net from the line's first bus to its second; below 0 the other way. */
  lines: list(
    record({
      id: text,
      from: text,
      to: text,
      flowWh: integer,
      lossWh: integer,
      capacityWh: orNull(integer),
    }),
  ),
  /** What the lines could not carry: the market leaves nothing. */
  cutWh: integer,
});
export type FlowsAnswer = Of<typeof flowsShape>;

const totals = record({
  scheme: text,
  costMicro: integer,
  savingMicro: integer,
  receivedWh: integer,
  givenWh: integer,
  boughtWh: integer,
  soldWh: integer,
  selfSufficiency: orNull(real),
  selfConsumption: orNull(real),
  peakW: integer,
});

export const reportShape = record({
  from: integer,
  to: integer,
  slotMinutes: integer,
  slots: integer,
  /** How many parties take part. */
  members: integer,
  feedIn: integer,
  retail: integer,
  sharePrice: integer,
  community: list(totals),
  /** Who saves least under each scheme; for the whole site's people. */
  worstOff: list(record({ scheme: text, id: text, savingMicro: integer })),
  /** An owner's own, or all. */
  parties: list(record({ id: text, slots: integer, totals: list(totals) })),
});
export type ReportAnswer = Of<typeof reportShape>;
export type SchemeTotals = Of<typeof totals>;
