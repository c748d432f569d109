import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ClockFile, writeClockFile } from "../../hardware/virtual-site/clock-file.ts";
import { Bills } from "../../hardware/virtual-site/supervisor/bills.ts";
import {
  castOf,
  type Part,
  type Ports,
  portsFrom,
} from "../../hardware/virtual-site/supervisor/cast.ts";
import type { Child, Program } from "../../hardware/virtual-site/supervisor/child.ts";
import { Children } from "../../hardware/virtual-site/supervisor/children.ts";
import { flowsPassword } from "../../hardware/virtual-site/supervisor/flows-password.ts";
import { found } from "../../hardware/virtual-site/supervisor/found.ts";
import {
  type Home,
  homeAt,
  moveAggregators,
  writeConfigs,
} from "../../hardware/virtual-site/supervisor/home.ts";
import { Payments } from "../../hardware/virtual-site/supervisor/payments.ts";
import { Phones } from "../../hardware/virtual-site/supervisor/phones.ts";
import {
  aggregatorPrograms,
  edgeProgram,
  flowsProgram,
  metersProgram,
} from "../../hardware/virtual-site/supervisor/programs.ts";
import { unitIsConnected } from "../../hardware/virtual-site/supervisor/unit.ts";
import { program } from "../support/programs.ts";
import { freePortBase, until } from "../support/virtual-site.ts";
import { Wires } from "./wires.ts";

export const members = 4;

/** Site time of the first instant. */
const startMs = Date.UTC(2026, 5, 21, 2, 25);
/** When the meters' counters stood at 0: a week before. */
const commissionedMs = Date.UTC(2026, 5, 14, 2);
/** Far above what a busy machine needs to bring all up. */
const bootMsMax = 300_000;
/** So long before it begins the clock's file says so. */
const beginMs = 500;

const preload = join(import.meta.dirname, "preload.ts");

/** One process of the site. */
export type Watched = {
  readonly name: string;
  readonly child: Child;
  /** Where its data are; undefined where it has none. */
  readonly folder: string | undefined;
  /** The file that says by how much its system clock is off, ms. */
  readonly clock: string;
};

/**
 * A virtual site as `npm start` makes it, between whose processes lie wires that can be cut, and each of whose
 * processes has a system clock of its own that can be set.
 */
export type SoakSite = {
  readonly home: Home;
  readonly cast: readonly Part[];
  readonly ports: Ports;
  readonly members: number;
  readonly speed: number;
  readonly wires: Wires;
  readonly phones: Phones;
  readonly bills: Bills;
  readonly payments: Payments;
  readonly aggregators: readonly Watched[];
  readonly edges: readonly Watched[];
  readonly flows: Watched | undefined;
  /** Those of now: they are started anew with other faults. */
  readonly meters: () => Watched;
  /** Ends the meters and starts them with such faults on their lines (`noise=0.2,late=0.1`). */
  startMeters(faults?: string): Promise<void>;
  /** Site time by the machine's clock. */
  now(): number;
  /** Ends the units, which first hand over what they hold. */
  stopUnits(): Promise<void>;
  /** Ends everything; the files stay. */
  stop(): Promise<void>;
  forget(): void;
};

/** Makes the site and brings it up. Throws: `Failure` `site.process-failed`. */
export async function startSite(
  { speed, flows }: { readonly speed: number; readonly flows: boolean },
  say: (line: string) => void,
): Promise<SoakSite> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-soak-"));
  const home = homeAt(folder);
  process.env.NODE_COMPILE_CACHE ??= home.compiled;
  const ports = portsFrom(await freePortBase());
  const serial = "path" in program("socat", "socat");
  const cast = castOf(home.path, ports, { serial });
  let clock = clockFrom(speed, bootMsMax);
  await writeClockFile(home.clock, clock);
  writeConfigs(home, cast, { ports, members, commissionedMs });
  await found(home, cast, { members, startMs });
  moveAggregators(home, members, ports);
  const wires = await Wires.lay(home, cast, { ports, members });
  const children = new Children(() => {});
  const launch = (launched: Program, data?: string) =>
    watched(home, children, launched, { data, say });
  try {
    let meters = await launch(metersProgram(home));
    const aggregators = await Promise.all(
      aggregatorPrograms(home, members).map((one, i) =>
        launch(one, dirname(home.aggregatorConfigs(members)[i] ?? "")),
      ),
    );
    const edges = await Promise.all(
      cast.map((part) => launch(edgeProgram(home, part), home.edge(part))),
    );
    for (const [unit, { device }] of cast.entries()) {
      const connected = async () => (await unitIsConnected(ports.status(unit))) || undefined;
      await until(`${device} is connected`, connected, bootMsMax);
    }
    clock = clockFrom(speed, beginMs);
    await writeClockFile(home.clock, clock);
    const password = flows ? flowsPassword(home) : undefined;
    const nodeRed = flows ? await launch(flowsProgram(home, cast, { ports, password })) : undefined;
    const now = () => startMs + Math.floor(Math.max(0, Date.now() - clock.originWallMs) * speed);
    const phones = new Phones(home, cast, ports);
    const bills = new Bills(home, cast, { members, now });
    const payments = new Payments(home, cast, { members, now, portal: ports.portal });
    for (const one of [phones, bills, payments]) one.start();
    return {
      ...{ home, cast, ports, members, speed, wires, phones, bills, payments, aggregators, edges },
      flows: nodeRed,
      meters: () => meters,
      async startMeters(faults) {
        await meters.child.stop();
        const { args, ...rest } = metersProgram(home);
        const more = faults === undefined ? [] : ["--faults", faults];
        meters = await launch({ ...rest, args: [...args, ...more] });
      },
      now,
      async stopUnits() {
        await Promise.all([bills.stop(), payments.stop()]);
        await Promise.all(edges.map(({ child }) => child.stop()));
      },
      async stop() {
        await Promise.all([bills.stop(), payments.stop()]);
        await children.stop();
        phones.stop();
        await wires.close();
      },
      forget: () => rmSync(folder, { recursive: true, force: true }),
    };
  } catch (error) {
    await children.stop();
    await wires.close();
    throw error;
  }
}

/** Starts a program with a clock of its own. */
async function watched(
  home: Home,
  children: Children,
  { name, args, env, ...rest }: Program,
  { data, say }: { readonly data: string | undefined; readonly say: (line: string) => void },
): Promise<Watched> {
  const clocks = join(home.path, "clocks");
  mkdirSync(clocks, { recursive: true });
  const clock = join(clocks, name);
  writeFileSync(clock, "0");
  const inside = { name, args: ["--import", preload, ...args], ...rest };
  const child = await children.launch(
    { ...inside, env: { ...env, BUSBAR_SOAK_CLOCK: clock } },
    say,
  );
  return { name, child, folder: data, clock };
}

function clockFrom(speed: number, inMs: number): ClockFile {
  return { originWallMs: Date.now() + inMs, originSiteMs: startMs, speed };
}
