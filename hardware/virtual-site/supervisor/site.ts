import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "@busbar/protocol";
import { type ClockFile, writeClockFile } from "../clock-file.ts";
import { Bills } from "./bills.ts";
import { allPorts, castOf, type Part, type Ports, portsFrom } from "./cast.ts";
import type { Program } from "./child.ts";
import { Children } from "./children.ts";
import { flowsPassword } from "./flows-password.ts";
import { found } from "./found.ts";
import { forget, type Home, homeAt, membersOf, moveAggregators, writeConfigs } from "./home.ts";
import { lockHome } from "./lock.ts";
import type { Options } from "./options.ts";
import { Payments } from "./payments.ts";
import { Phones } from "./phones.ts";
import { checkPorts } from "./ports.ts";
import { aggregatorPrograms, edgeProgram, flowsProgram, metersProgram } from "./programs.ts";
import { lastRecorded } from "./resume.ts";
import { endLeftOvers, readState, type SiteState, writeState } from "./state.ts";
import { unitIsConnected } from "./unit.ts";

/** Of a new site. */
const usualMembers = 4;

/** Site time begins to run when the units are connected, and in any case after so much wall time. */
const bootMsMax = 60_000;
/** So long before it begins the clock's file says so: longer than anybody takes to look at it again. */
const beginMs = 500;

/** How long a site that begins or ends waits for its units to have their aggregator. */
const connectedMsMax = 45_000;

const hourMs = 3_600_000;
/** A new site's meters have counted for a week. */
const weekHours = 7 * 24;

/** A running virtual site: all its processes, and the time it lives in. */
export type Site = {
  readonly home: Home;
  readonly cast: readonly Part[];
  readonly ports: Ports;
  /** Aggregators that agree on the blocks. */
  readonly members: number;
  readonly speed: number;
  /** Site time of this run's first instant. */
  readonly startMs: number;
  /** Where the owners read their notices. */
  readonly phones: Phones;
  /** The owners' bills. */
  readonly bills: Bills;
  /** What the owners pay each other, and how their accounts stand. */
  readonly payments: Payments;
  /** Password of Node-RED's admin; undefined where it is not known here or Node-RED is left out. */
  readonly flowsPassword: string | undefined;
  now(): number;
  restarts(): number;
  /** Ends the edge units, which first hand over what they hold; the rest keeps running. */
  stopEdges(): Promise<void>;
  stop(): Promise<void>;
};

/** Brings the site up, or says in one `Failure` why it cannot. `progress` gets one line a step. */
export async function startSite(options: Options, progress: (line: string) => void): Promise<Site> {
  const home = homeAt(options.home);
  // Inherited by all processes: what one has compiled starts the next one sooner and smaller.
  process.env.NODE_COMPILE_CACHE ??= home.compiled;
  const lock = lockHome(home.path, () => ` (process ${readState(home.state)?.supervisor ?? "?"})`);
  try {
    return await startLocked(home, options, { progress, release: lock.release });
  } catch (error) {
    lock.release();
    throw error;
  }
}

type Shell = { progress(line: string): void; release(): void };

async function startLocked(home: Home, options: Options, shell: Shell): Promise<Site> {
  const { speed, flows } = options;
  const { progress } = shell;
  const { cast, ports, members, startMs, commissionedMs } = await prepare(home, options, progress);
  let clock = clockFrom({ startMs, speed, inMs: bootMsMax });
  await writeClockFile(home.clock, clock);
  const now = () => startMs + Math.floor(Math.max(0, Date.now() - clock.originWallMs) * speed);
  const children = new Children((alive) => {
    const run = { siteMs: now(), commissionedMs };
    writeState(home.state, { ...run, supervisor: process.pid, children: alive });
  });
  const launch = (program: Program) => children.launch(program, progress);
  try {
    // The meters and the aggregators first; a unit waits for both anyway, but waiting costs retries.
    await Promise.all([metersProgram(home), ...aggregatorPrograms(home, members)].map(launch));
    const edges = await Promise.all(cast.map((part) => launch(edgeProgram(home, part))));
    const statusPorts = cast.map((_, unit) => ports.status(unit));
    await untilConnected(statusPorts);
    clock = clockFrom({ startMs, speed, inMs: beginMs });
    await writeClockFile(home.clock, clock);
    // Node-RED takes longest and nothing waits for it.
    const password = flows ? flowsPassword(home) : undefined;
    const nodeRed = flowsProgram(home, cast, { ports, password });
    if (flows) void launch(nodeRed).catch((e) => progress(String(e)));
    const phones = new Phones(home, cast, ports);
    phones.start();
    const bills = new Bills(home, cast, { members, now });
    bills.start();
    const payments = new Payments(home, cast, { members, now, portal: ports.portal });
    payments.start();
    return {
      home,
      cast,
      ports,
      members,
      speed,
      startMs,
      phones,
      bills,
      payments,
      flowsPassword: password,
      now,
      restarts: () => children.restarts,
      stopEdges: async () => {
        await Promise.all([bills.stop(), payments.stop()]);
        await untilConnected(statusPorts);
        await Promise.all(edges.map((edge) => edge.stop()));
      },
      stop: async () => {
        // After the aggregators, one of which may tell of its last block while it ends.
        await children.stop();
        phones.stop();
        shell.release();
      },
    };
  } catch (error) {
    await children.stop();
    throw error;
  }
}

/** Everything on disk that the processes need: a site that is new, or the last run's. */
async function prepare(home: Home, { fresh, ...options }: Options, progress: Shell["progress"]) {
  const ports = portsFrom(options.portBase);
  const cast = castOf(home.path, ports, { serial: hasSocat() });
  const before = stateBefore(home, fresh);
  if (before !== undefined) await endLeftOvers(before, home.path);
  const members = membersFor(home, { fresh, asked: options.members });
  await checkPorts(allPorts(ports, members));
  if (fresh) forget(home, cast);

  const isNew = membersOf(home) === undefined;
  const known = isNew ? undefined : before;
  const startMs =
    known === undefined ? options.startMs : await timeReached(home, cast, { ...known, members });
  const commissionedMs = known?.commissionedMs ?? Math.floor(startMs / hourMs - weekHours) * hourMs;
  writeConfigs(home, cast, { ports, members, commissionedMs });
  const run = { siteMs: startMs, commissionedMs };
  writeState(home.state, { ...run, supervisor: process.pid, children: [] });
  if (isNew) {
    progress("a new site: making keys and genesis");
    // The owners' mandates are limited in site time: it has to be known when they are signed.
    await writeClockFile(home.clock, clockFrom({ startMs, speed: options.speed, inMs: bootMsMax }));
    await found(home, cast, { members, startMs });
  }
  moveAggregators(home, members, ports);
  return { cast, ports, members, startMs, commissionedMs };
}

/** A site keeps the members it was made with. Throws: `Failure` `site.other-members`. */
function membersFor(
  home: Home,
  { fresh, asked }: { readonly fresh: boolean; readonly asked: number | undefined },
): number {
  const known = fresh ? undefined : membersOf(home);
  if (known === undefined) return asked ?? usualMembers;
  if (asked === undefined || asked === known) return known;
  throw new Failure(
    "site.other-members",
    `${home.path} was made with --members ${known}; go on without --members, or begin anew with --fresh --members ${asked}`,
    { retry: "never" },
  );
}

function clockFrom(begin: { startMs: number; speed: number; inMs: number }): ClockFile {
  const { startMs: originSiteMs, speed, inMs } = begin;
  return { originWallMs: Date.now() + inMs, originSiteMs, speed };
}

/** What the last run left; beginning anew needs no more of it than which processes it started. */
function stateBefore(home: Home, fresh: boolean): SiteState | undefined {
  try {
    return readState(home.state);
  } catch (error) {
    if (fresh) return undefined;
    throw error;
  }
}

/** Site time goes on after the last instant of the last run, and after all that is written down. */
async function timeReached(
  home: Home,
  cast: readonly Part[],
  state: SiteState & { readonly members: number },
): Promise<number> {
  const { siteMs, children, members } = state;
  const endedInOrder = children.length === 0;
  return 1 + (endedInOrder ? siteMs : Math.max(siteMs, await lastRecorded(home, cast, members)));
}

/** A unit or the aggregator may be starting again at this moment; only then is there a wait. */
async function untilConnected(statusPorts: readonly number[]): Promise<void> {
  const until = Date.now() + connectedMsMax;
  for (const port of statusPorts) {
    while (!(await unitIsConnected(port)) && Date.now() < until) await sleep(100);
  }
}

function hasSocat(): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  return folders.some((folder) => existsSync(join(folder, "socat")));
}
