import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { type GreenTotal, greenTotals, greenUses } from "../ledger/certificates.ts";
import { carbonGrams } from "../settlement/carbon.ts";
import { configOption, id, instant } from "./arguments.ts";
import { withLedger } from "./transaction.ts";

type CertificatesOptions = {
  readonly config: string;
  readonly owner?: string;
  readonly from?: number;
  readonly to?: number;
  readonly json: boolean;
};

/** Adds `busbar-aggregator certificates`. */
export function addCertificatesCommand(program: Command): void {
  program
    .command("certificates")
    .description("green certificates of owners, and the carbon figure of what they used")
    .option(...configOption)
    .option("--owner <id>", "one owner alone", id)
    .option("--from <iso>", "slots from this time on (two months are kept)", instant)
    .option("--to <iso>", "slots before this time", instant)
    .option("--json", "print the result as JSON (Wh, g)", false)
    .addHelpText(
      "after",
      `
Issued: from the signed readings of generation meters, each Wh once. Sold and bought: with contracts of
the same energy form. Retired: used by the holder in the same slot, or by hand. By hand: received less given
(busbar-aggregator move-certificates, retire-certificates). Carbon needs carbon.gramsPerKwh in
aggregator.yaml.

Example:
  busbar-aggregator certificates --owner anna --from 2026-06-01T00:00:00Z --config elm/aggregator.yaml`,
    )
    .action((options) => certificatesCommand(options, (line) => console.log(line)));
}

/**
 * Prints owners' certificates by form, and carbon where the configuration has factors.
 * Throws: `Failure` `config.*`, `genesis.*`, `store.*`.
 */
export function certificatesCommand(
  { config: file, owner, from = 0, to = Number.MAX_SAFE_INTEGER, json }: CertificatesOptions,
  write: (line: string) => void,
): void {
  const config = loadConfig(file);
  const isMeant = (one: string) => owner === undefined || one === owner;
  const { totals, uses } = withLedger(config, ({ store }) => ({
    totals: greenTotals(store.state, { from, to }).filter((total) => isMeant(total.owner)),
    uses: [...greenUses(store.state, { from, to })].filter(([one]) => isMeant(one)),
  }));
  const factors = config.carbon?.gramsPerKwh;
  const owners = uses
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([one, use]) => ({
      owner: one,
      ...use,
      carbonGrams: factors === undefined ? null : carbonGrams(use, factors),
    }));
  const certificates = totals.map((total) => ({ ...total, heldWh: heldWh(total) }));
  if (json) {
    return write(JSON.stringify({ certificates, owners, factors: config.carbon ?? null }));
  }
  if (certificates.length === 0) write("no certificates in this time");
  else write(row(["owner", "form", "issued", "bought", "sold", "by hand", "retired", "held, kWh"]));
  for (const { owner: one, form, ...line } of certificates) {
    const { issuedWh, boughtWh, soldWh, movedWh, retiredWh } = line;
    const energies = [issuedWh, boughtWh, soldWh, movedWh, retiredWh, line.heldWh].map(kwh);
    write(row([one, form, ...energies]));
  }
  write("");
  write(row(["owner", "", "taken", "of it green", "CO2e, kg"]));
  for (const { owner: one, takenWh, greenTakenWh, carbonGrams: grams } of owners) {
    const carbon = grams === null ? "no factors" : (grams / 1000).toFixed(3);
    write(row([one, "", kwh(takenWh), kwh(greenTakenWh), carbon]));
  }
}

const heldWh = ({ issuedWh, boughtWh, soldWh, retiredWh, movedWh }: GreenTotal) =>
  issuedWh + boughtWh - soldWh - retiredWh + movedWh;
const kwh = (wh: number) => (wh / 1000).toFixed(3);
const row = (texts: readonly string[]) =>
  `  ${texts.map((text, i) => (i < 2 ? text.padEnd(i === 0 ? 16 : 6) : text.padStart(12))).join("")}`;
