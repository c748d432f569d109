import { Failure, type MicroPerKwh, microPerKwh } from "@busbar/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { loadConfig } from "../config/load.ts";
import { parametersTable } from "../ledger/parameters.ts";
import { paperRules } from "../market/game/paper-rules.ts";
import type { Community, CommunityTerms } from "../settlement/what-if/community.ts";
import { netRetail } from "../settlement/what-if/schemes.ts";
import { instant } from "./arguments.ts";
import { expectedPrice, readPrice } from "./book-file.ts";
import { communityFromFiles, within } from "./community-file.ts";
import { communityOfState } from "./community-state.ts";
import { withLedger } from "./transaction.ts";

/** Where a community's meters are from, and at which prices it is looked at. */
export type SourceOptions = {
  readonly file?: string;
  readonly members?: string;
  readonly config?: string;
  readonly from?: number;
  readonly to?: number;
  readonly price?: MicroPerKwh;
  readonly feedIn?: MicroPerKwh;
  readonly retail?: MicroPerKwh;
  readonly subsidy?: number;
};

/** Adds the options that say so to a command. */
export function addSourceOptions(command: Command): Command {
  return command
    .option(
      "--file <csv>",
      "meters: time (a slot's start, ISO 8601), member, import, export, generation (kWh; the last two may be missing)",
    )
    .option(
      "--members <csv>",
      "with --file: member, party (company or user), weight (of static keys), bid and ask, game-weight, band-low and band-high (in the game of prices), feed-in and retail (its own tariff), fee (of the way from others); currency/kWh",
    )
    .option(
      "--config <file>",
      "the aggregator whose ledger's meters are looked at, instead of files",
    )
    .option("--from <iso>", "slots from this time on", instant)
    .option("--to <iso>", "slots before this time", instant)
    .option("--price <price>", "of shared energy, currency/kWh (default: midway)", price)
    .option("--feed-in <price>", "what the bureau pays, currency/kWh", price)
    .option("--retail <price>", "what the bureau asks, currency/kWh", price)
    .option("--subsidy <permille>", "κ of eq. 3 and 8 in thousandths", permille);
}

/** The community that the options name, and the terms: the ledger's parameters, or the options' own. */
export function sourceOf(options: SourceOptions): {
  readonly source: string;
  readonly community: Community;
  readonly terms: CommunityTerms;
} {
  const { file, members, config, from = 0, to = Number.POSITIVE_INFINITY } = options;
  if ((file === undefined) === (config === undefined)) {
    const message = "expected either --file with a CSV file, or --config with an aggregator.yaml";
    throw new Failure("report.usage", message, { retry: "never" });
  }
  if (file === undefined && members !== undefined) {
    const message = "--members goes with --file; a ledger knows its members by itself";
    throw new Failure("report.usage", message, { retry: "never" });
  }
  if (file !== undefined) {
    const community = within(communityFromFiles(file, members), from, to);
    const source = { source: file, community, terms: termsOf(options, paperTariff) };
    checkTariffs(source);
    return source;
  }
  return withLedger(loadConfig(config ?? ""), ({ store }) => {
    const parameters = parametersTable.get(store.state, "current");
    if (parameters === undefined) throw new Error("genesis wrote the parameters");
    const all = communityOfState(store.state, parameters.slotMinutes * 60_000);
    const community = within(all, from, to);
    const source = { source: config ?? "", community, terms: termsOf(options, parameters) };
    checkTariffs(source);
    return source;
  });
}

/** Insists that nobody earns by buying from the bureau and giving it back. Throws: `Failure` `report.usage`. */
export function checkTariffs({
  community,
  terms,
}: {
  readonly community: Community;
  readonly terms: CommunityTerms;
}): void {
  const whole = whyNotTariff(terms);
  if (whole !== undefined) throw wrong(whole);
  for (const { id, feedIn = terms.feedIn, retail = terms.retail, band } of community.members) {
    const why = whyNotTariff({ ...terms, feedIn, retail });
    if (why !== undefined) throw wrong(`member ${id}: ${why}`);
    if (band !== undefined && terms.subsidyPermille * band[1] >= 500_000_000) {
      const most = 500 / terms.subsidyPermille;
      throw wrong(
        `member ${id}: expected a band below ${most}, where the subsidy outgrows the price`,
      );
    }
  }
}

function whyNotTariff(terms: CommunityTerms): string | undefined {
  const { feedIn, retail, subsidyPermille } = terms;
  if (subsidyPermille * retail < 500_000_000 && netRetail(terms) >= feedIn) return undefined;
  const net = (netRetail(terms) / 1_000_000).toFixed(4);
  return `expected a feed-in below what a kWh costs at retail after its subsidy, ${net}; got ${feedIn / 1_000_000}`;
}

const wrong = (message: string) => new Failure("report.usage", message, { retry: "never" });

/** Where no ledger says otherwise: what a genesis has by default. */
const paperTariff = {
  ...paperRules,
  feedIn: microPerKwh(400_000),
  retail: microPerKwh(700_000),
};

function termsOf(
  options: SourceOptions,
  known: Omit<CommunityTerms, "sharePrice">,
): CommunityTerms {
  const { bands, weights, charges } = known;
  const feedIn = options.feedIn ?? known.feedIn;
  const retail = options.retail ?? known.retail;
  const subsidyPermille = options.subsidy ?? known.subsidyPermille;
  const middle = microPerKwh(Math.floor((feedIn + retail) / 2));
  const terms = {
    feedIn,
    retail,
    subsidyPermille,
    bands,
    weights,
    sharePrice: options.price ?? middle,
    ...(charges === undefined ? {} : { charges }),
  };
  return terms;
}

function price(text: string): MicroPerKwh {
  const value = readPrice(text);
  if (value === undefined || value < 0) {
    throw new InvalidArgumentError(`expected ${expectedPrice}, not below 0`);
  }
  return value;
}

function permille(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= 1000) return value;
  throw new InvalidArgumentError("expected thousandths from 0 to 1000");
}
