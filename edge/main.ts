import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { clockSource, utcMs } from "@busbar/protocol";
import { openKeyFile, openSiteClock, type SiteClock, signerOf } from "@busbar/protocol/node";
import type { Logger } from "pino";
import { Agent } from "./agent/agent.ts";
import { type MandateFile, readMandate } from "./agent/mandate.ts";
import { MarketOutbox } from "./agent/market-outbox.ts";
import { netHistory } from "./agent/net-history.ts";
import { brokersOf } from "./config/brokers.ts";
import type { LoadedConfig } from "./config/load.ts";
import { loadMembership, type MembershipFile } from "./config/membership-file.ts";
import { BusPool } from "./framing/bus-pool.ts";
import { lockFolder, openDatabase } from "./journal/database.ts";
import { Journal } from "./journal/journal.ts";
import { prune } from "./journal/prune.ts";
import { ReadingsOutbox } from "./journal/readings-outbox.ts";
import { Link } from "./link/link.ts";
import { Recorder } from "./schedule/recorder.ts";
import { openSource } from "./schedule/source.ts";
import { Counters } from "./status/counters.ts";
import { MeterBoard } from "./status/meter-board.ts";
import { serveStatus } from "./status/server.ts";
import { statusOf } from "./status/status.ts";
import { feedWatchdog, serviceManager } from "./status/systemd.ts";

/** A unit that runs. */
export type Unit = {
  readonly statusPort: number;
  /** Signs what is unsigned, hands over what it can in a few seconds, and ends. */
  stop(): Promise<void>;
};

/** How often a unit that is not enrolled yet looks for its membership, wall ms. */
const membershipMs = 2_000;
const pruneMs = 10 * 60_000;
/** How long an ending unit waits for receipts: well below what a service manager allows. */
const drainMsMax = 5_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;

/**
 * Starts all of an edge unit. Recording begins even where the unit cannot reach anybody.
 * Throws: `Failure` for what no retry can mend: configuration, key, journal, taken port.
 */
export async function startUnit(config: LoadedConfig, log: Logger): Promise<Unit> {
  const { site, device, owner, data, sampling, batch } = config;
  const startedAt = Date.now();
  const mandate = mandateOf(config);
  const lock = lockFolder(data);
  const signer = signerOf(openKeyFile(device.key));
  const clock = await openSiteClock(config.clock);
  const journal = new Journal(openDatabase(join(data, "journal.db")), { chain: site, signer });
  const now = () => utcMs(clock.now());
  const market = new MarketOutbox(journal.database, now);
  const readings = new ReadingsOutbox(journal.database);
  const counters = new Counters();
  const bus = new BusPool();
  const sources = config.meters.map((meter) => openSource(meter, clock, bus));
  const board = new MeterBoard(device.id, sources);
  const slotMs = sampling.alignToSlotMinutes * minuteMs;
  let link: Link | undefined;

  const agent =
    mandate === undefined
      ? undefined
      : new Agent({
          chain: site,
          owner: owner.id,
          party: owner.party,
          form: config.agent.form,
          mandate: mandate.mandate,
          slotMs,
          history: netHistory(journal, { meters: connectionMeters(config), slotMs }),
          outbox: market,
          signer,
          now,
          random: (bytes) => new Uint8Array(randomBytes(bytes)),
          counters,
          log,
          onQuoted: () => wakes.plan(),
        });
  const wakes = new Wakes(clock, market, () => link?.wake());

  const recorder = new Recorder({
    journal,
    sources,
    clock,
    rhythm: { everyMs: sampling.everySeconds * 1000, slotMs },
    sealing: { entries: batch.entries, ageMs: batch.minutes * minuteMs },
    board,
    counters,
    log,
    clockByte: () => clockByteOf(config),
    folder: data,
    onStored: ({ sealed, stored }) => {
      for (const { meter, seq, entry } of stored) {
        const live = board.live(meter, { seq, quality: entry.quality });
        if (live !== undefined) link?.publishLive(live);
      }
      if (sealed) link?.wake();
      agent?.onReadings();
    },
  });

  const status = await serveStatus(config.status, () =>
    statusOf({
      site,
      device: device.id,
      owner: owner.id,
      startedAt,
      clock,
      board,
      journal,
      link: () => link?.status,
      market,
      bus: () => bus.counters(),
      counters,
    }),
  );

  const startLink = (membership: MembershipFile) => {
    link = new Link({
      chain: site,
      device: device.id,
      signer,
      membership,
      brokers: brokersOf(config, membership),
      outboxes: [readings, market],
      nextSession: () => journal.nextSession(),
      birth: () => ({ time: clock.now(), ...board.birth() }),
      mandate: mandate?.frame,
      ...(agent === undefined ? {} : { onPrices: (payload) => agent.onPrices(payload) }),
      counters,
      log,
    });
    link.start();
  };
  const membership = loadMembership(config.membership, site);
  if (membership !== undefined) startLink(membership);
  else log.warn({ file: config.membership }, "no membership yet: recording only");
  const enrolment = setInterval(() => {
    if (link !== undefined) return clearInterval(enrolment);
    try {
      const late = loadMembership(config.membership, site);
      if (late !== undefined) startLink(late);
    } catch (error) {
      counters.count("membership.unusable");
      log.error({ err: error }, "membership file cannot be used");
    }
  }, membershipMs);

  const tidy = () => {
    const { days, megabytes } = config.retention;
    const before = utcMs(Math.max(0, clock.now() - days * dayMs));
    const gone = prune(journal.database, { before, bytesMax: megabytes * 1024 * 1024 });
    if (gone > 0) log.info({ readings: gone }, "journal pruned");
  };
  tidy();
  const tidying = setInterval(tidy, pruneMs);
  recorder.start();
  wakes.plan();
  const manager = serviceManager();
  const stallMs = 3 * clock.delay(Math.max(sampling.everySeconds * 1000, 5 * minuteMs));
  const watchdog = feedWatchdog(manager, { progressAt: () => board.progressAt, stallMs });
  manager.notify("READY=1", `STATUS=reads ${sources.length} meters`);

  return {
    statusPort: status.port,
    stop: async () => {
      manager.notify("STOPPING=1");
      watchdog.stop();
      clearInterval(enrolment);
      clearInterval(tidying);
      recorder.stop();
      wakes.stop();
      link?.wake();
      await drained(readings, () => link?.status.hostReady === true);
      await link?.stop();
      await status.close();
      await Promise.all(sources.map((source) => source.close()));
      journal.close();
      lock.release();
    },
  };
}

/** Wakes the link when a stored quote's time comes. */
class Wakes {
  readonly #clock: SiteClock;
  readonly #market: MarketOutbox;
  readonly #wake: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: SiteClock, market: MarketOutbox, wake: () => void) {
    this.#clock = clock;
    this.#market = market;
    this.#wake = wake;
  }

  plan(): void {
    clearTimeout(this.#timer);
    this.#wake();
    const at = this.#market.nextOpening();
    if (at === undefined) return;
    // In steps, so that a clock that was set is noticed.
    const wait = Math.min(minuteMs, this.#clock.delay(Math.max(0, at - this.#clock.now())) + 1);
    this.#timer = setTimeout(() => this.plan(), wait);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** Waits until every batch has its receipt, for as long as somebody takes them. */
async function drained(readings: ReadingsOutbox, taking: () => boolean): Promise<void> {
  const until = Date.now() + drainMsMax;
  while (readings.lanes().length > 0 && taking() && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function mandateOf({ agent, device, owner }: LoadedConfig): MandateFile | undefined {
  if (!agent.enabled) return undefined;
  return readMandate(agent.mandate, { device: device.id, owner: owner.id });
}

/** The billed meters; where none is marked, all of them. */
function connectionMeters({ meters }: LoadedConfig): string[] {
  const billed = meters.filter(({ role }) => role === "connection" || role === "exchange");
  return (billed.length > 0 ? billed : meters).map(({ id }) => id);
}

/** What the unit's time rests on: systemd leaves this file once its clock was synchronised. */
function clockByteOf({ clock }: LoadedConfig): number {
  const synchronised = clock.kind === "system" && existsSync("/run/systemd/timesync/synchronized");
  return synchronised ? clockSource.ntp : clockSource.informative;
}
