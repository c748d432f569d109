import { readFileSync } from "node:fs";
import { checkFlow } from "../check/check.ts";
import type { Finding } from "../check/finding.ts";
import { flowError } from "../nodes/link/errors.ts";

/** Throws: `Failure` `flows.flow-file` for a file that is no flow. */
export function readFlow(file: string): readonly Readonly<Record<string, unknown>>[] {
  try {
    const flow: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (Array.isArray(flow)) return flow;
  } catch (cause) {
    const message = `${file}: expected a flow as Node-RED exports it`;
    throw flowError("flows.flow-file", message, { cause });
  }
  throw flowError("flows.flow-file", `${file}: expected a list of nodes`);
}

type CheckOptions = {
  readonly json: boolean;
  /** What the flow's process has in its environment, as far as it is known. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** `busbar-flows check`: what is quietly wrong with a flow. Whether it may be deployed. */
export function checkCommand(
  file: string,
  { json, environment }: CheckOptions,
  write: (line: string) => void,
): boolean {
  const findings = checkFlow(readFlow(file), environment);
  if (json) write(JSON.stringify({ findings }));
  else for (const line of linesOf(findings)) write(line);
  return findings.every(({ severity }) => severity !== "error");
}

function* linesOf(findings: readonly Finding[]): Iterable<string> {
  if (findings.length === 0) yield "Nothing wrong was found.";
  for (const { severity, code, message, remedy, nodes } of findings) {
    const at = nodes.map(({ id, type }) => `${type} ${id}`).join(", ");
    yield `${severity}: ${message}`;
    yield `  what to do: ${remedy}`;
    yield `  (${code}; ${at})`;
  }
}
