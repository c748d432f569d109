/** Of other feeders' chains, and trades with them. */
export type FeederEvent =
  /** The members trust a chain or do so no longer, or it certified two blocks of one height. */
  | {
      readonly type: "feeder-changed";
      readonly chain: string;
      readonly state: "trusted" | "revoked" | "frozen";
    }
  /** A trade came to a stage on this chain. */
  | {
      readonly type: "feeder-trade";
      /** SHA-256 of its terms, hex. */
      readonly trade: string;
      /** Whether the seller is here, or the buyer. */
      readonly way: "sale" | "purchase";
      readonly stage:
        | "offered"
        | "confirmed"
        | "delivered"
        | "closed"
        | "lapsed"
        | "failed"
        | "abandoned"
        | "escrowed"
        | "paid"
        | "released";
      /** The other one. */
      readonly chain: string;
      readonly seller: string;
      /** null while nobody has taken it. */
      readonly buyer: string | null;
      readonly slot: number;
      readonly quantityWh: number;
      readonly price: number;
      readonly crossedWh?: number;
      readonly paidWh?: number;
      readonly amount?: number;
      readonly compensation?: number;
    };
