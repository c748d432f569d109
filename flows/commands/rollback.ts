import { userInfo } from "node:os";
import { join } from "node:path";
import { writeWhole } from "../nodes/link/durable.ts";
import { flowError } from "../nodes/link/errors.ts";
import { type Deployed, DeployHistory, type StoredFlow } from "../runtime/history.ts";
import { runningIn } from "../runtime/running.ts";

/** Options of `busbar-flows rollback`. */
export type RollbackOptions = {
  readonly userDir: string;
  readonly to?: string;
  readonly list?: boolean;
  readonly json?: boolean;
};

/**
 * Puts an earlier deployed version back, as a new version; a busbar-flows that runs loads it at once.
 * Throws: `Failure` `flows.version-missing`.
 */
export function rollbackCommand(options: RollbackOptions, write: (line: string) => void): void {
  const { userDir, json = false } = options;
  const history = new DeployHistory(userDir);
  const versions = history.list();
  if (options.list === true) {
    if (json) return write(JSON.stringify({ versions }));
    for (const one of versions) write(line(one));
    return;
  }
  const version = options.to === undefined ? history.before?.version : Number(options.to);
  if (version === undefined) {
    const message = `${userDir}: nothing was deployed before what is there now`;
    throw flowError("flows.version-missing", message);
  }
  const flow = history.flowOf(version);
  const present = history.list().at(-1);
  const keyless = sitesOf(flow, present === undefined ? [] : history.flowOf(present.version));
  writeWhole(join(userDir, "flows.json"), `${JSON.stringify(flow, undefined, 4)}\n`);
  const user = `${userInfo().username} (rollback to ${version})`;
  history.record(flow, { user, time: Date.now() });
  const running = tellRunning(userDir);
  if (json) return write(JSON.stringify({ version, running, keyless }));
  for (const name of keyless) {
    write(
      `the site ${name} is back without its key, which went when it was deleted: enter it anew`,
    );
  }
  write(`version ${version} is back${running ? "; busbar-flows loads it now" : ""}`);
}

/** Sites that come back with a flow: Node-RED forgot their credentials when they were deleted. */
function sitesOf(flow: StoredFlow, present: StoredFlow): string[] {
  const there = new Set(present.map(({ id }) => id));
  return flow
    .filter(({ id, type, keyFile }) => type === "busbar-site" && !keyFile && !there.has(id))
    .map(({ id, name }) => String(name || id));
}

/** Whether a busbar-flows runs in the folder, told to load its flows anew. */
function tellRunning(userDir: string): boolean {
  const pid = runningIn(userDir);
  return pid !== undefined && process.kill(pid, "SIGHUP");
}

const line = ({ version, time, user }: Deployed) =>
  `${String(version).padStart(4)}  ${new Date(time).toISOString()}  ${user}`;
