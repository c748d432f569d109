import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../simulation/random.ts";
import type { LinkProxy } from "../support/link-proxy.ts";
import { kill } from "../support/virtual-site.ts";
import { failDisk, stopGrowth } from "./disk-fault.ts";
import { bytesOfOutsider, framesOfOutsider } from "./outsider.ts";
import type { Fault, Kind } from "./plan.ts";
import type { SoakSite, Watched } from "./site.ts";

/** Ends what a fault does, and what it left. */
export type Heal = () => Promise<void>;

const done: Heal = async () => {};
/** A wire over half the world behind a bad modem. */
const farMs = 300;
const modem = { delayMs: 150, bytesPerSecond: 8_000 };
const far = { delayMs: farMs, bytesPerSecond: 200_000 };
const noise = "noise=0.15,damaged=0.1,dropped=0.1,cut=0.05,late=0.1,merged=0.05,foreign=0.05";

/** After which faults a process may have been started anew, by its supervisor or by itself. */
const ending: readonly Kind[] = [
  ...(["kill member", "restart member", "kill unit", "kill flows", "ledger lost"] as const),
  ...(["disk full", "disk full at a unit", "files cannot grow", "read-only disk"] as const),
  "failing disk",
];

/** Those that strace does. */
export const diskKinds: readonly Kind[] = [
  ...(["disk full", "disk full at a unit", "read-only disk", "failing disk"] as const),
  "slow disk",
];

/** Whose process may end by a fault. */
export function mayEnd(site: SoakSite, fault: Fault): readonly Watched[] {
  return ending.includes(fault.kind) ? [victimOf(site, fault)] : [];
}

/** Lets it go wrong; it is over when what this resolves with was called. */
export async function befall(site: SoakSite, fault: Fault, random: Random): Promise<Heal> {
  const { kind, victim, forMs, stepMs } = fault;
  const { wires } = site;
  const it = victimOf(site, fault);
  switch (kind) {
    case "kill member":
    case "kill unit":
    case "kill flows":
      return signal(it, "SIGKILL");
    case "restart member":
      return signal(it, "SIGTERM");
    case "pause member":
    case "pause unit":
      signal(it, "SIGSTOP");
      return async () => void signal(it, "SIGCONT");
    case "stop and go":
      return stopAndGo(it, forMs);
    case "restart meters":
      // Not by a signal: whoever starts them anew may have to give them noise.
      await site.startMeters();
      return done;
    case "member cut off":
      return through(wires.ofMember(victim), (wire) => wire.cut());
    case "members in two halves":
      return through(
        wires.across((member) => member === victim || member === (victim + 1) % site.members),
        (wire) => wire.cut(),
      );
    case "silent wires":
      return through(wires.ofMember(victim), (wire) => wire.goSilent());
    case "slow wires":
      return through(wires.ofMember(victim), (wire) => wire.slow(far));
    case "unit cut off":
      return through(wires.ofUnit(victim), (wire) => wire.cut());
    case "silent broker":
      return through(wires.toBroker(victim), (wire) => wire.goSilent());
    case "slow broker":
      return through(wires.toBroker(victim), (wire) => wire.slow(modem));
    case "disk full":
    case "disk full at a unit":
      return failDisk(it, "full");
    case "read-only disk":
      return failDisk(it, "read-only");
    case "failing disk":
      return failDisk(it, "failing");
    case "slow disk":
      return failDisk(it, "slow");
    case "files cannot grow":
      return stopGrowth(it);
    case "ledger lost":
      loseLedger(it);
      return done;
    case "clock step":
    case "clock step of a unit":
      writeFileSync(it.clock, String(stepMs));
      return async () => writeFileSync(it.clock, "0");
    case "noise on the lines":
      await site.startMeters(noise);
      return () => site.startMeters();
    case "an outsider's bytes":
      return bytesOfOutsider(Object.values(site.ports.members[victim] ?? {}), random);
    case "an outsider's frames":
      return framesOfOutsider(site, victim, random);
    default:
      return kind satisfies never;
  }
}

function victimOf({ aggregators, edges, flows }: SoakSite, { kind, victim }: Fault): Watched {
  const units: readonly Kind[] = [
    ...(["kill unit", "pause unit", "unit cut off", "disk full at a unit"] as const),
    "clock step of a unit",
  ];
  const found =
    kind === "kill flows" ? flows : (units.includes(kind) ? edges : aggregators)[victim];
  if (found === undefined) throw new Error(`${kind} befalls nobody`);
  return found;
}

function signal({ child }: Watched, what: NodeJS.Signals): Heal {
  if (child.pid !== undefined) kill(child.pid, what);
  return done;
}

function stopAndGo(it: Watched, forMs: number): Heal {
  const end = performance.now() + forMs;
  const going = (async () => {
    while (performance.now() < end) {
      signal(it, "SIGSTOP");
      await sleep(150);
      signal(it, "SIGCONT");
      await sleep(50);
    }
  })();
  return () => going;
}

function through(wires: readonly LinkProxy[], act: (wire: LinkProxy) => void): Heal {
  for (const wire of wires) act(wire);
  return async () => {
    for (const wire of wires) wire.heal();
  };
}

/** As a disk that was replaced while the machine stood still. */
function loseLedger(it: Watched): void {
  signal(it, "SIGSTOP");
  const { folder = "" } = it;
  for (const name of readdirSync(folder)) {
    if (name.startsWith("ledger.sqlite")) rmSync(join(folder, name));
  }
  signal(it, "SIGKILL");
}
