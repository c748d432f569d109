/** A day of the colony's reference prices; `npm run bench -- colony` says how exact they are. */
import { microPerKwh, wh } from "@busbar/protocol";
import { referencePrices } from "../../../aggregator/market/colony/reference.ts";
import type { PriceRules } from "../../../aggregator/market/game/channels.ts";
import { allocateQuantities } from "../../../aggregator/market/game/quantities.ts";
import { type Figure, inTurns } from "./measure.ts";
import { uniform } from "./uniform.ts";

const price = microPerKwh;
const rules: PriceRules = {
  bands: {
    company: [price(500_000), price(700_000)],
    bureau: [price(400_000), price(600_000)],
  },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};

export function colonyFigures(): Figure[] {
  const draws = uniform(3 * 24, 5);
  const upTo = (most: number, at: number) => wh(Math.floor((draws[at] ?? 0) * most));
  const day = Array.from({ length: 24 }, (_, i) =>
    allocateQuantities({
      generationWh: upTo(1_600_000, 3 * i),
      ownLoadWh: upTo(450_000, 3 * i + 1),
      usersLoadWh: upTo(900_000, 3 * i + 2),
    }),
  );
  const { colony } = inTurns(
    {
      colony: () => {
        day.forEach((quantities, hour) => {
          referencePrices(quantities, rules, new Uint8Array(32).fill(hour));
        });
      },
    },
    41,
  );
  return [{ name: "colony, a day of 24 hours", value: colony, unit: "ms", limit: 10 }];
}
