import { dirname, resolve } from "node:path";
import { Failure } from "@busbar/protocol";
import { ConfigError, parseConfig } from "@busbar/protocol/config";
import { parseDocument, stringify } from "yaml";
import { configSchema } from "../config/schema.ts";
import { editYaml } from "../config/yaml-edit.ts";
import { type Draft, present } from "../setup/draft.ts";
import { type GivenAnswers, isGiven, withAnswers } from "../setup/given-answers.ts";
import { Interview } from "../setup/interview.ts";
import { lineDiff } from "../setup/line-diff.ts";
import { newConfigText } from "../setup/new-config.ts";
import { saveConfig, textOf } from "../setup/save-config.ts";
import { wizard } from "../setup/wizard.ts";
import { exitCode, exitWith, print } from "./output.ts";
import { columnsOf } from "./terminal.ts";

/** Options of `busbar-edge setup`. */
export type SetupOptions = GivenAnswers & {
  readonly config: string;
  readonly addMeter?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
};

/**
 * Makes or changes edge.yaml: by questions on a terminal, or by answers on the command line.
 * Throws: `Failure` `usage.terminal` where neither is there, `setup.*`, `ConfigError`.
 */
export async function setupCommand(
  places: readonly string[],
  options: SetupOptions,
): Promise<void> {
  const { config: file, json = false, dryRun = false, addMeter = false } = options;
  const given = answersGiven(options);
  const before = textOf(file);
  // A file that no unit could be started with is not built upon.
  if (before !== undefined) parseConfig(file, before, configSchema);
  if (isGiven(given)) {
    const draft = withAnswers(draftOf(before), given);
    const text = textFor(file, before, draft);
    const backup = dryRun || text === before ? undefined : saveConfig(file, text, before);
    tell({ file, before, text, backup, dryRun, json });
    return;
  }
  if (json || process.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    const message =
      "expected a terminal to ask on, or the answers: --answers FILE with keys as in edge.yaml, or --site, --owner and --meter ID=PLACE:PROFILE:UNIT (busbar-edge setup --help)";
    throw new Failure("usage.terminal", message, { retry: "never" });
  }
  await talk(places, { file, before, addMeter, dryRun });
}

function answersGiven(options: SetupOptions): GivenAnswers {
  const { answers, site, device, owner, party, ownerName, broker, meter } = options;
  return present({ answers, site, device, owner, party, ownerName, broker, meter });
}

type Talk = {
  readonly file: string;
  readonly before: string | undefined;
  readonly addMeter: boolean;
  readonly dryRun: boolean;
};

async function talk(places: readonly string[], options: Talk): Promise<void> {
  const { file, before, addMeter, dryRun } = options;
  const width = columnsOf(process.stdout);
  const interview = new Interview({ input: process.stdin, output: process.stdout, width });
  try {
    const text = await interview.hold(async () => {
      const draft = await wizard(interview, {
        file,
        before: draftOf(before),
        addMeter,
        places,
        width,
      });
      const text = textFor(file, before, draft);
      if (text === before) return before;
      const changes = before === undefined ? text.trimEnd() : lineDiff(before, text).join("\n");
      interview.show(`\n${changes}\n`);
      if (dryRun) return text;
      const write = await interview.confirm(`Write ${file}?`, true);
      return write ? text : undefined;
    });
    if (text === undefined) process.stdout.write("Nothing was written.\n");
    else {
      const backup = dryRun || text === before ? undefined : saveConfig(file, text, before);
      process.stdout.write(`${doneText({ file, before, text, backup, dryRun })}\n`);
    }
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "setup.ended") throw error;
    process.stdout.write("Ended; nothing was written.\n");
    await exitWith(exitCode.interrupted);
  } finally {
    interview.close();
  }
}

/** The file's content, as it is written there. */
const draftOf = (text: string | undefined): Draft | undefined =>
  text === undefined ? undefined : ((parseDocument(text).toJS() ?? {}) as Draft);

/** The file with a draft in it, checked by the schema. Throws: `ConfigError`, `Failure` `config.edit`. */
function textFor(file: string, before: string | undefined, draft: Draft): string {
  const value = plain(draft);
  checkValue(file, value);
  const text = before === undefined ? newConfigText(value) : editYaml(before, value);
  parseConfig(file, text, configSchema);
  return text;
}

/** The lines of a file that is not written yet mean nothing: what is wrong is named by its key. */
function checkValue(file: string, value: Record<string, unknown>): void {
  try {
    parseConfig(file, stringify(value), configSchema);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map(({ message }) => `  ${message}`).join("\n");
    const message = `${file} cannot be made of this; nothing was written:\n${problems}`;
    throw new Failure("setup.answers", message, { retry: "never", cause: error });
  }
}

/** Without keys that hold nothing, as YAML would give it back. */
const plain = (draft: Draft): Record<string, unknown> =>
  JSON.parse(JSON.stringify(draft)) as Record<string, unknown>;

type Done = {
  readonly file: string;
  readonly before: string | undefined;
  readonly text: string;
  readonly backup: string | undefined;
  readonly dryRun: boolean;
};

function tell(done: Done & { readonly json: boolean }): void {
  const { file, before, text, backup, dryRun, json } = done;
  const changed = text !== before;
  const all = { ok: true, file, written: changed && !dryRun, changed, backup, text };
  print(json, all, () => {
    const changes = before === undefined ? text : `${lineDiff(before, text).join("\n")}\n`;
    return `${dryRun && changed ? changes : ""}${doneText(done)}`;
  });
}

function doneText({ file, before, text, backup, dryRun }: Done): string {
  if (text === before) return `${file} is as wished already; nothing was written.`;
  if (dryRun) return "A dry run: nothing was written.";
  const option = resolve(file) === resolve("edge.yaml") ? "" : ` --config ${file}`;
  const kept = backup === undefined ? "" : ` The former file is ${backup}.`;
  const next =
    before === undefined
      ? [
          `busbar-edge enrol${option}    keys, and the request that a member admits`,
          `busbar-edge doctor${option}   is all well? each fault with its remedy`,
          `busbar-edge run${option}      or: sudo systemctl enable --now busbar-edge`,
        ]
      : [
          `busbar-edge enrol${option}    after a new meter: the request that a member admits`,
          `busbar-edge doctor${option}   is all well? each fault with its remedy`,
          "sudo systemctl reload busbar-edge   where the unit runs already",
        ];
  return `${file} is written.${kept}\n\nNext, in ${dirname(resolve(file))}:\n  ${next.join("\n  ")}`;
}
