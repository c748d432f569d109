import type { Finding } from "./finding.ts";
import { type Flow, parseFlow } from "./flow.ts";
import { checkClients } from "./rules/clients.ts";
import { checkDirection } from "./rules/direction.ts";
import { checkDuplicates } from "./rules/duplicates.ts";
import { checkGraph } from "./rules/graph.ts";
import { checkPaths } from "./rules/paths.ts";
import { checkPush } from "./rules/push.ts";
import { checkQuotes } from "./rules/quotes.ts";
import { checkReadings } from "./rules/readings.ts";
import { checkSecrets } from "./rules/secrets.ts";
import { checkSites } from "./rules/sites.ts";
import { checkUnits } from "./rules/units.ts";

const rules: readonly ((flow: Flow) => readonly Finding[])[] = [
  checkSites,
  checkUnits,
  checkReadings,
  checkDirection,
  checkQuotes,
  checkDuplicates,
  checkClients,
  checkPaths,
  checkPush,
  checkSecrets,
  checkGraph,
];

/**
 * What is quietly wrong with a flow, errors first. Pure: it looks at the flow alone, deployed or not, and
 * at the environment that fills in its fields, as far as that is given.
 * Throws: `Failure` `flows.flow-file` for what is no flow, and for one that no end of ways lead through.
 */
export function checkFlow(
  value: unknown,
  environment: Flow["environment"] = {},
): readonly Finding[] {
  const flow = parseFlow(value, environment);
  // One wrong wire may be reached in several ways.
  const found = new Map(
    rules.flatMap((rule) => rule(flow)).map((one) => [`${one.code} ${one.message}`, one]),
  );
  return [...found.values()].sort(
    (a, b) => Number(a.severity > b.severity) - Number(a.severity < b.severity),
  );
}
