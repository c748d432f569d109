import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeClockFile } from "../clock-file.ts";
import {
  allPorts,
  castOf,
  member,
  operator,
  type Part,
  type Ports,
  portsFrom,
  site,
} from "./cast.ts";
import { Child, type Program, runToEnd } from "./child.ts";
import { type Home, homeAt, writeConfigs } from "./home.ts";
import type { Options } from "./options.ts";
import { checkPorts } from "./ports.ts";
import { endLeftOvers, readState, writeState } from "./state.ts";

/** Wall time that the processes have to come up in before site time begins to run. */
const bootMs = 4_000;

const hourMs = 3_600_000;
/** A new site's meters have counted for a week. */
const weekHours = 7 * 24;

const root = join(import.meta.dirname, "../../..");

/** A running virtual site: all its processes, and the time it lives in. */
export type Site = {
  readonly home: Home;
  readonly cast: readonly Part[];
  readonly ports: Ports;
  readonly speed: number;
  /** Site time of this run's first instant. */
  readonly startMs: number;
  now(): number;
  restarts(): number;
  /** Ends the edge units, which first hand over what they hold; the rest keeps running. */
  stopEdges(): Promise<void>;
  stop(): Promise<void>;
};

/** Brings the site up, or says in one `Failure` why it cannot. `progress` gets one line a step. */
export async function startSite(options: Options, progress: (line: string) => void): Promise<Site> {
  const home = homeAt(options.home);
  const ports = portsFrom(options.portBase);
  const before = readState(home.state);
  if (before !== undefined) endLeftOvers(before, home.path);
  await checkPorts(allPorts(ports));
  if (options.fresh) rmSync(home.path, { recursive: true, force: true });
  mkdirSync(home.path, { recursive: true });

  const isNew = !existsSync(home.aggregatorConfig);
  const known = isNew ? undefined : before;
  const startMs = known?.siteMs ?? options.startMs;
  const commissionedMs = known?.commissionedMs ?? Math.floor(startMs / hourMs - weekHours) * hourMs;
  const cast = castOf(home.path, ports, { serial: hasSocat() });
  writeConfigs(home, cast, { ports, commissionedMs });
  if (isNew) await found(home, cast, ports, startMs, progress);

  const { speed } = options;
  const originWallMs = Date.now() + bootMs;
  await writeClockFile(home.clock, { originWallMs, originSiteMs: startMs, speed });
  const now = () => startMs + Math.floor(Math.max(0, Date.now() - originWallMs) * speed);

  const children: Child[] = [];
  const remember = () => {
    const running = children.flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name, pid }]));
    const run = { siteMs: now(), supervisor: process.pid, children: running };
    writeState(home.state, { ...run, commissionedMs });
  };
  const timer = setInterval(remember, 1_000);
  const launch = async (program: Program) => {
    const child = new Child(program, remember);
    children.push(child);
    await child.start();
    progress(`${program.name} is up`);
    return child;
  };
  const stopAll = async () => {
    clearInterval(timer);
    for (const child of [...children].reverse()) await child.stop();
    remember();
  };

  try {
    // The meters and the aggregator first; a unit waits for both anyway, but waiting costs retries.
    await Promise.all(programs(home).map(launch));
    const edges = await Promise.all(cast.map((part) => launch(edgeProgram(home, part))));
    // Node-RED takes longest and nothing waits for it.
    if (options.flows)
      void launch(flowsProgram(home, cast, ports)).catch((e) => progress(String(e)));
    return {
      home,
      cast,
      ports,
      speed,
      startMs,
      now,
      restarts: () => children.reduce((sum, { restarts }) => sum + restarts, 0),
      stopEdges: async () => void (await Promise.all(edges.map((edge) => edge.stop()))),
      stop: stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** A new site: keys and requests of the units, then genesis with all of them admitted. */
async function found(
  home: Home,
  cast: readonly Part[],
  ports: Ports,
  startMs: number,
  progress: (line: string) => void,
): Promise<void> {
  progress("a new site: making keys and genesis");
  await Promise.all(
    cast.map((part) =>
      runToEnd({
        name: `${part.device} enrol`,
        args: [cli("edge"), "enrol", "--config", home.edgeConfig(part)],
        log: join(home.logs, "enrol.log"),
      }),
    ),
  );
  await runToEnd({
    name: "aggregator init",
    args: [
      cli("aggregator"),
      "init",
      ...["--home", home.aggregator],
      ...["--site", site],
      ...["--member", member],
      ...["--currency", "CNY"],
      ...["--time", new Date(startMs).toISOString()],
      ...["--clock", home.clock],
      ...["--broker-port", String(ports.broker)],
      ...["--portal-port", String(ports.portal)],
      ...["--operator", operator],
      ...cast.flatMap((part) => ["--admit", home.edgeRequest(part)]),
    ],
    log: join(home.logs, "init.log"),
  });
}

function programs(home: Home): Program[] {
  return [
    {
      name: "meters",
      args: [join(root, "hardware/virtual-site/meters/main.ts"), "--config", home.meters],
      log: join(home.logs, "meters.log"),
    },
    {
      name: "aggregator",
      args: [cli("aggregator"), "run", "--config", home.aggregatorConfig],
      log: join(home.logs, "aggregator.log"),
    },
  ];
}

function edgeProgram(home: Home, part: Part): Program {
  return {
    name: part.device,
    args: [cli("edge"), "run", "--config", home.edgeConfig(part)],
    log: join(home.logs, `${part.device}.log`),
  };
}

function flowsProgram(home: Home, cast: readonly Part[], ports: Ports): Program {
  const [company] = cast;
  return {
    name: "flows",
    args: [
      cli("flows"),
      "run",
      ...["--user-dir", home.flows],
      ...["--port", String(ports.flows)],
      ...["--flow", join(root, "flows/examples/price-and-meter.json")],
    ],
    log: join(home.logs, "flows.log"),
    env: {
      BUSBAR_BROKER: `mqtt://127.0.0.1:${ports.broker}`,
      BUSBAR_SITE: site,
      BUSBAR_IDENTITY: operator,
      BUSBAR_KEY_FILE: home.operatorKey,
      BUSBAR_PORTAL: `http://127.0.0.1:${ports.portal}`,
      BUSBAR_DEVICE: company?.device ?? "",
      BUSBAR_METER: company?.meters[0]?.id ?? "",
      BUSBAR_OWNER: company?.owner ?? "",
    },
  };
}

function cli(room: "edge" | "aggregator" | "flows"): string {
  return join(root, room, "cli.ts");
}

function hasSocat(): boolean {
  const folders = (process.env.PATH ?? "").split(":");
  return folders.some((folder) => existsSync(join(folder, "socat")));
}
