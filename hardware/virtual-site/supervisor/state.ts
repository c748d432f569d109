import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { Failure } from "@busbar/protocol";

/** What outlives a run: how far site time came, when the meters' counters stood at 0, and which
 * processes belong to it. */
export type SiteState = {
  readonly siteMs: number;
  readonly commissionedMs: number;
  readonly supervisor: number;
  readonly children: readonly { readonly name: string; readonly pid: number }[];
};

/** The last run's state, or undefined where there was none. */
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

/**
 * Makes sure that no other run uses this home. A supervisor that is alive is a refusal; processes
 * that outlived a killed one are ended, they would hold its ports and its databases.
 * Throws `Failure` `site.running`.
 */
export function endLeftOvers(state: SiteState, home: string): void {
  if (commandOf(state.supervisor).includes("virtual-site")) {
    throw new Failure(
      "site.running",
      `the site in ${home} runs already (process ${state.supervisor}); end it with Ctrl-C there, or use another --home`,
      { retry: "never" },
    );
  }
  for (const { pid } of state.children) {
    // A number may belong to somebody else by now: only what names this home is ours.
    if (commandOf(pid).includes(home)) process.kill(pid, "SIGKILL");
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
