import { type ReleaseState, type Signer, sealFrame, type UtcMs } from "@busbar/protocol";
import type { Logger } from "pino";
import type { MarketOutbox } from "../agent/market-outbox.ts";
import type { Counters } from "../status/counters.ts";
import type { Fetched, FetchWish } from "./fetching.ts";
import { type Followed, type FollowFacts, followedIn, nextStep, wordOf } from "./follow.ts";
import type { UpdateStatus } from "./state.ts";

const everyMs = 30_000;
/** Between two attempts to fetch: a source that is away is not asked for a hundred megabytes each minute. */
const pausesMs = { first: 5 * 60_000, most: 6 * 3_600_000 };
/** A proof older than this, by the unit's clock, tells nothing of what is stopped meanwhile. */
const ageMsMax = 24 * 3_600_000;
/** A report that nobody takes for so long is said anew, with another time. */
const wordMs = 30 * 86_400_000;

export type FollowerOptions = {
  readonly chain: string;
  readonly device: string;
  readonly signer: Signer;
  readonly outbox: MarketOutbox;
  /** Site time; undefined while it is not known. */
  readonly now: () => UtcMs | undefined;
  /** Kept over restarts, and by the program before and after this one. */
  readonly notes: {
    read(name: string): string | undefined;
    write(name: string, text: string): void;
  };
  readonly program: string;
  readonly arch: string;
  readonly update: () => UpdateStatus | undefined;
  /** Fetches a bundle and puts it on trial. */
  readonly fetch: (wish: FetchWish) => Promise<Fetched>;
  /** Instead of where the release says. */
  readonly source: string | undefined;
  /** There is something to send. */
  readonly onSaid: () => void;
  readonly counters: Counters;
  readonly log: Logger;
  /** Ms of a clock that nobody sets, and timers on it. */
  readonly monotonic: () => number;
};

const noteName = "followed-release";
const heightName = "release-height";

/**
 * Follows the releases that the ledger states: installs one when this unit's turn has come, and says on
 * the ledger which program runs and what became of it. Nothing but what a certified block states is
 * installed, and of that nothing but what a key in `update-keys` signed.
 */
export class Follower {
  readonly #options: FollowerOptions;
  #timer: NodeJS.Timeout | undefined;
  #proven: { readonly state: ReleaseState; readonly time: number } | undefined;
  #fetching = false;
  #attempts = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  /** Why nothing is installed now. */
  why = "no release is proven";

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), everyMs);
    this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Takes a release as a block of `height` and `time` holds it. An older block's word is not taken. */
  take(
    state: ReleaseState,
    { height, time }: { readonly height: number; readonly time: number },
  ): void {
    const { notes, counters } = this.#options;
    if (height < Number(notes.read(heightName) ?? 0)) return counters.count("update.old-release");
    notes.write(heightName, String(height));
    this.#proven = { state, time };
    this.look();
  }

  /** Does what is to be done now. */
  look(): void {
    const now = this.#options.now();
    if (now === undefined) return;
    const facts = this.#facts(now);
    this.#say(facts);
    const step = nextStep(facts);
    switch (step.kind) {
      case "wait":
        this.why = step.why;
        return;
      case "is-there":
        this.#note({ tried: { number: step.release.number, version: step.release.version } });
        this.#say(this.#facts(now));
        return;
      case "install":
        void this.#install(step);
        return;
      default:
        step satisfies never;
    }
  }

  #facts(now: number): FollowFacts {
    const { chain, device, arch, program, update, notes } = this.#options;
    const fresh = this.#proven !== undefined && now - this.#proven.time <= ageMsMax;
    return {
      ...{ chain, device, arch, program, now },
      update: update(),
      followed: followedIn(notes.read(noteName)),
      release: fresh ? this.#proven?.state : undefined,
    };
  }

  async #install({ release, bundle }: Extract<ReturnType<typeof nextStep>, { kind: "install" }>) {
    const { fetch, source, monotonic, log, counters } = this.#options;
    if (this.#fetching || monotonic() < this.#notBefore) return;
    const from = source ?? release.source;
    if (from === undefined) {
      this.why = "neither the release nor updates.source says where it is";
      return;
    }
    this.#fetching = true;
    const { number, version, trialMinutes: minutes } = release;
    const { arch, bytes, sha256 } = bundle;
    const name = `busbar-edge_${version}_${arch}.bundle`;
    this.why = `fetches ${name}`;
    log.info({ release: number, version, from }, "a release is fetched");
    try {
      const fetched = await fetch({
        ...{ url: `${from.replace(/\/$/, "")}/${name}`, version, bytes, minutes },
        sha256: Buffer.from(sha256).toString("hex"),
      });
      log[fetched.ok ? "info" : "warn"]({ release: number, ...fetched }, "a release was fetched");
      const tried = { number, version };
      if (fetched.ok) return this.#note({ tried });
      counters.count("update.not-installed");
      if (fetched.final) {
        this.#note({ tried, refused: `${fetched.message} [${fetched.code}]` });
        return this.look();
      }
      this.why = fetched.message;
      this.#attempts += 1;
      const pause = Math.min(pausesMs.most, pausesMs.first * 2 ** (this.#attempts - 1));
      this.#notBefore = monotonic() + pause;
    } finally {
      this.#fetching = false;
    }
  }

  #say(facts: FollowFacts): void {
    const { chain, device, signer, outbox, onSaid, log } = this.#options;
    const word = wordOf(facts);
    if (word === undefined) return;
    const at = facts.now as UtcMs;
    const frame = sealFrame("device-report", { device, at, ...word }, { chain, signer });
    outbox.add([
      { kind: "device-report", slot: at, gate: -1, opens: at, closes: at + wordMs, frame },
    ]);
    this.#note({ ...facts.followed, said: word });
    log.info({ ...word }, "says which program runs");
    onSaid();
  }

  /** What was said stays noted. */
  #note(followed: Followed): void {
    const { notes } = this.#options;
    const { said } = followedIn(notes.read(noteName));
    const kept = said === undefined ? {} : { said };
    notes.write(noteName, JSON.stringify({ ...kept, ...followed }));
  }
}
