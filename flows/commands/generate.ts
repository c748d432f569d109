import { existsSync, writeFileSync } from "node:fs";
import { dirname, relative } from "node:path";
import { type LoadedConfig, loadConfig } from "@busbar/edge";
import { stringify } from "yaml";
import { environmentOf, quotesItself, startingFlow } from "../generate/starting-flow.ts";
import { flowError } from "../nodes/link/errors.ts";

/** Options of `busbar-flows generate`. */
export type GenerateOptions = {
  readonly edge: string;
  readonly out?: string;
  /** A flows.yaml to write beside it, with the environment that the examples read. */
  readonly config?: string;
  readonly portal?: string;
};

/**
 * `busbar-flows generate`: a flow to begin with, from a unit's edge.yaml, and a configuration to run it
 * by. Throws: `ConfigError`, `Failure` `config.missing`, `flows.flow-file` where a file is there already,
 * `flows.field-missing` for a configuration of a flow that is not written.
 */
export function generateCommand(
  { edge, out, config, portal }: GenerateOptions,
  write: (line: string) => void,
): void {
  const unit: LoadedConfig = loadConfig(edge);
  const text = `${JSON.stringify(startingFlow(unit), undefined, 2)}\n`;
  if (out === undefined) {
    if (config === undefined) return write(text.trimEnd());
    throw flowError("flows.field-missing", "--config names a flow file: give --out FLOW.json, too");
  }
  if (config !== undefined && existsSync(config)) throw isThere(config);
  writeNew(out, text);
  const hint = quotesItself(unit);
  if (hint !== undefined) write(hint);
  if (config === undefined) {
    write(`${out}: import it in the editor, or start with it: busbar-flows run --flow ${out}`);
    return;
  }
  const settings = {
    userDir: "./flows-data",
    flow: relative(dirname(config), out),
    environment: environmentOf(unit, portal),
  };
  writeNew(
    config,
    `# Made from ${edge}; the examples read their settings from here.\n${stringify(settings)}`,
  );
  write(`${out} and ${config}: start with them: busbar-flows run --config ${config}`);
}

/** Nothing that a person made is written over. Throws: `Failure` `flows.flow-file`. */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    throw isThere(file, cause);
  }
}

function isThere(file: string, cause?: unknown) {
  const message = `${file}: cannot be written, or is there already; name another file`;
  return flowError("flows.flow-file", message, { cause });
}
