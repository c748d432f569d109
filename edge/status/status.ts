import { readFileSync, statfsSync } from "node:fs";
import { clockSource } from "@busbar/protocol";
import type { MarketOutbox } from "../agent/market-outbox.ts";
import type { ClaimStatus } from "../claim/claim-status.ts";
import type { TimeOfUnit } from "../clock/unit-clock.ts";
import type { DiskStatus } from "../journal/disk.ts";
import type { JournalSummary } from "../journal/summary.ts";
import type { LinkStatus } from "../link/link-options.ts";
import type { SupportStatus } from "../support/session-log.ts";
import type { KeptSweep } from "../sweep/kept.ts";
import type { UpdateStatus } from "../update/state.ts";
import { version } from "../version.ts";
import type { Counters } from "./counters.ts";
import type { LineStatus } from "./lines.ts";
import type { MeterBoard } from "./meter-board.ts";
import type { ReadTimes } from "./read-times.ts";
import { type SystemNote, systemNote } from "./system-note.ts";

/** All that a unit tells of itself. Times are ms: `time` of the site, `…At` of the wall. */
export type Status = {
  readonly version: string;
  readonly site: string;
  readonly device: string;
  readonly owner: string;
  readonly time: number;
  readonly clockSpeed: number;
  readonly clock: ClockStatus;
  readonly startedAt: number;
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  readonly disk: {
    readonly freeBytes: number;
    readonly totalBytes: number;
    /** By this unit since its start; undefined where the kernel does not count it. */
    readonly writtenBytes: number | undefined;
  } & DiskStatus;
  readonly meters: ReturnType<MeterBoard["view"]>;
  readonly journal: JournalSummary;
  /** Undefined while there is no membership to check receipts against. */
  readonly link: LinkStatus | undefined;
  /** How the unit stands with its label, where it has to do with one. */
  readonly claim?: ClaimStatus;
  readonly quotes: ReturnType<MarketOutbox["recent"]>;
  readonly bus: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly counts: Readonly<Record<string, number>>;
  /** What its lines' counts tell, and the last `busbar-edge sweep`. */
  readonly lines?: readonly LineStatus[];
  readonly sweep?: KeptSweep;
  /** Sessions of support that the owner approved, and what was asked last. */
  readonly support?: SupportStatus;
  /** Where releases are followed: why nothing is installed now. */
  readonly release?: string;
  /** Which program runs; undefined where the unit was not started by `busbar-edge run`. */
  readonly update?: UpdateStatus;
  /** What the system below the unit has to say: that a card lost what was kept on it, for example. */
  readonly note?: SystemNote;
};

/** What the unit's time is worth. */
export type ClockStatus = {
  /** Whether it may be signed; until then readings are held. */
  readonly known: boolean;
  /** What it rests on. */
  readonly source: string;
  readonly by: string;
  readonly held: number;
};

/** What the status is gathered from. */
export type StatusSources = {
  readonly site: string;
  readonly device: string;
  readonly owner: string;
  readonly startedAt: number;
  readonly clock: TimeOfUnit;
  readonly held: number;
  readonly disk: () => DiskStatus;
  /** The folder of the journal. */
  readonly data: string;
  /** The unit's own folder. */
  readonly home: string;
  readonly board: MeterBoard;
  readonly times: ReadTimes;
  readonly summary: () => JournalSummary;
  readonly link: () => LinkStatus | undefined;
  readonly claim: () => ClaimStatus | undefined;
  readonly market: MarketOutbox;
  readonly bus: () => ReadonlyMap<string, Readonly<Record<string, number>>>;
  readonly counters: Counters;
};

const clockSourceBits = 0x70;
const clockWords: Readonly<Record<number, string>> = {
  [clockSource.unsynchronised]: "unsynchronised",
  [clockSource.informative]: "informative",
  [clockSource.ntp]: "NTP",
  [clockSource.monotonicOnly]: "monotonic only",
  [clockSource.authenticated]: "authenticated",
};

/** The unit's status at this moment. */
export function statusOf(sources: StatusSources): Status {
  const { site, device, owner, startedAt, clock, board, link, market, bus, counters } = sources;
  const { user, system } = process.cpuUsage();
  const claim = sources.claim();
  const { bavail, blocks, bsize } = statfsSync(sources.data);
  const note = systemNote(sources.home);
  return {
    version,
    site,
    device,
    owner,
    time: clock.now(),
    clockSpeed: clock.speed,
    clock: {
      known: clock.known,
      source: clockWords[clock.byte & clockSourceBits] ?? "unknown",
      by: clock.by,
      held: sources.held,
    },
    startedAt,
    memoryBytes: process.memoryUsage().rss,
    cpuSeconds: (user + system) / 1e6,
    disk: {
      ...sources.disk(),
      freeBytes: bavail * bsize,
      totalBytes: blocks * bsize,
      writtenBytes: writtenBytes(),
    },
    meters: board.view(clock.now(), sources.times),
    journal: sources.summary(),
    link: link(),
    ...(claim === undefined ? {} : { claim }),
    quotes: market.recent(10),
    bus: Object.fromEntries(bus()),
    counts: counters.all(),
    ...(note === undefined ? {} : { note }),
  };
}

/** What the kernel counts of this process towards the disk (proc_pid_io(5)). */
function writtenBytes(): number | undefined {
  try {
    const count = /^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    // Some kernels and containers keep this to themselves.
    return undefined;
  }
}
