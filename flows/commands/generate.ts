import { writeFileSync } from "node:fs";
import { type LoadedConfig, loadConfig } from "@busbar/edge";
import { startingFlow } from "../generate/starting-flow.ts";
import { flowError } from "../nodes/link/errors.ts";

/** Options of `busbar-flows generate`. */
export type GenerateOptions = { readonly edge: string; readonly out?: string };

/**
 * `busbar-flows generate`: a flow to begin with, from a unit's edge.yaml. Throws: `ConfigError`,
 * `Failure` `config.missing`, `flows.flow-file` where the output file is there.
 */
export function generateCommand(
  { edge, out }: GenerateOptions,
  write: (line: string) => void,
): void {
  const config: LoadedConfig = loadConfig(edge);
  const text = `${JSON.stringify(startingFlow(config), undefined, 2)}\n`;
  if (out === undefined) return write(text.trimEnd());
  try {
    writeFileSync(out, text, { flag: "wx" });
  } catch (cause) {
    const message = `${out}: cannot be written, or is there already; name another file`;
    throw flowError("flows.flow-file", message, { cause });
  }
  write(`${out}: import it in the editor, or start with it: busbar-flows run --flow ${out}`);
}
