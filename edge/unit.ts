import type { ProvenDemand, Signer } from "@busbar/protocol";
import type { Logger } from "pino";
import type { Agent } from "./agent/agent.ts";
import type { MandateFile } from "./agent/mandate.ts";
import { MarketOutbox } from "./agent/market-outbox.ts";
import { openAgent } from "./agent/open.ts";
import { Wakes } from "./agent/wakes.ts";
import { Care } from "./care.ts";
import { ClaimDesk } from "./claim/desk.ts";
import type { ClockChange, TimeOfUnit } from "./clock/unit-clock.ts";
import { brokersOf } from "./config/brokers.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { MembershipFile } from "./config/membership-file.ts";
import type { Settings } from "./config/settings.ts";
import { Response } from "./demand/response.ts";
import type { BusPool } from "./framing/bus-pool.ts";
import { isDiskFault, transaction } from "./journal/database.ts";
import { hasAllOfKey } from "./journal/device-key.ts";
import type { Journal, Sample } from "./journal/journal.ts";
import { Keeper } from "./journal/keeper.ts";
import { ReadingsOutbox } from "./journal/readings-outbox.ts";
import { type JournalSummary, summarise } from "./journal/summary.ts";
import { awaitMembership } from "./link/enrolment.ts";
import { Link } from "./link/link.ts";
import { MemberBrokers } from "./link/member-brokers.ts";
import { Adoption } from "./schedule/adoption.ts";
import { pauseAfter } from "./schedule/due.ts";
import { Recorder } from "./schedule/recorder.ts";
import type { Source } from "./schedule/source.ts";
import { floorNote } from "./schedule/undated.ts";
import { announcing } from "./status/announcing.ts";
import type { Counters } from "./status/counters.ts";
import { kept } from "./status/kept.ts";
import { MeterBoard } from "./status/meter-board.ts";
import type { ReadTimes } from "./status/read-times.ts";
import { type Status, statusOf } from "./status/status.ts";
import type { UpdateStatus } from "./update/state.ts";

/** Site ms, as the retention is, but at least a wall second. */
const pruneMs = 10 * 60_000;
const pruneWallMsMin = 1_000;
/** How often the time is noted on the disk. */
const floorMs = 5 * 60_000;
/** How long an ending unit waits for receipts: well below what a service manager allows. */
const drainMsMax = 5_000;
const minuteMs = 60_000;
/** A meter has stalled after so many of its pauses, and wall ms, without the end of a poll: longer than
 * any read takes behind the dead meters of a full bus. */
const pausesMissed = 3;
const stallMsMin = 5 * minuteMs;
/** A unit that is alive brings a batch in this many times a batch's age, and in so long after a
 * quarrel with another one about their client id. */
const quietBatches = 3;
const quietMsMin = 30 * minuteMs;

/** What a unit is made of. */
export type UnitOptions = {
  readonly settings: Settings;
  readonly log: Logger;
  readonly mandate: MandateFile | undefined;
  readonly signer: Signer;
  readonly clock: TimeOfUnit;
  readonly bus: BusPool;
  readonly sources: readonly Source[];
  readonly times: ReadTimes;
  readonly counters: Counters;
  /** Which program this is, and what is on trial. */
  readonly update: () => UpdateStatus | undefined;
  /** The newest lines of the log. */
  readonly logLines: () => readonly string[];
};

/** The parts of a unit and what they tell each other. */
export class Unit {
  readonly #options: UnitOptions;
  readonly #startedAt = Date.now();
  readonly #counters: Counters;
  readonly #keeper: Keeper;
  readonly #journal: Journal;
  readonly #readings: ReadingsOutbox;
  readonly #market: MarketOutbox;
  readonly #board: MeterBoard;
  readonly #summary: () => JournalSummary;
  readonly #recorder: Recorder;
  readonly #agent: Agent | undefined;
  readonly #wakes: Wakes;
  readonly #response: Response | undefined;
  readonly #care: Care;
  readonly #claims: ClaimDesk;
  readonly #hasAllOfKey: boolean;
  #membership: MembershipFile | undefined;
  #link: Link | undefined;
  #announcedShape = 0;
  #ends: (() => void)[] = [];

  constructor(options: UnitOptions) {
    const { signer, clock, sources, counters } = options;
    this.#counters = counters;
    const { config } = options.settings;
    this.#options = options;
    this.#keeper = new Keeper({
      folder: config.data,
      chain: config.site,
      signer,
      retention: config.retention,
      clock,
      counters: this.#counters,
      log: options.log,
    });
    this.#journal = this.#keeper.journal;
    const { database } = this.#journal;
    const { key: path } = config.device;
    this.#hasAllOfKey = hasAllOfKey(this.#keeper, { path, signer, log: options.log });
    this.#readings = new ReadingsOutbox(database);
    this.#market = new MarketOutbox(database, () => clock.now());
    this.#summary = kept(() => summarise(database));
    this.#board = new MeterBoard(config.device.id, sources);
    this.#recorder = this.#makeRecorder();
    this.#agent = this.#makeAgent();
    this.#wakes = new Wakes(clock, this.#market, () => this.#link?.wake());
    this.#response = this.#makeResponse();
    this.#care = this.#makeCare();
    this.#claims = new ClaimDesk({
      ...{ config, counters, log: options.log },
      membership: () => this.#membership,
      isKnown: () => this.#link?.status.lastReceiptAt !== undefined,
    });
  }

  /** Meters whose polls do not end, each allowed its own back-off. */
  stalled(): string[] {
    const { clock, settings } = this.#options;
    const everyMs = settings.config.sampling.everySeconds * 1000;
    const allowedMs = (failures: number) =>
      Math.max(stallMsMin, pausesMissed * clock.delay(pauseAfter(failures, everyMs)));
    return this.#board.stalled(allowedMs);
  }

  /** The newest time that the unit knew to be true, site ms; 0 before the first. */
  floor(): number {
    const { memory } = this.#recorder;
    const times = this.#options.sources.map(({ config }) => memory.timeOf(config.id));
    return Math.max(Number(this.#journal.note(floorNote) ?? 0), ...times);
  }

  clockChanged(what: ClockChange["what"]): void {
    this.#counters.count(`clock.${what}`);
  }

  start(): void {
    const { settings, clock, log } = this.#options;
    const enrolment = awaitMembership(settings, {
      onMembership: (membership) => this.#startLink(membership),
      counters: this.#counters,
      log,
    });
    this.#keeper.prune();
    const pauseMs = Math.max(pruneWallMsMin, clock.delay(pruneMs));
    const pruning = setInterval(() => this.#keeper.prune(), pauseMs);
    const noting = setInterval(() => this.#noteTime(), floorMs);
    this.#ends = [
      () => enrolment.stop(),
      () => clearInterval(pruning),
      () => clearInterval(noting),
      () => this.#wakes.stop(),
    ];
    this.#recorder.start();
    this.#wakes.plan();
    this.#response?.start();
    this.#care.start();
    this.#claims.start();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) end();
    this.#recorder.stop();
    await this.#claims.stop();
    // Before the buses close: what is held is let go.
    await this.#response?.stop();
    await this.#care.stop();
    this.#noteTime();
    this.#link?.wake();
    await this.#drained();
    await this.#link?.stop();
    await Promise.all(this.#options.sources.map((source) => source.close()));
    this.#journal.close();
  }

  status(): Status {
    const { clock, settings } = this.#options;
    const { config } = settings;
    const all = statusOf({
      site: config.site,
      device: config.device.id,
      owner: config.owner.id,
      startedAt: this.#startedAt,
      clock,
      held: this.#recorder.held,
      data: config.data,
      home: config.home,
      board: this.#board,
      times: this.#options.times,
      summary: this.#summary,
      disk: () => this.#keeper.disk.status,
      link: () => this.#link?.status,
      claim: () => this.#claims.status,
      market: this.#market,
      bus: () => this.#options.bus.counters(),
      counters: this.#counters,
    });
    return { ...all, ...this.#care.status(all.bus) };
  }

  #makeCare(): Care {
    const { settings, signer, clock, update, logLines, counters, log } = this.#options;
    return new Care({
      ...{ config: settings.config, signer, clock, market: this.#market, update, logLines },
      notes: this.#notes,
      link: () => this.#link,
      status: () => this.status(),
      ...{ counters, log },
    });
  }

  /** Small things that outlive a start, in the journal. */
  get #notes() {
    return {
      read: (name: string) => this.#journal.note(name),
      write: (name: string, value: string) =>
        this.#keeper.disk.write(() => this.#journal.setNote(name, value)),
    };
  }

  #makeRecorder(): Recorder {
    const { clock, log } = this.#options;
    const { config } = this.#options.settings;
    const { sampling, batch } = config;
    return new Recorder({
      journal: this.#journal,
      sources: this.#options.sources,
      clock,
      rhythm: { everyMs: sampling.everySeconds * 1000, slotMs: slotMsOf(config) },
      sealing: { entries: batch.entries, ageMs: batch.minutes * minuteMs },
      board: this.#board,
      counters: this.#counters,
      log,
      disk: this.#keeper.disk,
      onStored: (event) => this.#stored(event),
    });
  }

  #makeAgent(): Agent | undefined {
    const { mandate, signer, clock, log, counters } = this.#options;
    const { config } = this.#options.settings;
    if (mandate === undefined) return undefined;
    return openAgent({
      ...{ config, mandate, slotMs: slotMsOf(config), journal: this.#journal },
      ...{ outbox: this.#market, signer, clock, counters, log },
      onQuoted: () => this.#wakes.plan(),
    });
  }

  #startLink(membership: MembershipFile): void {
    const { mandate, signer, clock, log } = this.#options;
    const { config } = this.#options.settings;
    this.#membership = membership;
    const agent = this.#agent;
    const adoption = new Adoption({
      journal: this.#journal,
      memory: this.#recorder.memory,
      now: () => clock.now(),
      quietMs: Math.max(quietMsMin, quietBatches * config.batch.minutes * minuteMs),
      hasAllOfKey: () => this.#hasAllOfKey,
    });
    const stepNotes = this.#notes;
    // Whoever names brokers in the configuration means those and no others.
    const pinned = brokersOf(config, membership);
    const memberBrokers =
      config.brokers.length > 0 ? undefined : new MemberBrokers(pinned, stepNotes);
    this.#link = new Link({
      chain: config.site,
      device: config.device.id,
      signer,
      membership,
      stepNotes,
      brokers: memberBrokers?.list ?? pinned,
      ...(memberBrokers === undefined ? {} : { memberBrokers }),
      // Quotes first: they have a gate to meet, while a day's readings may wait to be sent.
      outboxes: [this.#market, this.#readings],
      nextSession: () => this.#keeper.nextSession(),
      atOnce: (work) => this.#keeper.disk.write(() => transaction(this.#journal.database, work)),
      birth: () => ({ time: clock.now(), ...this.#board.birth() }),
      announcements: announcing({ config, clock, board: this.#board, journal: this.#journal }),
      mandate: mandate?.frame,
      ...this.#hearing(),
      ...this.#care.hearing,
      onTip: (tip) => (clock.known || adoption.isOwn(tip) ? adoption.take(tip) : "waits"),
      ...(agent === undefined
        ? {}
        : {
            market: {
              owner: config.owner.id,
              onGates: (payload) => agent.onGates(payload),
              onPositions: (payload) => agent.onPositions(payload),
              onDown: () => agent.onDown(),
            },
          }),
      counters: this.#counters,
      log,
    });
    this.#link.start();
  }

  #makeResponse(): Response | undefined {
    const { settings, signer, clock, bus, log } = this.#options;
    const { config } = settings;
    if (!config.demand.enabled) return undefined;
    const noted = "demand-orders";
    return new Response({
      config: config.demand,
      bus,
      clock,
      desk: {
        ...{ chain: config.site, device: config.device.id, owner: config.owner.id },
        signer,
        outbox: this.#market,
        notes: {
          read: () => this.#journal.note(noted),
          write: (text) => this.#journal.setNote(noted, text),
        },
        slotMs: slotMsOf(config),
        onAnswered: () => this.#link?.wake(),
        counters: this.#counters,
        log,
      },
    });
  }

  #hearing() {
    const response = this.#response;
    return response === undefined
      ? {}
      : { onOrder: (proven: ProvenDemand) => response.take(proven) };
  }

  #stored(event: {
    readonly sealed: boolean;
    readonly stored: readonly (Sample & { readonly seq: number })[];
  }): void {
    for (const { meter, seq, entry } of event.stored) {
      const live = this.#board.live(meter, { seq, quality: entry.quality });
      if (live !== undefined) this.#link?.publishLive(meter, live);
    }
    if (this.#board.shape !== this.#announcedShape) {
      this.#announcedShape = this.#board.shape;
      this.#link?.announce();
    }
    if (event.sealed) this.#link?.wake();
    if (event.stored.length > 0) this.#quote();
  }

  #quote(): void {
    try {
      this.#agent?.onReadings();
    } catch (error) {
      // A quote that cannot be kept is not given; readings and prices that follow try again.
      if (!isDiskFault(error)) throw error;
      this.#counters.count("agent.not-stored");
    }
  }

  /** Notes how late it is, so that a start with an earlier clock knows that it is wrong. */
  #noteTime(): void {
    const { clock, log } = this.#options;
    if (!clock.known) return;
    try {
      this.#journal.setNote(floorNote, String(Math.max(clock.now(), this.floor())));
    } catch (error) {
      // Each reading that is stored says as much; this is for the time between them.
      log.warn({ err: error }, "the time could not be noted");
    }
  }

  /** Waits until every batch has its receipt, for as long as somebody takes them. */
  async #drained(): Promise<void> {
    const until = Date.now() + drainMsMax;
    const taking = () => this.#link?.status.hostReady === true && Date.now() < until;
    while (this.#readings.lanes().length > 0 && taking()) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const slotMsOf = ({ sampling }: LoadedConfig) => sampling.alignToSlotMinutes * minuteMs;
