import type { Command, Option } from "commander";

/** What the command line's parts share. */
type Shared = {
  readonly configOption: () => Option;
  readonly example: (...lines: readonly string[]) => string;
};

/** The commands of whoever puts a unit into service and looks after it later. */
export function addFieldCommands(program: Command, shared: Shared): void {
  addCommission(program, shared);
  addUpdate(program, shared);
  addSupport(program, shared);
}

function addCommission(program: Command, { configOption, example }: Shared): void {
  const commission = program
    .command("commission")
    .description("put the unit into service: compare displays, pull things out, sign a sheet of it")
    .exitOverride();
  const commissionPart = (name: string, description: string) =>
    commission.command(name).description(description).exitOverride().option("--json", "print JSON");
  commissionPart("display", "compare what displays show with what the unit reads")
    .argument(
      "<shown...>",
      "METER=KWH as its display shows it; METER:export=KWH for what was fed in",
    )
    .addOption(configOption())
    .addHelpText("after", example("busbar-edge commission display anna-grid=12345.6"))
    .action(async (shown: string[], options) =>
      (await import("./commission.ts")).commissionDisplay(shown, options),
    );
  commissionPart("try", "pull something out and put it back, while the unit is watched")
    .argument("<what>", "adapter, network or power")
    .argument("[meter]", "whose adapter")
    .addOption(configOption())
    .option("--minutes <number>", "how long to wait for it", "10")
    .addHelpText(
      "after",
      example("busbar-edge commission try adapter anna-grid", "busbar-edge commission try power"),
    )
    .action(async (what: string, meter: string | undefined, options) =>
      (await import("./commission.ts")).commissionTry(what, meter, options),
    );
  commissionPart("sheet", "write the signed sheet: JSON to keep, a page to print")
    .addOption(configOption())
    .requiredOption("--installer <name>", "who did it")
    .option(
      "--installer-key <file>",
      "the installer's secret key, to countersign; made where there is none",
    )
    .option("-o, --output <folder>", "where it goes; where the keys are by default")
    .action(async (options) => (await import("./commission.ts")).commissionSheet(options));
  commissionPart("verify", "whether a sheet is as the unit and the installer signed it")
    .argument("<file>", "commissioning-….json")
    .option("--page <file>", "write its page for printing anew")
    .option("--proof <file>", "of busbar-aggregator prove state commissioning/UNIT --cbor FILE")
    .option("--membership <file>", "the members' keys, for --proof", "membership.json")
    .action(async (file: string, options) =>
      (await import("./commission.ts")).commissionVerify(file, options),
    );
}

function addUpdate(program: Command, { configOption, example }: Shared): void {
  const update = program
    .command("update")
    .description(
      "another program for this unit: tried first, kept when all works as before, else undone",
    )
    .exitOverride();
  const updatePart = (name: string, description: string) =>
    update.command(name).description(description).exitOverride().option("--json", "print JSON");
  updatePart("key", "make a key to sign bundles with, and print what units are to know of it")
    .argument("<file>", "where the secret key is, or is made")
    .action(async (file: string, options) =>
      (await import("./update.ts")).updateKey(file, options),
    );
  updatePart("make", "make a bundle of a package's tarball")
    .argument("<tarball>", "what npm run package made: busbar-edge_….tar.gz")
    .option("-o, --output <file>", "the bundle; named after version and processor where left out")
    .option("--key <file>", "sign it with this key at once")
    .action(async (tarball: string, options) =>
      (await import("./update.ts")).updateMake(tarball, options),
    );
  updatePart("sign", "sign a bundle")
    .argument("<bundle>", "what update make made")
    .requiredOption("--key <file>", "made by update key")
    .action(async (bundle: string, options) =>
      (await import("./update.ts")).updateSign(bundle, options),
    );
  updatePart("install", "put a signed bundle on trial in the unit that runs")
    .argument("<bundle>", "signed by a key that stands in update-keys beside edge.yaml")
    .addOption(configOption())
    .option("--minutes <number>", "how long it has to prove itself", "30")
    .option("--allow-older", "an older version than the one that runs, too")
    .option("--stopped", "the unit does not run: compare nothing with what it could do before")
    .addHelpText("after", example("busbar-edge update install busbar-edge_0.2.0-1_arm64.bundle"))
    .action(async (bundle: string, options) =>
      (await import("./update.ts")).updateInstall(bundle, options),
    );
  updatePart("fetch", "fetch a bundle that is stated by size and hash, and put it on trial")
    .argument("<url>", "where it is")
    .requiredOption("--version-stated <version>", "the version that it has to be")
    .requiredOption("--bytes <number>", "its size")
    .requiredOption("--sha256 <digits>", "of the whole file")
    .addOption(configOption())
    .option("--minutes <number>", "how long it has to prove itself", "30")
    .action(async (url: string, options) =>
      (await import("./update-fetch.ts")).updateFetch(url, options),
    );
  updatePart("status", "which program runs, what is on trial, what became of the last one")
    .addOption(configOption())
    .action(async (options) => (await import("./update.ts")).updateStatus(options));
  updatePart("rollback", "back to the program that ran before")
    .addOption(configOption())
    .action(async (options) => (await import("./update.ts")).updateRollback(options));
}

function addSupport(program: Command, { configOption }: Shared): void {
  const support = program
    .command("support")
    .description(
      "let somebody look at this unit from afar, for a while: the owner approves, nobody gets a shell",
    )
    .exitOverride();
  const supportPart = (name: string, description: string) =>
    support.command(name).description(description).exitOverride().option("--json", "print JSON");
  const visit = (made: Command) =>
    made
      .requiredOption("--broker <url>", "where the unit is connected: mqtts://host:8883")
      .requiredOption("--sign-in <id>", "the member or owner to sign in there as")
      .requiredOption("--sign-in-key <file>", "its key")
      .option("--member <id>", "the member that runs the broker")
      .option("--ca <file>", "the broker's authority");
  supportPart("key", "for who supports: make a key, and print the word that owners approve")
    .argument("<file>", "where the secret key is, or is made")
    .action(async (file: string, options) =>
      (await import("./support.ts")).supportKey(file, options),
    );
  supportPart(
    "approve",
    "for the owner: let who has this word ask the unit some things, for a while",
  )
    .argument("<word>", "as busbar-edge support key printed it")
    .addOption(configOption())
    .requiredOption("--name <name>", "who that is")
    .option("--minutes <number>", "how long, a day at most", "60")
    .option("--commands <names>", "what may be asked", "doctor,logs,read,sweep")
    .option("--questions <number>", "how often", "100")
    .option("--owner-key <file>", "the owner's secret key")
    .option("-o, --output <file>", "the approval")
    .action(async (word: string, options) =>
      (await import("./support.ts")).supportApprove(word, options),
    );
  visit(supportPart("ask", "for who supports: ask the unit one thing"))
    .argument("<approval>", "the file that the owner made")
    .argument("<command>", "doctor, logs, read or sweep")
    .argument("[args...]", "logs: how many lines; read: which meters")
    .requiredOption("--key <file>", "made by support key")
    .option("--wait <seconds>", "for the answer", "200")
    .action(async (file: string, what: string, args: string[], options) =>
      (await import("./support.ts")).supportAsk(file, what, args, options),
    );
  visit(supportPart("watch", "for the owner: see what is asked and answered, as it happens"))
    .argument("<approval>", "the file that support approve made")
    .requiredOption("--owner-key <file>", "the owner's secret key")
    .action(async (file: string, options) =>
      (await import("./support.ts")).supportWatch(file, options),
    );
  visit(supportPart("end", "for the owner: end a session before its time"))
    .argument("<approval>", "the file that support approve made")
    .requiredOption("--owner-key <file>", "the owner's secret key")
    .action(async (file: string, options) =>
      (await import("./support.ts")).supportEnd(file, options),
    );
  supportPart("log", "what was asked and answered, as the unit noted it")
    .addOption(configOption())
    .option("--full", "with the answers")
    .option("--last <number>", "so many", "50")
    .action(async (options) => (await import("./support.ts")).supportLog(options));
}
