import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { MeterConfig } from "../config/schema.ts";
import { busName } from "../framing/line.ts";
import { type SerialPortInfo, serialPorts } from "../meters/serial-ports.ts";
import type { SweepFinding } from "../sweep/finding.ts";
import { type KeptSweep, parseKept, sweepBytesMax, sweepName } from "../sweep/kept.ts";
import { liveFindings } from "../sweep/live.ts";

/** A line with meters on it: what is behind it, and what its counts tell. */
export type LineStatus = {
  /** Its path, or host and port, as counts and meters name it. */
  readonly bus: string;
  readonly driver?: string;
  readonly meters: readonly string[];
  readonly findings: readonly SweepFinding[];
};

/** Adapters come and go by hand: nobody notices a minute. */
const portsKeptMs = 60_000;

/** Looks at the unit's lines, and at the last sweep of them. */
export class LineWatch {
  readonly #meters: readonly Pick<MeterConfig, "id" | "connection">[];
  readonly #home: string;
  readonly #look: () => readonly SerialPortInfo[];
  #ports: { readonly at: number; readonly all: readonly SerialPortInfo[] } | undefined;
  #sweep: { readonly mtimeMs: number; readonly kept: KeptSweep | undefined } | undefined;

  constructor(
    {
      meters,
      home,
    }: {
      readonly meters: readonly Pick<MeterConfig, "id" | "connection">[];
      readonly home: string;
    },
    look: () => readonly SerialPortInfo[] = serialPorts,
  ) {
    this.#meters = meters;
    this.#home = home;
    this.#look = look;
  }

  /** @param counts what happened on each line, by its name */
  lines(counts: Readonly<Record<string, Readonly<Record<string, number>>>>): readonly LineStatus[] {
    const wired = this.#meters.filter(({ connection }) => connection.kind !== "gpio");
    const byBus = Map.groupBy(wired, ({ connection }) => busName(connection));
    return [...byBus].map(([bus, meters]) => {
      const port = this.#portAt(bus);
      return {
        bus,
        ...(port?.driver === undefined ? {} : { driver: port.driver }),
        meters: meters.map(({ id }) => id),
        findings: liveFindings(counts[bus] ?? {}, port),
      };
    });
  }

  /** The last sweep; undefined where there was none, or where its file is no sweep. */
  sweep(): KeptSweep | undefined {
    const path = join(this.#home, sweepName);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isFile() || stat.size > sweepBytesMax) return undefined;
    if (this.#sweep?.mtimeMs !== stat.mtimeMs) {
      this.#sweep = { mtimeMs: stat.mtimeMs, kept: parseKept(readFileSync(path, "utf8")) };
    }
    return this.#sweep.kept;
  }

  #portAt(bus: string): SerialPortInfo | undefined {
    const now = performance.now();
    if (this.#ports === undefined || now - this.#ports.at > portsKeptMs) {
      this.#ports = { at: now, all: this.#look() };
    }
    return this.#ports.all.find(({ path, device }) => path === bus || device === bus);
  }
}
