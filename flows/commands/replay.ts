import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { FlowNode } from "../check/flow.ts";
import { parseFlow } from "../check/flow.ts";
import { readIfThere } from "../nodes/link/durable.ts";
import { flowError } from "../nodes/link/errors.ts";
import { compareReplays } from "../replay/compare.ts";
import { type DayEvent, mergedDays, parseDay } from "../replay/day.ts";
import { HeadlessNodeRed, type Replayed } from "../replay/headless.ts";
import { reportLines, reportPage } from "../replay/report.ts";
import { DeployHistory } from "../runtime/history.ts";
import { readFlow } from "./check.ts";

/** Options of `busbar-flows replay`. */
export type ReplayOptions = {
  /** Files whose events are told together. */
  readonly day: readonly string[];
  readonly against?: string;
  readonly userDir: string;
  readonly html?: string;
  readonly json?: boolean;
};

/**
 * `busbar-flows replay`: runs a recorded day through a flow and the one before it, and says how their
 * results differ. Nothing outside is touched. Throws: `Failure` `flows.*`.
 */
export async function replayCommand(
  file: string,
  options: ReplayOptions,
  write: (line: string) => void,
): Promise<void> {
  const after = nodesOf(readFlow(file));
  const before = beforeOf(options);
  const day = mergedDays(options.day.map(readDay));
  const red = new HeadlessNodeRed();
  await red.start(
    join(import.meta.dirname, import.meta.dirname.endsWith("dist") ? "" : "dist", "nodes"),
  );
  let old: Replayed;
  let now: Replayed;
  try {
    old = await red.replay(before, day);
    now = await red.replay(after, day);
  } finally {
    await red.stop();
  }
  const [from, until] = [day[0]?.at ?? 0, day.at(-1)?.at ?? 0];
  const ends = compareReplays(old, now, { from, until });
  if (options.html !== undefined) {
    const title = `${basename(file)} over ${options.day.map((one) => basename(one)).join(", ")}`;
    const page = { title, ends, before: old, after: now, from, until };
    writeFileSync(options.html, reportPage(page));
  }
  if (options.json === true) {
    const { stilled, unheard, errors } = now;
    return write(JSON.stringify({ from, until, ends, stilled, unheard, errors }));
  }
  for (const line of reportLines(ends)) write(line);
  for (const error of new Set(now.errors)) write(`the new flow said: ${error}`);
  if (now.stilled.length > 0) write(`not run, because they act outside: ${now.stilled.join(", ")}`);
  if (now.unheard > 0)
    write(`${now.unheard} of ${day.length} events are of topics that the new flow does not follow`);
}

/** The flow to compare with: one that is named, else the last one deployed. */
function beforeOf({ against, userDir }: ReplayOptions): readonly FlowNode[] {
  if (against !== undefined) return nodesOf(readFlow(against));
  const history = new DeployHistory(userDir);
  const last = history.list().at(-1);
  if (last !== undefined) return nodesOf(history.flowOf(last.version));
  const message = `${userDir}: nothing was deployed yet; name the flow to compare with by --against`;
  throw flowError("flows.version-missing", message);
}

const nodesOf = (flow: readonly unknown[]): readonly FlowNode[] => {
  parseFlow(flow);
  return flow as readonly FlowNode[];
};

function readDay(file: string): readonly DayEvent[] {
  const text = readIfThere(file);
  if (text !== undefined) return parseDay(file, text);
  throw flowError(
    "flows.day-file",
    `${file}: there is no such file; busbar-flows record makes one`,
  );
}
