import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { configOption, id, instant } from "./arguments.ts";
import {
  feederLines,
  feedersAbout,
  findTrade,
  offeredAt,
  offerOf,
  revokeFeeder,
  tradesAbout,
  trustFeeder,
} from "./feeder.ts";
import { energy, owned, price, priceFromZero, say } from "./owner-word.ts";
import { tell, withLedger } from "./transaction.ts";

/** The commands about other feeders' chains, and trades with them. */
export function addFeederCommands(program: Command, print: (value: object) => void): void {
  const feeder = program
    .command("feeder")
    .description(
      "other consortia's chains: trust them by vote, trade with them, look at the trades",
    );
  shared(
    feeder
      .command("trust")
      .description(
        "ask the members to trust another consortium's chain, as its membership file has it",
      )
      .argument("<membership>", "membership.json of the other consortium, from somebody you trust")
      .requiredOption("--via <owner>", "whose meter stands on the line to it", id),
    "feeder trust south/membership.json --via line-north",
  ).action(async (membership, options) => tell(await trustFeeder(membership, options), options));
  shared(
    feeder
      .command("revoke")
      .description(
        "ask the members to trade with a chain no longer; running trades end by their steps",
      )
      .argument("<chain>", "the chain", id),
    "feeder revoke south --reason 'the line is down'",
  ).action(async (chain, options) => tell(await revokeFeeder(chain, options), options));

  feeder
    .command("list")
    .description("which chains are trusted, and the trades with them")
    .option(...configOption)
    .option("--json", "print the result as JSON", false)
    .action((options) => {
      const { feeders, trades } = withLedger(loadConfig(options.config), ({ store: { state } }) => {
        return { feeders: feedersAbout(state), trades: tradesAbout(state) };
      });
      if (options.json) return print({ feeders, trades });
      for (const line of feederLines(feeders, trades)) console.log(line);
    });
  feeder
    .command("show")
    .description("one trade with another feeder: its stage, deadlines, energy and money")
    .argument("<trade>", "its first eight or more digits")
    .option(...configOption)
    .option("--json", "print the result as JSON", false)
    .action((which, options) => {
      const trade = withLedger(loadConfig(options.config), ({ store }) =>
        findTrade(store.state, which),
      );
      if (options.json) return print(trade);
      for (const [name, value] of Object.entries(trade)) console.log(`${name}: ${value ?? "-"}`);
    });

  owned(feeder.command("offer"))
    .description("offer energy to another feeder; the bond is put aside until the trade is over")
    .requiredOption("--to <chain>", "the buyer's chain", id)
    .option("--buyer <id>", "the owner there (default: the first one that takes it)", id)
    .requiredOption("--slot <iso>", "start of the slot", instant)
    .requiredOption("--kwh <number>", "how much", energy)
    .requiredOption("--price <number>", "for a kWh, currency", price)
    .option("--bond <number>", "owed for a kWh that does not come, currency", priceFromZero, 0)
    .option(
      "--confirm-by <iso>",
      "a buyer's escrow has to be shown by then (default: the slot)",
      instant,
    )
    .option(
      "--deliver-by <iso>",
      "the line has to be metered by then (default: a day later)",
      instant,
    )
    .option(
      "--pay-by <iso>",
      "from then on the buyer has its money again (default: a day later)",
      instant,
    )
    .option("--close-by <iso>", "from then on the bond is free (default: a day later)", instant)
    .addHelpText(
      "after",
      "\nExample:\n  busbar-aggregator feeder offer --owner company --key company.key --to south --slot 2026-06-21T12:00Z --kwh 5 --price 0.3 --bond 0.1",
    )
    .action((options) =>
      say(options, (state, chain) => ({
        kind: "feeder-offer",
        message: { terms: offerOf(options, state, chain) },
      })),
    );
  owned(feeder.command("accept"))
    .description("take another feeder's offer; its price is put aside until the trade is over")
    .argument("<trade>", "the offer's whole name, 64 digits")
    .requiredOption("--from <url>", "a portal of the seller's feeder")
    .addHelpText(
      "after",
      "\nExample:\n  busbar-aggregator feeder accept 5f0c… --owner anna --key anna.key --from http://192.0.2.7:8080",
    )
    .action(async (trade, options) => {
      const proof = await offeredAt(options.from, trade);
      return say(options, () => ({
        kind: "feeder-accept",
        message: { buyer: options.owner, proof },
      }));
    });
}

function shared(command: Command, example: string): Command {
  return command
    .option("--reason <text>", "why; it stands in the motion")
    .option(...configOption)
    .option("--dry-run", "say what would come of it, and hand nothing in", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `\nThe members vote on it: busbar-aggregator vote feeder-CHAIN. Exit codes are those of admit.\n\nExample:\n  busbar-aggregator ${example}`,
    );
}
