import { microPerKwh, wh } from "@busbar/protocol";
import type { PriceRules, Quantities } from "./channels.ts";
import { allocateQuantities } from "./quantities.ts";

/** The settings of the experiment of Liu & Zhou §II.D, with the weights that fit its published noon. */
export const paperRules: PriceRules = {
  bands: {
    company: [microPerKwh(500_000), microPerKwh(700_000)],
    bureau: [microPerKwh(400_000), microPerKwh(600_000)],
  },
  weights: { company: 3, bureau: 3, user: 1 },
  subsidyPermille: 50,
};

/** The energy at noon with which the published prices can be compared: Q_GU = 324, Q_CU = 409 kWh. */
export const paperNoon: Quantities = allocateQuantities({
  generationWh: wh(690_000),
  ownLoadWh: wh(366_000),
  usersLoadWh: wh(733_000),
});

/** The published prices of 12:00, in currency/kWh. */
export const publishedNoon = { cg: 0.420585, cu: 0.555435, gc: 0.595725, gu: 0.687799 } as const;
