import { type MicroPerKwh, microPerKwh, mulDiv } from "@busbar/protocol";

/** How an agent sets the limits of its quotes; see the schema of edge.yaml for what the words mean. */
export type Strategy =
  | { readonly kind: "follow-reference"; readonly roomPermille: number }
  | { readonly kind: "fixed-margin"; readonly marginMicroPerKwh: number }
  | {
      readonly kind: "learned-ramp";
      readonly roomPermille: number;
      readonly learnPermille: number;
    };

/** What a limit is set by. Prices are 10⁻⁶ currency/kWh. */
export type LimitGrounds = {
  readonly side: "ask" | "bid";
  /** The market's reference price for this side, or what stands in for it. */
  readonly reference: number;
  /** What the bureau takes and gives energy for. */
  readonly feedIn: number;
  readonly retail: number;
  /** Gates that the slot has after this one. */
  readonly gatesLeft: number;
  /** How much the ramp dares, in permille of the way from the reference to the best price there is. */
  readonly daringPermille: number;
};

/**
 * The limit that a strategy sets, before the owner's own limits:
 * - `follow-reference`: so many permille below the reference for an ask, above it for a bid. A little room
 *   makes a match likely, and the clearing price is not the limit but the reference.
 * - `fixed-margin`: so much above what the bureau pays for an ask, below what it charges for a bid; never
 *   beyond the other end of the tariff.
 * - `learned-ramp`: while the slot has gates left, some of the way from the reference to the best price that
 *   the tariff leaves, less at each gate; at the last one as `follow-reference`. How much of the way is
 *   learned from what was taken.
 */
export function limitOf(strategy: Strategy, grounds: LimitGrounds): MicroPerKwh {
  const { side, feedIn, retail } = grounds;
  switch (strategy.kind) {
    case "follow-reference":
      return near(grounds, strategy.roomPermille);
    case "fixed-margin": {
      const margin = Math.min(strategy.marginMicroPerKwh, Math.max(0, retail - feedIn));
      return microPerKwh(side === "ask" ? feedIn + margin : retail - margin);
    }
    case "learned-ramp":
      return ramp(grounds, strategy.roomPermille);
    default:
      return strategy satisfies never;
  }
}

function near({ side, reference }: LimitGrounds, roomPermille: number): MicroPerKwh {
  // Below 0 what is nearer to 0 is dearer.
  const nearer = (side === "ask") === reference >= 0;
  const permille = nearer ? 1000 - roomPermille : 1000 + roomPermille;
  return mulDiv(reference, permille, 1000, "half-even") as MicroPerKwh;
}

function ramp(grounds: LimitGrounds, roomPermille: number): MicroPerKwh {
  const { side, feedIn, retail, gatesLeft, daringPermille } = grounds;
  const plain = near(grounds, roomPermille);
  const best = side === "ask" ? retail : feedIn;
  // Of one gate left half of what it dares, of two two thirds: slower while there is time.
  const way = mulDiv(daringPermille, gatesLeft, gatesLeft + 1, "half-even");
  const daring = plain + mulDiv(best - plain, way, 1000, "half-even");
  // Where the reference lies beyond the tariff, the ramp would lead away from it.
  const limit = side === "ask" ? Math.max(plain, daring) : Math.min(plain, daring);
  return microPerKwh(limit);
}
