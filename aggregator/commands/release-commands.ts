import type { Release } from "@busbar/protocol";
import { type Command, InvalidArgumentError } from "commander";
import { configOption, id } from "./arguments.ts";
import { listUnits, proposeRelease, stopRelease } from "./release.ts";
import { tell } from "./transaction.ts";

type Stage = Release["stages"][number];

/** The commands by which members let units install a program, and see who runs what. */
export function addReleaseCommands(program: Command, print: (value: object) => void): void {
  const release = program
    .command("release")
    .description("let units install a program stage by stage, or end that; members vote on it");
  shared(
    release
      .command("propose")
      .description("ask the members to let units install what these bundles hold")
      .argument("<bundles...>", "signed by busbar-edge update sign, one for each kind of processor")
      .option("--canary <unit>", "a unit that may from the start; may stand several times", ids, [])
      .option(
        "--stage <stage>",
        "PERCENT[:HOURS[:KEPT]]: how many units, how long before the next stage, and how many must have kept it by then; may stand several times",
        stages,
        [],
      )
      .option("--failures-max <number>", "so many units may undo or refuse it", whole(100_000), 0)
      .option("--trial-minutes <number>", "how long it has to prove itself", whole(1440), 30)
      .option("--source <url>", "the folder that units fetch the bundles from"),
    "release propose busbar-edge_0.2.0-1_arm64.bundle --canary unit-3 --stage 0:24:1 --stage 10:24:3 --stage 100 --source https://example.org/busbar",
  ).action(async (bundles, options) => {
    const stage = options.stage.length > 0 ? options.stage : stages("100");
    return tell(await proposeRelease(bundles, { ...options, stage }), options);
  });
  shared(
    release.command("stop").description("ask the members that no further unit installs it"),
    "release stop --reason 'readings come late'",
  ).action(async (options) => tell(await stopRelease(options), options));

  program
    .command("units")
    .description("who runs which program, what became of the release there, and the sheets' hashes")
    .option(...configOption)
    .option("--json", "print the result as JSON", false)
    .action((options) => listUnits(options, print));
}

function shared(command: Command, example: string): Command {
  return command
    .option("--reason <text>", "why; it stands in the motion")
    .option(...configOption)
    .option("--dry-run", "say what would come of it, and hand nothing in", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `\nExit codes are those of admit.\n\nExample:\n  busbar-aggregator ${example}`,
    );
}

const ids = (text: string, before: readonly string[]): readonly string[] => [...before, id(text)];

/** `10`, `10:24` or `10:24:3`. */
function stages(text: string, before: readonly Stage[] = []): readonly Stage[] {
  const [, percent, hours = "0", kept = "0"] =
    /^(\d{1,3}(?:\.\d)?)(?::(\d{1,4})(?::(\d{1,5}))?)?$/.exec(text) ?? [];
  if (percent === undefined || Number(percent) > 100 || Number(hours) > 90 * 24) {
    throw new InvalidArgumentError("expected PERCENT, PERCENT:HOURS or PERCENT:HOURS:KEPT");
  }
  const permille = Math.round(Number(percent) * 10);
  return [...before, { permille, waitMinutes: Number(hours) * 60, keptMin: Number(kept) }];
}

const whole =
  (most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number up to ${most}`);
  };
