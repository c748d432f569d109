import { resolve } from "node:path";
import type { ReleaseState, Signer } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { MarketOutbox } from "./agent/market-outbox.ts";
import type { TimeOfUnit } from "./clock/unit-clock.ts";
import { takeDropped } from "./commissioning/drop.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { Link } from "./link/link.ts";
import type { Counters } from "./status/counters.ts";
import { LineWatch } from "./status/lines.ts";
import type { Status } from "./status/status.ts";
import { SupportDesk } from "./support/desk.ts";
import { doctorAside } from "./support/doctor-aside.ts";
import { ownerKeysIn } from "./support/owner-keys.ts";
import { SessionLog } from "./support/session-log.ts";
import { archOf } from "./update/enter.ts";
import { fetchAside } from "./update/fetching.ts";
import { Follower } from "./update/follower.ts";
import type { UpdateStatus } from "./update/state.ts";
import { version } from "./version.ts";

const dropEveryMs = 10_000;

export type CareOptions = {
  readonly config: LoadedConfig;
  readonly signer: Signer;
  readonly clock: TimeOfUnit;
  readonly market: MarketOutbox;
  /** Kept in the journal. */
  readonly notes: {
    read(name: string): string | undefined;
    write(name: string, text: string): void;
  };
  readonly link: () => Link | undefined;
  readonly status: () => Status;
  readonly update: () => UpdateStatus | undefined;
  readonly logLines: () => readonly string[];
  readonly counters: Counters;
  readonly log: Logger;
};

/** How a unit is looked after: its lines, releases that it follows, questions of support, its sheet. */
export class Care {
  readonly #options: CareOptions;
  readonly #follower: Follower | undefined;
  readonly #support: SupportDesk | undefined;
  readonly #lines: LineWatch;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CareOptions) {
    this.#options = options;
    const { updates, support } = options.config;
    this.#lines = new LineWatch(options.config);
    this.#follower = updates.follow ? this.#makeFollower() : undefined;
    this.#support = support.enabled ? this.#makeSupport() : undefined;
  }

  /** What the link hears for it. */
  get hearing() {
    const [follower, support] = [this.#follower, this.#support];
    return {
      ...(follower === undefined
        ? {}
        : {
            onRelease: (state: ReleaseState, at: { height: number; time: number }) =>
              follower.take(state, at),
          }),
      ...(support === undefined
        ? {}
        : { onSupport: (payload: Uint8Array) => support.take(payload) }),
    };
  }

  /** @param bus what is counted on each line */
  status(bus: Status["bus"]): Pick<Status, "lines" | "sweep" | "support" | "release"> {
    const sweep = this.#lines.sweep();
    return {
      lines: this.#lines.lines(bus),
      ...(sweep === undefined ? {} : { sweep }),
      ...(this.#support === undefined ? {} : { support: this.#support.status() }),
      ...(this.#follower === undefined ? {} : { release: this.#follower.why }),
    };
  }

  start(): void {
    this.#follower?.start();
    this.#drop();
    this.#timer = setInterval(() => this.#drop(), dropEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#follower?.stop();
    await this.#support?.settled();
  }

  #drop(): void {
    const { config, market, link, log } = this.#options;
    try {
      const add = (frame: Parameters<typeof market.add>[0][number]) => market.add([frame]);
      if (takeDropped(config.home, { device: config.device.id, add })) link()?.wake();
    } catch (error) {
      // A full disk, or a folder that cannot be read: it lies there still, and is looked at again.
      log.warn({ err: error }, "the commissioning sheet could not be taken to the ledger yet");
    }
  }

  #program() {
    const [, cli = ""] = process.argv;
    return { node: process.execPath, cli: resolve(cli), config: this.#options.config.file };
  }

  #siteTime = () => {
    const { clock } = this.#options;
    return clock.known ? clock.now() : undefined;
  };

  #makeFollower(): Follower {
    const { config, signer, market, notes, update, link, counters, log } = this.#options;
    return new Follower({
      ...{ chain: config.site, device: config.device.id, signer, outbox: market, notes },
      now: this.#siteTime,
      program: version,
      arch: archOf(process.arch),
      update,
      fetch: (wish) => fetchAside(this.#program(), wish),
      source: config.updates.source,
      onSaid: () => link()?.wake(),
      ...{ counters, log, monotonic: () => performance.now() },
    });
  }

  #makeSupport(): SupportDesk {
    const { config, signer, notes, link, status, logLines, counters, log } = this.#options;
    const noted = "support-sessions";
    return new SupportDesk({
      ...{ chain: config.site, device: config.device.id, signer, verify, now: this.#siteTime },
      owner: () => ownerKeysIn(config.home, config.owner.id),
      notes: {
        read: () => notes.read(noted),
        write: (text) => notes.write(noted, text),
      },
      log: new SessionLog(config.data),
      answerers: { status, logLines, doctor: () => doctorAside(this.#program()) },
      publish: (payload) => link()?.publishSupport(payload) === true,
      ...{ counters, unitLog: log },
    });
  }
}
