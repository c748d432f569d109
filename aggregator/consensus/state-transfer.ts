import { compareBytes } from "@busbar/protocol";
import type { Application } from "../ledger/application.ts";
import { type Snapshot, snapshotFormat } from "../ledger/snapshots/format.ts";
import type { Store } from "../ledger/store.ts";
import type { LinkMessage, TransferMessage } from "./link-messages.ts";

/** Blocks behind from which on a snapshot is sooner there than they are. */
const usualGap = 512;
/** Without a block for so long, while others have more, nobody seems to have them any more. */
const stalledMs = 10_000;
/** How often all are asked for snapshots. */
const askMs = 5_000;
/** A chunk that has not come by then is asked of another member. */
const chunkMs = 2_000;
/** Chunks in vain in a row after which blocks are the way again. */
const failuresMax = 8;
/** … for so long, at least. */
const pauseMs = 60_000;
/** Answers to one member in a second: whoever asks without end costs no more. */
const answersPerSecond = 50;

type Fetching = {
  readonly snapshot: Snapshot;
  /** Who offered it. */
  readonly from: Set<string>;
  next: number;
  turn: number;
  failures: number;
  askedAt: number;
};

type TransferParts = {
  readonly application: Application;
  readonly store: Store;
  readonly send: (to: string | "all", message: LinkMessage) => void;
  readonly count: (reason: string) => void;
  /** The ledger stands at another height now. */
  readonly adopted: () => void;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly gap?: number;
};

/**
 * Brings a member that is far behind to the state of a newer height at once, and serves others. It
 * takes a snapshot only where its block is certified by a quorum of voters to whom the genesis leads,
 * each change of them proven by a step that this member has or the snapshot shows.
 */
export class StateTransfer {
  readonly #parts: TransferParts;
  readonly #gap: number;
  /** What members say of themselves. */
  readonly #heights = new Map<string, number>();
  readonly #answered = new Map<string, { second: number; count: number }>();
  /** Snapshots that were not what they were announced to be. */
  readonly #bad = new Set<string>();
  #fetching: Fetching | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #progress = { height: -1, at: 0 };

  constructor(parts: TransferParts) {
    this.#parts = parts;
    this.#gap = parts.gap ?? usualGap;
    parts.application.giveUpSnapshot();
  }

  /** While a snapshot is on its way no blocks need be asked for. */
  get isActive(): boolean {
    return this.#fetching !== undefined;
  }

  /** All of it has come, and is being put in force: `tick` has to be called as often as may be. */
  get isAdopting(): boolean {
    return this.#parts.application.isAdoptingSnapshot;
  }

  /** Where another member says it stands. */
  heard(from: string, height: number): void {
    this.#heights.set(from, height);
  }

  tick(): void {
    const { store, now, send } = this.#parts;
    const { height } = store;
    if (height !== this.#progress.height) this.#progress = { height, at: now() };
    const fetching = this.#fetching;
    if (fetching === undefined) {
      if (!this.#isBehind() || now() - this.#askedAt < askMs) return;
      this.#askedAt = now();
      return send("all", { name: "fetch-snapshots", body: {} });
    }
    if (height >= fetching.snapshot.height) return this.#end();
    if (this.isAdopting) return this.#adopt(fetching);
    if (now() - fetching.askedAt >= chunkMs) this.#failed(fetching);
  }

  hear(from: string, message: TransferMessage): void {
    switch (message.name) {
      case "fetch-snapshots":
        return this.#answer(from, () => {
          const snapshots = this.#parts.application.listSnapshots();
          return { name: "snapshots", body: { snapshots } };
        });
      case "fetch-chunk":
        return this.#answer(from, () => {
          const { height, chunk: index } = message.body;
          const wanted = { height, format: snapshotFormat, chunk: index };
          const chunk = this.#parts.application.loadSnapshotChunk(wanted);
          return chunk && { name: "chunk", body: { height, index, chunk } };
        });
      case "snapshots":
        for (const snapshot of message.body.snapshots) this.#offered(from, snapshot);
        return;
      case "chunk":
        return this.#take(from, message.body);
      default:
        return message satisfies never;
    }
  }

  #isBehind(): boolean {
    const { store, now } = this.#parts;
    const ahead = Math.max(0, ...this.#heights.values()) - store.height;
    return ahead >= this.#gap || (ahead > 0 && this.#isStalled(now()));
  }

  #isStalled(now: number): boolean {
    return now - this.#progress.at >= stalledMs;
  }

  #answer(to: string, make: () => LinkMessage | undefined): void {
    const second = Math.floor(this.#parts.now() / 1_000);
    const known = this.#answered.get(to);
    const given = known?.second === second ? known : { second, count: 0 };
    if (given.count >= answersPerSecond) return this.#parts.count("consensus.flood");
    given.count += 1;
    this.#answered.set(to, given);
    const message = make();
    if (message !== undefined) this.#parts.send(to, message);
  }

  /** Begins to fetch the first snapshot that is worth it; later offers of the same one are sources. */
  #offered(from: string, snapshot: Snapshot): void {
    const { application, store, count, now } = this.#parts;
    const fetching = this.#fetching;
    if (fetching !== undefined) {
      if (compareBytes(fetching.snapshot.hash, snapshot.hash) === 0) fetching.from.add(from);
      return;
    }
    const gained = snapshot.height - store.height;
    const isWorth = gained >= this.#gap / 2 || (gained > 0 && this.#isStalled(now()));
    const isAsked = now() - this.#askedAt < askMs && this.#askedAt <= now();
    if (!isAsked || !this.#isBehind() || !isWorth || this.#bad.has(nameOf(snapshot))) return;
    const trusted = application.trustedAppHash(snapshot);
    if (!(trusted instanceof Uint8Array)) return count(trusted.code);
    const answer = application.offerSnapshot(snapshot, trusted);
    if (answer.result !== "accept") return count(answer.refusal.code);
    const begun = { next: answer.next, turn: 0, failures: 0, askedAt: now() };
    this.#fetching = { snapshot, from: new Set([from]), ...begun };
    this.#ask(this.#fetching);
  }

  #ask(fetching: Fetching): void {
    const { snapshot, from, next, turn } = fetching;
    fetching.askedAt = this.#parts.now();
    const sources = [...from];
    const to = sources[turn % sources.length];
    const body = { height: snapshot.height, chunk: next };
    if (to !== undefined) this.#parts.send(to, { name: "fetch-chunk", body });
  }

  #take(from: string, { height, index, chunk }: ChunkBody): void {
    const { application, store, count } = this.#parts;
    const fetching = this.#fetching;
    if (fetching?.snapshot.height !== height || index !== fetching.next || this.isAdopting) return;
    if (store.height >= height) return this.#end();
    const answer = application.takeSnapshotChunk({ index, chunk, sender: from });
    if (answer.result === "accept") {
      fetching.failures = 0;
      fetching.next += 1;
      if (!this.isAdopting) this.#ask(fetching);
      return;
    }
    count(answer.refusal.code);
    if (answer.result === "retry") {
      fetching.from.delete(from);
      return this.#failed(fetching);
    }
    this.#end();
  }

  /** A slice of it, so that frames and blocks have their turn in between. */
  #adopt({ snapshot }: Fetching): void {
    const { application, count, adopted } = this.#parts;
    const answer = application.adoptSnapshot();
    if (this.isAdopting) return;
    this.#fetching = undefined;
    if (answer.result === "accept") return adopted();
    count(answer.refusal.code);
    this.#bad.add(nameOf(snapshot));
  }

  #end(): void {
    this.#parts.application.giveUpSnapshot();
    this.#fetching = undefined;
  }

  /** Tries the next member; gives up where there is none, or after too many in vain. */
  #failed(fetching: Fetching): void {
    fetching.turn += 1;
    fetching.failures += 1;
    if (fetching.from.size > 0 && fetching.failures < failuresMax) return this.#ask(fetching);
    this.#parts.count("consensus.transfer-given-up");
    this.#askedAt = this.#parts.now() + pauseMs;
    this.#fetching = undefined;
  }
}

type ChunkBody = Extract<TransferMessage, { name: "chunk" }>["body"];

function nameOf({ hash }: Snapshot): string {
  return Buffer.from(hash).toString("hex");
}
