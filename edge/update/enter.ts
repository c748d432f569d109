import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { verify } from "@busbar/protocol/node";
import { leanNames } from "../commands/lean.ts";
import { homeOf } from "../config/home.ts";
import { version } from "../version.ts";
import { systemDisk } from "./disk.ts";
import { keysName, readKeys } from "./keys.ts";
import { programOf } from "./place.ts";
import { decide } from "./start.ts";
import type { Slot, Trial } from "./state.ts";
import { stateOrFault, statePath, updateFolder } from "./store.ts";

const nodeOf = "node_modules/.bin/node";
/** Which slot this process is the program of, and how the installation that chose it is started. */
const slotName = "BUSBAR_EDGE_SLOT";
const installationName = "BUSBAR_EDGE_INSTALLATION";
/** Said where the unit ran before: systemd's watchdog does. */
const overName = "BUSBAR_EDGE_OVER";

/** How the installation is started: its Node, its command line, and its version. */
type Installation = { readonly node: string; readonly cli: string; readonly version: string };

/** The slot whose program runs; undefined: the installation's. */
export const runningSlot = (env = process.env): Slot | undefined => {
  const slot = env[slotName];
  return slot === "a" || slot === "b" ? slot : undefined;
};

/** The installation that this process is, or that chose its bundle. */
export function installationOf(env = process.env): Installation {
  const told = env[installationName];
  if (runningSlot(env) !== undefined && told !== undefined) return JSON.parse(told) as Installation;
  const [, cli = ""] = process.argv;
  return { node: process.execPath, cli: resolve(cli), version };
}

/**
 * Goes on as the bundle that is to run, under the same process number, where a bundle is; else comes
 * back. Called by the installation at each start, before anything else of the unit is loaded.
 */
export function enterSlot(config: string): void {
  const folder = updateFolder(homeOf(config));
  if (runningSlot() !== undefined || !existsSync(statePath(folder))) return;
  if (process.execve === undefined) return;
  signOfLife();
  const installation = installationOf();
  const { state, fault } = stateOrFault(systemDisk, folder, installation.version);
  if (fault !== undefined) return say(fault);
  const decision = decide(systemDisk, {
    folder,
    state,
    installation: installation.version,
    keys: readKeys(systemDisk, join(dirname(resolve(config)), keysName)),
    arch: archOf(process.arch),
    verify,
    unfit,
  });
  const { slot, reason } = decision;
  if (reason !== undefined)
    say(`${reason}; ${slot === undefined ? "the installation" : `slot ${slot}`} runs`);
  if (slot === undefined) return;
  if (decision.state.trial !== undefined) guard(statePath(folder), decision.state.trial);
  const program = programOf(folder, slot);
  signOfLife();
  goOnAs(join(program, nodeOf), join(program, "edge/cli.ts"), {
    [slotName]: slot,
    [installationName]: JSON.stringify(installation),
    // Never below the program itself, where nothing may stand that was not signed.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(folder, "compiled"),
  });
}

/** Starts the installation anew, which decides what runs. Comes back only where that is not possible. */
export function startOver(): void {
  const { node, cli } = installationOf();
  goOnAs(node, cli, { [overName]: "1" });
}

/** A process that cannot become another one is aborted: so its Node is tried in a process aside first. */
function unfit(program: string): string | undefined {
  const { status, error } = spawnSync(join(program, nodeOf), ["--version"], { timeout: 60_000 });
  if (status === 0) return undefined;
  return `its Node cannot be started here (${error?.message ?? `exit code ${status}`}); is the disk mounted noexec?`;
}

/** Debian's name of a processor, which packages and bundles carry. */
export const archOf = (arch: string): string => (arch === "x64" ? "amd64" : arch);

/** The program adds its own options: another Node may not know these. */
function goOnAs(node: string, cli: string, more: Readonly<Record<string, string>>): void {
  const options = process.execArgv.filter((option) => !leanNames.has(option.split("=")[0] ?? ""));
  const own = ["BUSBAR_EDGE_START", slotName, installationName, overName];
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !own.includes(name)),
  );
  process.execve?.(node, [node, ...options, cli, ...process.argv.slice(2)], { ...env, ...more });
}

/**
 * Tells systemd's watchdog, which the program before fed: its patience is for each of the steps to another program,
 * of which reading all of it from a slow card is one, and loading it another. At a start of the service it does not run
 * yet, and would begin to by this.
 */
function signOfLife(): void {
  if (process.env.NOTIFY_SOCKET === undefined || process.env[overName] === undefined) return;
  spawnSync("systemd-notify", ["WATCHDOG=1"], { stdio: "ignore", timeout: 10_000 });
}

/** Beyond its time a bundle on trial that does not even judge itself is ended; the next start counts. */
const guardMinutes = 5;

function guard(state: string, { id, minutes }: Trial): void {
  // In short naps: whatever ends the unit ends this with it, and leaves no more than one of them behind.
  const script =
    'n=0; while [ "$n" -lt "$1" ]; do sleep 30; n=$((n + 1)); done; if grep -q "\\"id\\":\\"$2\\"" "$3"; then kill -KILL "$4"; fi';
  const naps = String(Math.ceil((minutes + guardMinutes) * 2));
  const args = ["sh", "-c", script, "sh", naps, id, state, String(process.pid)];
  // What cannot be started is no reason not to try the bundle: systemd's watchdog is there too.
  spawn("setpriv", ["--pdeathsig", "KILL", ...args], { stdio: "ignore" }).once("error", () => {});
}

const say = (text: string): void => {
  process.stderr.write(`busbar-edge: ${text}\n`);
};
