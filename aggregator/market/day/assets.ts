import { Failure } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { z } from "zod";
import type { Horizon } from "../plan/horizon.ts";
import type { Day } from "./day-file.ts";

/** What can be moved in a day, as `Horizon` has it, with the day's hours found. */
export type Assets = Pick<Horizon, "costs" | "storages" | "elastic" | "flexible">;

const amount = z.number().min(0).max(1e9);
const price = z.number().min(-1e9).max(1e9);
const owner = z.enum(["company", "users"]);
const hour = z.union([z.string(), z.number().transform(String)]);

const assetsSchema = z.strictObject({
  cost: z
    .strictObject({
      perKwh: z.union([price, z.array(price).min(1).max(25)]),
      slope: amount.default(0),
    })
    .describe(
      "What the bureau's next kWh costs it: one number or one an hour; and how it grows with each kWh",
    ),
  storages: z
    .array(
      z.strictObject({
        owner,
        capacityKwh: amount,
        startKwh: amount.default(0),
        chargeKw: amount,
        dischargeKw: amount,
        chargeEfficiency: z.number().default(0.95),
        dischargeEfficiency: z.number().default(0.95),
      }),
    )
    .max(50)
    .default([]),
  elastic: z
    .array(z.strictObject({ owner, worth: price, slope: amount, downKwh: amount, upKwh: amount }))
    .max(50)
    .default([]),
  flexible: z
    .array(z.strictObject({ owner, kwh: amount, from: hour, to: hour, maxKw: amount }))
    .max(50)
    .default([]),
});

/**
 * Reads what can be moved from JSON or YAML; hours are those of the day's file.
 * Throws: `ConfigError` with lines, `Failure` `assets.hour`, `assets.cost`.
 */
export function parseAssets(file: string, text: string, day: Day): Assets {
  const { cost, storages, elastic, flexible } = parseConfig(file, text, assetsSchema);
  const count = day.hours.length;
  const perKwh =
    typeof cost.perKwh === "number" ? new Array<number>(count).fill(cost.perKwh) : cost.perKwh;
  if (perKwh.length !== count) {
    const message = `${file}: cost.perKwh: expected one number or ${count}, one for each hour of the day, got ${perKwh.length}`;
    throw new Failure("assets.cost", message, { retry: "never" });
  }
  const at = (name: string) => {
    const found = day.hours.findIndex((one) => one.hour === name);
    if (found >= 0) return found;
    const known = day.hours.map((one) => one.hour).join(", ");
    throw new Failure(
      "assets.hour",
      `${file}: flexible: expected an hour of ${known}; got ${name}`,
      {
        retry: "never",
      },
    );
  };
  return {
    costs: [{ owner: "bureau", perKwh, slope: cost.slope }],
    storages,
    elastic,
    flexible: flexible.map(({ from, to, ...load }) => ({ ...load, from: at(from), to: at(to) })),
  };
}
