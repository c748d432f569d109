import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "@busbar/protocol";

/** What outlives a run: how far site time came, when the meters' counters stood at 0, and which
 * processes belong to it. A run that ended in order left no children. */
export type SiteState = {
  readonly siteMs: number;
  readonly commissionedMs: number;
  readonly supervisor: number;
  readonly children: readonly { readonly name: string; readonly pid: number }[];
};

/** The last run's state, or undefined where there was none. Throws: `Failure` `site.state-malformed`. */
export function readState(path: string): SiteState | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const state = JSON.parse(text) as SiteState;
    const numbers = [state.siteMs, state.commissionedMs, state.supervisor];
    if (numbers.every(Number.isSafeInteger) && Array.isArray(state.children)) return state;
  } catch {
    // Falls through to the one message for every file that is not ours.
  }
  throw new Failure(
    "site.state-malformed",
    `${path}: not a site's state; begin anew with --fresh`,
    {
      retry: "never",
    },
  );
}

/** Written aside and renamed: a kill in between leaves the old state whole. */
export function writeState(path: string, state: SiteState): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(state)}\n`);
  renameSync(`${path}.new`, path);
}

/** How long a killed process may take to be gone. */
const goneMsMax = 10_000;
const lookMs = 20;

/**
 * Ends the processes that outlived a killed supervisor: they would hold its ports and its databases.
 * Resolves when they are gone.
 */
export async function endLeftOvers({ children }: SiteState, home: string): Promise<void> {
  // A number may belong to somebody else by now: only what names this home is ours.
  const ours = children.filter(({ pid }) => commandOf(pid).includes(home));
  for (const { pid } of ours) process.kill(pid, "SIGKILL");
  const until = Date.now() + goneMsMax;
  while (ours.some(({ pid }) => commandOf(pid).includes(home)) && Date.now() < until) {
    await sleep(lookMs);
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    // No such process (any more), or a system without /proc: nothing that could be ours.
    return "";
  }
}
