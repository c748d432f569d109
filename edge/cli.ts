#!/usr/bin/env node
import { Command, CommanderError, Option } from "commander";
import { addFieldCommands } from "./commands/field-commands.ts";
import { exitCode, fail, withoutReader } from "./commands/output.ts";
import { captureProtocols } from "./framing/capture-protocols.ts";
import { version } from "./version.ts";

// Each command's module is imported when it is called: a unit that runs for years holds no other's code.
const program = new Command("busbar-edge")
  .description(
    "The unit beside the meters: reads them, keeps and signs readings, sends them to the ledger.",
  )
  .version(version)
  .exitOverride()
  .configureOutput({ writeErr: (text) => process.stderr.write(text) })
  .showHelpAfterError("(busbar-edge --help shows what there is)")
  .addHelpText(
    "after",
    `
A new unit, in order:
  busbar-edge setup                     finds meters, asks, writes edge.yaml
  busbar-edge enrol --config edge.yaml  keys, and the request a member admits
  busbar-edge doctor --config edge.yaml is all well?
  busbar-edge run --config edge.yaml

Exit codes: 0 done, 1 failed, 2 wrong use, 130 ended by Ctrl-C or q.`,
  );

/** A command with the options that most have. */
function command(name: string, description: string, { config = true } = {}): Command {
  const made = program.command(name).description(description).exitOverride();
  if (config) made.addOption(configOption());
  return made.option("--json", "print JSON");
}

function configOption(): Option {
  return new Option("-c, --config <file>", "the unit's configuration")
    .env("BUSBAR_EDGE_CONFIG")
    .default("edge.yaml");
}

function baudOption(): Option {
  const bauds = ["1200", "2400", "4800", "9600", "19200", "38400", "57600", "115200"];
  return new Option("--baud <number>", "the line's speed").choices(bauds);
}

function parityOption(): Option {
  return new Option("--parity <parity>", "the line's parity").choices(["none", "even", "odd"]);
}

command("run", "run the unit until SIGTERM; SIGHUP reads the configuration again")
  .addHelpText("after", example("busbar-edge run --config /etc/busbar/edge.yaml"))
  .action(async ({ config }) => {
    (await import("./update/enter.ts")).enterSlot(config);
    (await import("./commands/lean.ts")).startWithOptions();
    return (await import("./commands/run.ts")).runCommand(config);
  });

command("read", "read meters and show every value")
  .argument("[meters...]", "ids from the configuration; all where none is named")
  .option(
    "--at <place>",
    "instead: /dev/ttyUSB0, tcp://host:502, rtu-over-tcp://host:port or gpio://gpiochip0/17",
  )
  .option("--profile <id>", "the meter's profile, with --at")
  .option("--unit <number>", "Modbus unit id, with --at", "1")
  .option("--address <text>", "address of a DL/T 645, M-Bus or IEC 62056-21 meter, with --at")
  .option("--pulses-per-kwh <number>", "constant of a pulse meter, with --at gpio://…")
  .addOption(baudOption())
  .addOption(parityOption())
  .option("-w, --watch", "again and again")
  .option("--every <seconds>", "pause between readings, with --watch", "1")
  .option("--only <texts>", "values with one of these in code or name: energy,1-0:16")
  .option("--raw", "registers as they came, and every frame on standard error")
  .option("--capture <file>", "record every frame, for a bug report and busbar-edge decode")
  .addHelpText(
    "after",
    example(
      "busbar-edge read company-net --watch",
      "busbar-edge read --at tcp://192.168.1.50:502 --profile eastron-sdm630 --raw",
      "busbar-edge read company-net --capture report.txt",
    ),
  )
  .action(async (ids: string[], options) =>
    (await import("./commands/read.ts")).readCommand(ids, options),
  );

command("scan", "look for meters", { config: false })
  .argument(
    "[places...]",
    "/dev/ttyUSB0, tcp://host:502 or rtu-over-tcp://host:port; all serial ports where none is named",
  )
  .option("--units <ids>", "Modbus unit ids to ask, like 1,3,5 or 1-247 (default: 1-10)")
  .addOption(baudOption())
  .addOption(parityOption())
  .option("--quick", "units 1-3, the likeliest speeds, little patience")
  .option("--thorough", "all speeds there are, and on after something answered")
  .addHelpText(
    "after",
    example(
      "busbar-edge scan",
      "busbar-edge scan /dev/ttyUSB0 --baud 9600 --units 1-247",
      "busbar-edge scan tcp://192.168.1.50:502 --units 1-3",
    ),
  )
  .action(async (places: string[], options) =>
    (await import("./commands/scan.ts")).scanCommand(places, options),
  );

command(
  "sweep",
  "look into serial lines: what disturbs them, two meters at one address, how fast answers come",
)
  .argument(
    "[places...]",
    "/dev/ttyUSB0 or rtu-over-tcp://host:port; all serial ports where none is named",
  )
  .option("--units <ids>", "Modbus unit ids to ask, like 1,3,5 or 1-247 (default: 1-10)")
  .addOption(baudOption())
  .addOption(parityOption())
  .option("--reads <number>", "how often each meter that is found is asked the same", "30")
  .option("--quick", "units 1-3, the likeliest speeds, little patience")
  .option("--thorough", "all speeds there are, and a longer look at the silent line")
  .option("--modbus-only", "without the other protocols where no Modbus meter answers")
  .addHelpText("after", example("busbar-edge sweep", "busbar-edge sweep /dev/ttyUSB0 --reads 200"))
  .action(async (places: string[], options) =>
    (await import("./commands/sweep.ts")).sweepCommand(places, options),
  );

command("setup", "make or change edge.yaml, by questions or by options")
  .argument("[places...]", "where to look for meters; all serial ports where none is named")
  .option("--add-meter", "ask for further meters only")
  .option("--dry-run", "show what would be written, and write nothing")
  .option("--answers <file>", "instead of questions: YAML or JSON with keys as in edge.yaml")
  .option("--site <id>", "the site's id")
  .option("--device <id>", "this unit's id (default: the host's name)")
  .option("--owner <id>", "the owner's id")
  .addOption(
    new Option("--party <party>", "what the owner is").choices([
      "user",
      "company",
      "bureau",
      "operator",
    ]),
  )
  .option("--owner-name <name>", "the owner's name")
  .option("--broker <url>", "mqtts://host:8883; may stand several times", several)
  .option("--meter <meter>", "ID=PLACE:PROFILE:UNIT; may stand several times", several)
  .addHelpText(
    "after",
    example(
      "busbar-edge setup",
      "busbar-edge setup --add-meter tcp://192.168.1.50:502",
      "busbar-edge setup --site demo --owner anna \\",
      "  --meter anna-grid=/dev/ttyUSB0:eastron-sdm630:1 \\",
      "  --meter anna-solar=tcp://10.0.0.7:502:sunspec:126,role=generation,form=solar",
    ),
  )
  .action(async (places: string[], options) =>
    (await import("./commands/setup.ts")).setupCommand(places, options),
  );

const journal = program
  .command("journal")
  .description("look into the journal, beside a unit that runs or without it")
  .exitOverride();
const journalPart = (name: string, description: string) =>
  journal.command(name).description(description).exitOverride().addOption(configOption());
journalPart("list", "how many readings are where; of one meter, its newest entries")
  .option("--meter <id>", "the entries of this meter")
  .option("--last <number>", "so many of them, 20 where it is left out")
  .option("--json", "print JSON, with all registers")
  .addHelpText("after", example("busbar-edge journal list --meter anna-grid --last 5"))
  .action(async (options) => (await import("./commands/journal.ts")).journalList(options));
journalPart("verify", "follow every chain, compare every batch, check every receipt")
  .option("--json", "print JSON")
  .action(async (options) => (await import("./commands/journal.ts")).journalVerify(options));
journalPart("set-aside", "keep a damaged journal under another name; the next start begins anew")
  .option("--json", "print JSON")
  .action(async (options) => (await import("./commands/journal.ts")).journalSetAside(options));
journalPart("export", "write readings for other programs")
  .addOption(
    new Option("--format <format>", "of the output")
      .choices(["csv", "json", "cbor"])
      .default("csv"),
  )
  .option("--meter <id>", "of one meter only")
  .option("--from <time>", "from this time on, like 2026-06-21T12:00Z")
  .option("--to <time>", "before this time")
  .option("-o, --output <file>", "instead of standard output")
  .addHelpText("after", example("busbar-edge journal export --from 2026-06-21 -o june.csv"))
  .action(async (options) => (await import("./commands/journal.ts")).journalExport(options));

command("replace", "a meter is exchanged: note its final reading; stop the unit meanwhile")
  .argument("<meter>", "its id in the configuration")
  .option("--final <kWh>", "energy taken, as the old display shows it: 12345.6")
  .option("--final-export <kWh>", "energy given, likewise")
  .addHelpText("after", example("busbar-edge replace anna-grid --final 12345.6"))
  .action(async (meter, options) =>
    (await import("./commands/replace.ts")).replaceCommand(meter, options),
  );

const profiles = program
  .command("profiles")
  .description("the meters that can be read; a file of yours is one too: ./my-meter.yaml")
  .exitOverride();
const profilePart = (name: string, description: string) =>
  profiles.command(name).description(description).exitOverride().option("--json", "print JSON");
profilePart("list", "all meters of the project").action(async (options) =>
  (await import("./commands/profiles.ts")).profilesList(options),
);
profilePart("show", "how one is connected and recognised, its values and its doubts")
  .argument("<id>", "of the list, or a file like ./my-meter.yaml")
  .action(async (id: string, options) =>
    (await import("./commands/profiles.ts")).profilesShow(id, options),
  );
profilePart("check", "every mistake of a profile file with its line")
  .argument("<files...>", "profiles of your own, named after their id: my-meter.yaml")
  .addHelpText("after", example("busbar-edge profiles check my-meter.yaml"))
  .action(async (files: string[], options) =>
    (await import("./commands/profiles.ts")).profilesCheck(files, options),
  );

command("status", "what the unit's page shows: meters, queue, last receipt, clock, what is wrong")
  .option("-w, --watch", "again and again")
  .addHelpText("after", example("busbar-edge status --watch"))
  .action(async (options) => (await import("./commands/status.ts")).statusCommand(options));

command("doctor", "look at everything the unit needs; each fault with its remedy").action(
  async (options) => (await import("./commands/doctor.ts")).doctorCommand(options),
);

addFieldCommands(program, { configOption, example });

command("flash", "write an image onto a card, with the site's files; compares what it wrote", {
  config: false,
})
  .option("--list", "show removable disks, and what is in the way of each")
  .option("--image <file>", "the image, .img or .img.zst, with its .sha256 beside it")
  .option("--device <disk>", "a whole removable disk: /dev/sdb, /dev/mmcblk0, /dev/disk/by-id/…")
  .option("--to-file <file>", "instead: a new file, for another program to write")
  .option("--config <file>", "the site's: host name, network, time, membership, the unit")
  .option("--labels <file>", "labels.json of busbar-aggregator site labels: seals what is secret")
  .option(
    "--code <code>",
    "instead: the code on a label that is good once more (busbar-aggregator replace)",
  )
  .option(
    "--code-on-card",
    "with either: the unit is taken in at its first start, by nobody's hand",
  )
  .option("--sha256 <digits>", "of the image file, where there is no .sha256 beside it")
  .option("--confirm <name>", "the disk's name, instead of typing it when asked")
  .option("--dry-run", "check all and say what would be written, and write nothing")
  .addHelpText(
    "after",
    example(
      "busbar-edge flash --list",
      "sudo busbar-edge flash --image busbar-0.1.0-1-arm64.img.zst --config site.yaml --labels labels.json --device /dev/sdb",
    ),
  )
  .action(async (options) => (await import("./commands/flash.ts")).flashCommand(options));

command("claim", "take the code of the unit's label, by which the ledger takes the unit in")
  .argument("[code]", "XXXX-XXXX-XXXX-XXXX; - reads it from standard input")
  .addHelpText("after", example("busbar-edge claim 7K3Q-F0M8-ZT2X-A9CD"))
  .action(async (code: string | undefined, options) =>
    (await import("./commands/claim.ts")).claimCommand(code, options),
  );

command("self-test", "whether this installation works on this machine; touches no meter", {
  config: false,
}).action(async (options) => (await import("./commands/self-test.ts")).selfTestCommand(options));

command("decode", "turn captured bytes into readings", { config: false })
  .argument("<file>", "raw bytes, or hexadecimal text such as a dump; - is standard input")
  .requiredOption("--protocol <name>", captureProtocols.join(", "))
  .option("--profile <id>", "of modbus-rtu: name the values by this meter's profile")
  .addHelpText(
    "after",
    example(
      "busbar-edge decode --protocol modbus-rtu --profile eastron-sdm120 capture.hex",
      "busbar-edge decode --protocol sml optical-head.bin",
    ),
  )
  .action(async (file: string, options) =>
    (await import("./commands/decode.ts")).decodeCommand(file, options),
  );

command("enrol", "make keys and the request that a member admits; sign the owner's limits")
  .option("--home <folder>", "where request.json goes; where the keys are by default")
  .option("--owner-key <file>", "the owner's secret key; made where there is none")
  .option("--membership <file>", "the site's membership.json, checked and put in its place")
  .option("--wait", "wait until the unit is admitted and a broker lets it in; Ctrl-C is safe")
  .addHelpText("after", example("busbar-edge enrol --config edge.yaml --owner-key owner.key"))
  .action(async (options) => (await import("./commands/enrol.ts")).enrolCommand(options));

command("token", "a fresh MQTT password for another client, good for a minute and one connection")
  .option("--label <label>", "client id <device>:<label>, for a client beside the unit")
  .option("--broker <id>", "the member that runs the broker")
  .option("--owner", "sign in as the owner, not as the unit")
  .addHelpText(
    "after",
    example(
      "mosquitto_sub -u unit-1 -i unit-1:look -t busbar/v1/demo/market/prices \\",
      '  -P "$(busbar-edge token --label look)"',
    ),
  )
  .action(async (options) => (await import("./commands/token.ts")).tokenCommand(options));

/** Of an option that may stand several times. */
function several(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function example(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

program.hook("preAction", (_, action) => withoutReader({ goOn: action.name() === "run" }));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    const asked = ["commander.helpDisplayed", "commander.version", "commander.help"];
    process.exitCode =
      asked.includes(error.code) && error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  } else {
    fail(error, process.argv.includes("--json"));
  }
}
