import type { PinnedMembership, Refused, Signer } from "@busbar/protocol";
import {
  chainHeads,
  chainStart,
  obis,
  type ReadingEntry,
  sealFrame,
  utcMs,
} from "@busbar/protocol";
import type { Logger } from "pino";
import { sha256 } from "../../edge/journal/hash.ts";
import type { Outbox, Outgoing } from "../../edge/journal/outbox.ts";
import { Link } from "../../edge/link/link.ts";
import { Counters } from "../../edge/status/counters.ts";

/** Who a unit is, and what it measures. */
export type UnitIdentity = {
  readonly device: string;
  readonly meter: string;
  readonly signer: Signer;
};

/** What all units of a process have in common. */
export type UnitScene = {
  readonly chain: string;
  readonly membership: PinnedMembership;
  /** Readings in a batch. */
  readonly entries: number;
  readonly log: Logger;
  /** Told of each batch from its signing to its verified receipt, ms. */
  readonly onReceipt: (tookMs: number) => void;
  readonly onRefused: (code: string) => void;
};

/** What a unit ends with: to be compared with what the ledger says of its meter. */
export type UnitEnd = {
  readonly meter: string;
  readonly next: number;
  readonly head: string;
  readonly waiting: number;
};

/**
 * An edge unit without its meters and its disk: the units' own link (sign-in, birth, last will, window,
 * verified receipts, resending) over readings that are signed as they are taken.
 */
export class LoadUnit {
  readonly counters = new Counters();
  readonly #identity: UnitIdentity;
  readonly #scene: UnitScene;
  readonly #outbox: MemoryOutbox;
  readonly #link: Link;
  #head: Uint8Array;
  #next = 1;
  #time = 0;
  #importWh = 0;

  constructor(identity: UnitIdentity, scene: UnitScene, brokers: readonly string[]) {
    const { chain, membership, log } = scene;
    const { device, signer, meter } = identity;
    this.#identity = identity;
    this.#scene = scene;
    this.#head = chainStart(chain, meter);
    this.#outbox = new MemoryOutbox(meter, scene);
    let session = 0;
    this.#link = new Link({
      chain,
      device,
      signer,
      membership,
      brokers: brokers.map((url) => ({ url, allowPlainText: false })),
      outboxes: [this.#outbox],
      nextSession: () => (session += 1),
      birth: (number) => ({ session: number, meters: [{ id: meter }] }),
      counters: this.counters,
      log,
      keepaliveSeconds: 60,
    });
  }

  get connected(): boolean {
    return this.#link.status.connected;
  }

  get waiting(): number {
    return this.#outbox.size;
  }

  /** Batches that were signed. */
  get signed(): number {
    return (this.#next - 1) / this.#scene.entries;
  }

  start(): void {
    this.#link.start();
  }

  async stop(): Promise<void> {
    await this.#link.stop();
  }

  /** A batch of readings that end now, `spanMs` long. */
  take(nowMs: number, spanMs: number): void {
    const { chain, entries: count } = this.#scene;
    const { meter, signer } = this.#identity;
    const entries = Array.from({ length: count }, (_, i): ReadingEntry => {
      const wanted = Math.round(nowMs - (spanMs * (count - 1 - i)) / count);
      this.#time = Math.max(this.#time + 1, wanted);
      this.#importWh += 2;
      const registers = new Map([
        [obis.importEnergy, [this.#importWh, 0] as const],
        [obis.exportEnergy, [0, 0] as const],
      ]);
      return { time: utcMs(this.#time), clock: 0, registers, quality: 0 };
    });
    const message = { meter, first: this.#next, prev: this.#head, entries };
    const frame = sealFrame("readings", message, { chain, signer });
    this.#head = chainHeads(this.#head, entries);
    this.#next += count;
    const ref = Buffer.from(sha256(frame)).toString("hex");
    const range = { first: message.first, last: this.#next - 1 };
    this.#outbox.add({ ref, frame, range });
    this.#link.wake();
  }

  end(): UnitEnd {
    const head = Buffer.from(this.#head).toString("hex");
    return { meter: this.#identity.meter, next: this.#next, head, waiting: this.#outbox.size };
  }
}

/** Signed batches that wait for their receipts, in the memory: what a unit has on its disk. */
class MemoryOutbox implements Outbox {
  readonly topic = "readings";
  readonly #lane: string;
  readonly #told: Pick<UnitScene, "onReceipt" | "onRefused">;
  readonly #waiting = new Map<string, { readonly frame: Outgoing; readonly signedAt: number }>();

  constructor(lane: string, told: Pick<UnitScene, "onReceipt" | "onRefused">) {
    this.#lane = lane;
    this.#told = told;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(frame: Outgoing): void {
    this.#waiting.set(frame.ref, { frame, signedAt: performance.now() });
  }

  lanes(): readonly string[] {
    return this.#waiting.size > 0 ? [this.#lane] : [];
  }

  pending(_lane: string, limit: number): readonly Outgoing[] {
    const oldest: Outgoing[] = [];
    for (const { frame } of this.#waiting.values()) {
      if (oldest.length >= limit) break;
      oldest.push(frame);
    }
    return oldest;
  }

  sent(): void {}

  committed(ref: string): string | undefined {
    const found = this.#waiting.get(ref);
    if (found === undefined) return undefined;
    this.#waiting.delete(ref);
    this.#told.onReceipt(performance.now() - found.signedAt);
    return this.#lane;
  }

  refused(ref: string, refused: Refused) {
    const found = this.#waiting.get(ref);
    if (found === undefined) return undefined;
    this.#told.onRefused(refused.code);
    return { lane: this.#lane, frame: found.frame };
  }
}
