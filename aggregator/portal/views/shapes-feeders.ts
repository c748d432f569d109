import { integer, list, type Of, orNull, record, text, words } from "../shape.ts";

/** What the route about other feeders says. Units as in `api.ts`. */
export const feedersShape = record({
  chain: text,
  /** Site time of the last block. */
  time: integer,
  /** Of who votes here. */
  epoch: integer,
  feeders: list(
    record({
      chain: text,
      via: text,
      state: words("trusted", "revoked", "frozen"),
      epoch: integer,
      voters: list(text),
      /** The newest of its blocks that was shown here. */
      height: orNull(integer),
      time: orNull(integer),
      /** Addresses of its members' portals, as this member knows them. */
      portals: list(text),
    }),
  ),
  /** Those that changed last come first. */
  trades: list(
    record({
      trade: text,
      /** Whether the seller is here, or the buyer. */
      way: words("sale", "purchase"),
      stage: words(
        ...["offered", "confirmed", "delivered", "closed", "lapsed", "failed", "abandoned"],
        ...["escrowed", "paid", "released"],
      ),
      /** The other one. */
      chain: text,
      /** What the other chain said of it last, as far as this member has looked. */
      otherStage: orNull(text),
      seller: text,
      buyer: orNull(text),
      slot: integer,
      quantityWh: integer,
      price: integer,
      bond: integer,
      confirmBy: integer,
      deliverBy: integer,
      payBy: integer,
      closeBy: integer,
      contract: orNull(text),
      crossedWh: orNull(integer),
      paidWh: orNull(integer),
      amount: orNull(integer),
      compensation: orNull(integer),
      height: integer,
      time: integer,
    }),
  ),
});
export type FeedersAnswer = Of<typeof feedersShape>;
