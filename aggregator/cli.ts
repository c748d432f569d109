#!/usr/bin/env node
/** `busbar-aggregator`: one member's aggregator, and what is done with its ledger. */
import { Failure } from "@busbar/protocol";
import { Command, Option } from "commander";
import {
  configOption,
  days,
  height,
  id,
  ids,
  instant,
  members,
  money,
  port,
} from "./commands/arguments.ts";
import { addGroups } from "./commands/groups.ts";

// What a command needs is imported when it is called.

const program = new Command("busbar-aggregator")
  .description("Runs a member's aggregator: broker, ledger, market, settlement, notices, portal.")
  .showHelpAfterError("(add --help for what is expected)");

program
  .command("init")
  .description("make a working aggregator in a folder: keys, genesis, membership, configuration")
  .option("--site <id>", "the site, which names the chain (default: the folder's name)", id)
  .option("--home <folder>", "where to make it", ".")
  .option("--members <n>", "how many members agree on the blocks", members, 1)
  .option(
    "--member <id>",
    "the member's id (default: recorder-1); of several their ids begin with it (default: member)",
    id,
  )
  .option("--currency <code>", "three capitals, as in ISO 4217", "EUR")
  .option(
    "--time-zone <text>",
    "where the market's days begin, as a POSIX TZ text: CET-1CEST,M3.5.0,M10.5.0/3",
    "UTC0",
  )
  .addOption(
    new Option("--time <iso>", "site time at which the chain begins")
      .argParser(instant)
      .default(Date.now(), "now"),
  )
  .option("--clock <file>", "a virtual site's clock file, instead of the system's clock")
  .option(
    "--broker-port <port>",
    "MQTT port of the first member; the others take the next",
    port,
    1883,
  )
  .option("--portal-port <port>", "port of the first member's web portal", port, 8080)
  .option(
    "--link-port <port>",
    "port at which others reach the first of several members",
    port,
    7600,
  )
  .addOption(
    new Option("--engine <name>", "what several members agree by")
      .choices(["pbft", "cometbft"])
      .default("pbft"),
  )
  .option("--rpc-port <port>", "port of the first member's CometBFT RPC", port, 26_657)
  .option("--operator <id...>", "onlookers (Node-RED, dashboards); each gets <id>.key", ids, [])
  .option("--admit <file...>", "requests of edge units, made by busbar-edge enrol", [])
  .option(
    "--credit-line <amount>",
    "what an account may owe without collateral, in the currency: limits and defaults are looked at from the start (default: as much as it comes to)",
    money,
  )
  .option("--dry-run", "say what would be made, and make nothing", false)
  .option("--json", "print the result as JSON", false)
  .addHelpText(
    "after",
    `
Examples:
  busbar-aggregator init --home elm-street
  busbar-aggregator init --site elm-street --admit unit/request.json
  busbar-aggregator init --site elm-street --home elm --members 4
  busbar-aggregator init --site elm-street --home elm --members 4 --engine cometbft`,
  )
  .action(async (options) => {
    const { init, siteOf } = await import("./commands/init.ts");
    const { madeLines } = await import("./commands/init-text.ts");
    const site = options.site ?? siteOf(options.home);
    const made = init({
      member: undefined,
      clock: undefined,
      ...options,
      site,
      operators: options.operator,
      cometbft: options.engine === "cometbft" ? { rpcPort: options.rpcPort } : undefined,
    });
    if (options.json) return print({ ok: true, files: made.files.map(({ path }) => path) });
    for (const line of madeLines(made, options)) console.log(line);
    if (options.site === undefined) {
      console.log(
        `The site is called ${site}, as its folder, for good; --site names it otherwise.`,
      );
    }
  });

program
  .command("run")
  .description("run the aggregator until SIGTERM or Ctrl-C")
  .option(...configOption)
  .option(
    "--never-voted",
    "let a member vote, or order alone, whose ledger init or join did not make: only if it never signed a block of this chain",
    false,
  )
  .action(async ({ config, neverVoted }) =>
    (await import("./commands/run.ts")).run(config, { neverVoted }),
  );

program
  .command("admit")
  .description("take units and their owners, or a new member, into a chain that runs")
  .option(
    "--request <file...>",
    "requests of edge units, made by busbar-edge enrol: files, BUSBAR-REQUEST:… as it was printed, or - for either on standard input",
  )
  .option(...configOption)
  .option(
    "--member <request>",
    "vote to admit a member: the request that busbar-aggregator join made, a file, BUSBAR-MEMBER:… or -",
  )
  .option("--replace", "let entries that the ledger has under these ids be replaced", false)
  .option("--dry-run", "say what would come of it, and hand nothing in", false)
  .option("--json", "print the result as JSON", false)
  .addHelpText(
    "after",
    `
Exit codes: 0 it stands on the ledger (with --dry-run: it would), 1 it was refused or a file is
wrong, 3 no aggregator answered: try again.

Example:
  busbar-aggregator admit --request unit/request.json --config elm/aggregator.yaml
  busbar-aggregator admit --member member-request.txt --config elm/aggregator.yaml

A member is admitted once a quorum of the members has said so, each with this command.`,
  )
  .action(async (options) => {
    const { member, request } = options;
    if ((member === undefined) === (request === undefined)) {
      throw new Failure("admit.usage", "expected either --request or --member", { retry: "never" });
    }
    if (member === undefined) return (await import("./commands/admit.ts")).admit(options, print);
    const { admitMember } = await import("./commands/vote.ts");
    const { tell } = await import("./commands/transaction.ts");
    return tell(await admitMember(member, options), options);
  });

program
  .command("viewer")
  .description("make a lasting password for a program that only looks on, such as Home Assistant")
  .requiredOption("--owner <id>", "whose meters it sees", id)
  .option("--id <id>", "its MQTT user name", id, "home-assistant")
  .option("--json", "print the result as JSON", false)
  .addHelpText("after", "\nExample:\n  busbar-aggregator viewer --owner anna")
  .action(async ({ id: name, owner, json }) => {
    const { makeViewer } = await import("./broker/viewer.ts");
    const { password, viewer } = makeViewer(name, owner);
    if (json) return print({ ok: true, password, viewer });
    console.log(`password: ${password}
It stands nowhere else. Add this to aggregator.yaml, then start the aggregator anew:

broker:
  viewers:
    - { id: ${name}, owner: ${owner}, passwordSha256: ${viewer.passwordSha256} }`);
  });

program
  .command("config")
  .description("explain every key of aggregator.yaml")
  .action(async () => {
    const { describeConfig } = await import("@busbar/protocol/config");
    const { aggregatorConfig } = await import("./config/schema.ts");
    for (const { path, type, default: value, help } of describeConfig(aggregatorConfig)) {
      console.log(`${path}: ${type}${value === undefined ? "" : ` (default ${value})`}`);
      if (help !== "") console.log(`    ${help}`);
    }
  });

program
  .command("verify")
  .description("replay the whole ledger and say the first height at which anything differs")
  .option(...configOption)
  .option("--archive <folder>", "where old blocks are, if not where the configuration says")
  .option("--json", "print the result as JSON", false)
  .addHelpText(
    "after",
    "\nBegins at genesis, or at a snapshot where older blocks are neither in the store nor in the archive.\nExit codes: 0 all is as it should be, 1 something differs.",
  )
  .action(async (options) => (await import("./commands/verify.ts")).verifyCommand(options, print));

program
  .command("export")
  .description("write blocks with their certificates, or the state, as JSON lines or CBOR")
  .option(...configOption)
  .option("--from <height>", "the first block", height, 1)
  .option("--to <height>", "the last block, instead of the newest", height)
  .option("--state", "the state after the newest block, instead of blocks", false)
  .option("--height <height>", "the state after this block, which is made again", height)
  .option("--cbor", "a CBOR sequence instead of JSON lines", false)
  .option("--archive <folder>", "where old blocks are, if not where the configuration says")
  .action(async (options) => {
    const { exportCommand } = await import("./commands/export.ts");
    // Whoever reads may have had enough.
    process.stdout.once("error", () => process.exit(0));
    exportCommand(options, (piece) => process.stdout.write(piece));
  });

program
  .command("backup")
  .description("write a checked copy of the ledger, also while the aggregator runs")
  .argument("<file>", "where to; a file that is there stays as it is")
  .option(...configOption)
  .option("--json", "print the result as JSON", false)
  .action(async (file, options) =>
    (await import("./commands/backup.ts")).backupCommand(file, options, print),
  );

program
  .command("restore")
  .description("put a backup where no store is, after it was checked")
  .argument("<file>", "what backup wrote")
  .option(...configOption)
  .option("--dry-run", "check the backup, and write nothing", false)
  .option("--accept-loss", "where one member orders alone: later blocks are lost for good", false)
  .option("--json", "print the result as JSON", false)
  .action(async (file, options) =>
    (await import("./commands/backup.ts")).restoreCommand(file, options, print),
  );

program
  .command("rebuild")
  .description("make what the portal reads anew from the ledger, and say what differed")
  .option(...configOption)
  .option("--json", "print the result as JSON", false)
  .action(async (options) =>
    (await import("./commands/rebuild.ts")).rebuildCommand(options, print),
  );

program
  .command("prune")
  .description("move old blocks from the store to the archive; they stay provable")
  .option(...configOption)
  .option("--keep-days <days>", "site days that blocks stay, instead of the configuration's", days)
  .option("--json", "print the result as JSON", false)
  .action(async (options) => (await import("./commands/prune.ts")).pruneCommand(options, print));

program
  .command("prove")
  .description("print a proof that others can check with the members' public keys alone")
  .argument("<what>", "reading, result, payment, state or consistency")
  .argument(
    "<which...>",
    "reading: METER SEQUENCE; result: HEIGHT INDEX, or HEIGHT block; payment: CONTRACT, or OWNER SLOT; state: KEY, as account/OWNER; consistency: HEIGHT …",
  )
  .option(...configOption)
  .option("--cbor <file>", "write the proof as CBOR to a file")
  .option("--archive <folder>", "where old blocks are, if not where the configuration says")
  .addHelpText(
    "after",
    `
Examples:
  busbar-aggregator prove reading house-7 42
  busbar-aggregator prove payment 001780275600000-0001 --cbor payment.cbor
  busbar-aggregator prove state account/house-7
  busbar-aggregator prove consistency 1000 2000`,
  )
  .action(async (what, which, options) =>
    (await import("./commands/prove.ts")).prove(what, which, options),
  );

program
  .command("verify-proof")
  .description("check a proof with the members' public keys alone; needs no ledger and no network")
  .argument("<file>", "what prove printed or wrote")
  .option("--membership <file>", "the members' public keys", "membership.json")
  .option("--json", "print the result as JSON", false)
  .addHelpText("after", "\nExit codes: 0 it is proved, 1 it is not.")
  .action(async (file, options) =>
    (await import("./commands/verify-proof.ts")).verifyProofCommand(file, options, print),
  );

program
  .command("simulate")
  .description("lives of a consortium under faults, by this member's rules: --help says how many")
  .helpOption(false)
  .allowUnknownOption()
  .argument("[options...]", "as of npm run simulate")
  .action(async (options) => (await import("./commands/simulate.ts")).simulateCommand(options));

program
  .command("status")
  .description("what the member is at: a live view on a terminal, else printed once")
  .option(...configOption)
  .option("--once", "print height, readings, trades and sums once, on a terminal too", false)
  .option("--json", "print them as JSON", false)
  .action(async ({ once, ...options }) => {
    const isLive = process.stdout.isTTY === true && !once && !options.json;
    if (!isLive) return (await import("./commands/status.ts")).status(options, print);
    const { processTerminal, showLive } = await import("./commands/status-live.ts");
    return showLive(options.config, processTerminal());
  });

await addGroups(program, process.argv[2], print);

try {
  await program.parseAsync();
} catch (error) {
  // One line for what the world or a file did; only our own mistakes show a stack.
  const told = error instanceof Failure ? error : systemFailure(error);
  if (told === undefined) throw error;
  console.error(`${told.message}\n(${told.code})`);
  process.exitCode = 1;
}

/** What the system said of a file, a folder or a port: it names them itself. */
function systemFailure(error: unknown): Failure | undefined {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || code === undefined || syscall === undefined) return undefined;
  return new Failure(`system.${code.toLowerCase()}`, message, { retry: "never", cause: error });
}

function print(value: object): void {
  console.log(JSON.stringify(value));
}
