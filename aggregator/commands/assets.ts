import { readFileSync } from "node:fs";
import {
  type Assets,
  Failure,
  type MicroPerKwh,
  priceMax,
  sealFrame,
  type UtcMs,
  utcMs,
  type W,
  type Wh,
} from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import type { Command } from "commander";
import { z } from "zod";
import { Portal } from "./quote-portal.ts";

/** Options of `busbar-aggregator assets`. */
export type AssetsOptions = {
  readonly portal: string;
  readonly owner: string;
  readonly key: string;
  readonly file: string;
  readonly days: string;
  readonly json: boolean;
};

const dayMs = 86_400_000;

/** A number of thousandths or millionths from one of kWh, kW or currency. */
const scaled = <T extends number>(by: number, least: number, most: number) =>
  z
    .number()
    .min(least / by)
    .max(most / by)
    .transform((value) => (Math.round(value * by) + 0) as T);
const kwh = scaled<Wh>(1000, 0, 100_000_000);
const kw = scaled<W>(1000, 0, 100_000_000);
const price = scaled<MicroPerKwh>(1_000_000, -priceMax, priceMax);
const slope = scaled<MicroPerKwh>(1_000_000, 0, priceMax);
const efficiency = z
  .number()
  .min(0.001)
  .max(1)
  .default(0.95)
  .transform((part) => Math.round(part * 1000));
const instant = z
  .string()
  .regex(
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/,
    "expected a time like 2026-06-21T18:00Z",
  )
  .transform((text) => Date.parse(text))
  .refine((time) => time >= 0, "expected a time after 1970")
  .transform((time) => time as UtcMs);

const fileSchema = z.strictObject({
  storages: z
    .array(
      z
        .strictObject({
          capacityKwh: kwh,
          startKwh: kwh.default(0 as Wh).describe("what it begins and ends a plan with"),
          chargeKw: kw,
          dischargeKw: kw,
          chargeEfficiency: efficiency,
          dischargeEfficiency: efficiency,
        })
        .transform((one) => ({
          capacity: one.capacityKwh,
          start: one.startKwh,
          charge: one.chargeKw,
          discharge: one.dischargeKw,
          chargePermille: one.chargeEfficiency,
          dischargePermille: one.dischargeEfficiency,
        })),
    )
    .max(4)
    .default([]),
  elastic: z
    .array(
      z
        .strictObject({ worth: price, slope, downKwh: kwh, upKwh: kwh })
        .transform(({ worth, slope, downKwh, upKwh }) => {
          return { worth, slope, down: downKwh, up: upKwh };
        }),
    )
    .max(4)
    .default([]),
  flexible: z
    .array(
      z
        .strictObject({ kwh, from: instant, to: instant, maxKw: kw })
        .transform(({ kwh, from, to, maxKw }) => ({ energy: kwh, from, to, power: maxKw })),
    )
    .max(8)
    .default([]),
  supply: z
    .strictObject({
      capacityKwh: kwh.describe("what it delivers in a slot, in proportion to which bureaus share"),
      perKwh: z.union([price, z.array(price).length(24)]).describe("one price, or 24 of a day"),
      slope: slope.default(0 as MicroPerKwh),
    })
    .transform(({ capacityKwh, perKwh, slope }) => {
      return { capacity: capacityKwh, prices: [perKwh].flat(), slope };
    })
    .exactOptional(),
});

/** Adds `busbar-aggregator assets`. */
export function addAssetsCommand(program: Command): void {
  program
    .command("assets")
    .description(
      "state what the market may plan with for an owner: batteries, elastic demand, flexible loads, a bureau's supply",
    )
    .option("--portal <url>", "a member's portal", "http://127.0.0.1:8080")
    .requiredOption("--owner <id>", "whose they are")
    .requiredOption("--key <file>", "the owner's key file, which signs")
    .requiredOption("--file <file>", "JSON or YAML; it replaces what was stated before")
    .option("--days <number>", "how long it holds", "365")
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `
Everybody reads a statement on the ledger. It comes on top of what meters usually show: state what the
forecast does not know. A file with {} in it takes everything back. What is planned already stands: a
statement counts from the next plan on, a load in whole slots of its time.

Example file:
  storages:
    - { capacityKwh: 10, startKwh: 5, chargeKw: 3, dischargeKw: 3 }
  elastic:
    - { worth: 0.42, slope: 0.1, downKwh: 0.5, upKwh: 1 }
  flexible:
    - { kwh: 8, from: 2026-06-21T18:00Z, to: 2026-06-22T06:00Z, maxKw: 4 }

Example:
  busbar-aggregator assets --owner anna --key anna.key --file assets.yaml`,
    )
    .action((options) => assetsCommand(options, (line) => console.log(line)));
}

/**
 * Signs a file's statement and hands it in.
 * Throws: `ConfigError` with lines, `Failure` `assets.file`, `assets.usage`, `key.*`, `quote.portal`, and what the
 * aggregator refuses it with.
 */
export async function assetsCommand(
  options: AssetsOptions,
  write: (line: string) => void,
): Promise<void> {
  const { owner, key, file, json } = options;
  const days = /^\d{1,5}$/.test(options.days) ? Number(options.days) : 0;
  if (days < 1) {
    const message = `--days: expected a number of days from 1 to 99999, got "${options.days}"`;
    throw new Failure("assets.usage", message, { retry: "never" });
  }
  const stated = parseConfig(file, contentOf(file), fileSchema);
  const portal = new Portal(options.portal);
  const { chain, time } = await portal.status();
  const statement: Assets = {
    owner,
    // Later ones replace earlier ones, on whichever machine they are signed.
    version: Date.now(),
    until: utcMs(time + days * dayMs),
    ...present(stated),
  };
  const signer = signerOf(readKeyFile(key));
  await portal.send(sealFrame("assets", statement, { chain, signer }));
  const { version, until } = statement;
  const movable = stated.storages.length + stated.elastic.length + stated.flexible.length;
  if (json) return write(JSON.stringify({ ok: true, owner, version, until, movable }));
  const what = movable === 1 ? "1 thing that can be moved" : `${movable} things that can be moved`;
  const supply = stated.supply === undefined ? "" : ", and a supply";
  write(`handed in for ${owner}: ${what}${supply}, until ${new Date(until).toISOString()}`);
}

/** Lists that are empty say nothing on the ledger. */
function present({ storages, elastic, flexible, supply }: z.output<typeof fileSchema>) {
  return {
    ...(storages.length === 0 ? {} : { storages }),
    ...(elastic.length === 0 ? {} : { elastic }),
    ...(flexible.length === 0 ? {} : { flexible }),
    ...(supply === undefined ? {} : { supply }),
  };
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const message = `${file}: cannot read this file; name a JSON or YAML file`;
    throw new Failure("assets.file", message, { retry: "never", cause });
  }
}
