import type { Finding } from "./finding.ts";
import { type Flow, parseFlow } from "./flow.ts";
import { checkDirection } from "./rules/direction.ts";
import { checkDuplicates } from "./rules/duplicates.ts";
import { checkGraph } from "./rules/graph.ts";
import { checkPaths } from "./rules/paths.ts";
import { checkSecrets } from "./rules/secrets.ts";
import { checkSites } from "./rules/sites.ts";
import { checkUnits } from "./rules/units.ts";

const rules: readonly ((flow: Flow) => readonly Finding[])[] = [
  checkSites,
  checkUnits,
  checkDirection,
  checkDuplicates,
  checkPaths,
  checkSecrets,
  checkGraph,
];

/**
 * What is quietly wrong with a flow, errors first. Pure: it looks at the flow alone, deployed or not.
 * Throws: `Failure` `flows.flow-file` for what is no flow.
 */
export function checkFlow(value: unknown): readonly Finding[] {
  const flow = parseFlow(value);
  const found = rules.flatMap((rule) => rule(flow));
  return found.sort((a, b) => Number(a.severity > b.severity) - Number(a.severity < b.severity));
}
