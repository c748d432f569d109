import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { Failure, openFrame, type UtcMs, type Verify } from "@busbar/protocol";
import { DurablePool, type PoolLimits } from "../../aggregator/consensus/durable-pool.ts";
import type { Timing } from "../../aggregator/consensus/pbft/limits.ts";
import { PbftEngine } from "../../aggregator/consensus/pbft-engine.ts";
import type { PbftOptions } from "../../aggregator/consensus/pbft-options.ts";
import type { TurnTimers } from "../../aggregator/consensus/timers.ts";
import { Application } from "../../aggregator/ledger/application.ts";
import type { CommittedBlock, RefusedFrame } from "../../aggregator/ledger/block.ts";
import type { Genesis } from "../../aggregator/ledger/genesis.ts";
import { noteNeverVoted } from "../../aggregator/ledger/restored.ts";
import type { Rules } from "../../aggregator/ledger/rules/index.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { signerOfName } from "../../aggregator/ledger/test-site.ts";
import type { Agenda } from "./network.ts";

/** A member's process was killed at a write. */
class Killed extends Error {
  override readonly name = "Killed";
}

/** What a power cut leaves of the write-ahead log: of the content before the last write and after it. */
export type Tear = (before: Buffer, after: Buffer) => Buffer;

/** At which write of the disk a member dies, counted from now: on which side of it, or in its middle. */
export type Death = { readonly write: number; readonly side: "before" | "after" | Tear };

export type RealWorld = {
  readonly agenda: Agenda;
  readonly genesis: Genesis;
  /** Of the program that a member starts with. */
  readonly rulesOf?: (id: string) => Rules;
  readonly verify: Verify;
  readonly timing: Timing;
  readonly blockIntervalMs: number;
  readonly poolLimits?: PoolLimits;
  readonly snapshots?: Pick<PbftOptions, "snapshotEvery" | "snapshotGap" | "chunkBytes" | "until">;
  /** Site time of virtual time. */
  readonly site: (now: number) => UtcMs;
  readonly speed: number;
  readonly send: (from: string, to: string | "all", message: Uint8Array) => void;
  readonly onCommit?: (member: RealMember, block: CommittedBlock) => void;
  /** A process ended because of this; not given: no member's does. */
  readonly onFailure?: ((member: RealMember, failure: Failure) => void) | undefined;
};

type Life = {
  readonly store: Store;
  readonly application: Application;
  readonly pool: DurablePool;
  readonly engine: PbftEngine;
  readonly hear: (from: string, message: Uint8Array) => void;
};

/** A member as a process in virtual time: the real engine, pool, application and SQLite file. */
export class RealMember {
  readonly id: string;
  readonly path: string;
  readonly #world: RealWorld;
  #life: Life | undefined;
  /** Counts lives, so that what an earlier one planned does not happen. */
  #lives = 0;
  #death: Death | undefined;
  /** What a power cut leaves of the files; undefined: all of it. */
  #left: { readonly main: Buffer; readonly log: Buffer } | undefined;
  /** This member's wall clock differs by so much. */
  clockOffsetMs = 0;
  writes = 0;
  /** It has never voted, so that its file will hold all its votes. */
  #isNew = true;
  /** Hashes (hex) of frames that were on disk when their sender was told so. */
  readonly acknowledged = new Set<string>();
  readonly refused: RefusedFrame[] = [];

  constructor(id: string, path: string, world: RealWorld) {
    this.id = id;
    this.path = path;
    this.#world = world;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  /** The running process. */
  get life(): Life {
    if (this.#life === undefined) throw new Error(`${this.id} is down`);
    return this.#life;
  }

  /** Of the newest block on its disk; 0 while it is down. */
  get height(): number {
    return this.#life?.store.height ?? 0;
  }

  start(): void {
    this.#lives += 1;
    this.#death = undefined;
    const { genesis, verify, rulesOf, poolLimits, site, speed, timing } = this.#world;
    const store = new Store(this.path);
    // Processes die here, no power fails: what was written stays written.
    store.db.exec("PRAGMA synchronous=OFF");
    if (this.#isNew) noteNeverVoted(store);
    this.#isNew = false;
    this.#watch(store);
    const application = new Application({
      genesis,
      store,
      verify,
      ...(rulesOf === undefined ? {} : { rules: rulesOf(this.id) }),
    });
    if (!application.info().begun) application.initChain();
    const timers = this.#timers();
    const pool = new DurablePool(store, poolLimits, timers);
    let hear: Life["hear"] = () => {};
    const engine = new PbftEngine({
      application,
      store,
      pool,
      verify,
      timing,
      timers,
      blockIntervalMs: this.#world.blockIntervalMs,
      ...this.#world.snapshots,
      clock: {
        speed,
        now: () => (site(timers.now()) + this.clockOffsetMs) as UtcMs,
        delay: (siteMs) => Math.ceil(siteMs / speed),
      },
      member: { id: this.id, chain: genesis.chain, signer: signerOfName(this.id) },
      links: {
        send: (to, message) => {
          // What a process says in the moment of its death stays unsaid.
          if (this.#life !== undefined) this.#world.send(this.id, to, message);
        },
        onMessage: (listener) => {
          hear = listener;
        },
      },
    });
    engine.onCommit((block) => this.#world.onCommit?.(this, block));
    engine.onRefused((refused) => void this.refused.push(refused));
    this.#life = { store, application, pool, engine, hear: (...said) => hear(...said) };
    engine.start();
  }

  crash(): void {
    this.#life?.store.close();
    this.#life = undefined;
    this.#lives += 1;
    if (this.#left === undefined) return;
    this.wipe();
    writeFileSync(this.path, this.#left.main);
    writeFileSync(`${this.path}-wal`, this.#left.log);
    this.#left = undefined;
  }

  /** The files as they are now, while the process runs. */
  files(): { readonly main: Buffer; readonly log: Buffer } {
    return { main: readFileSync(this.path), log: readFileSync(`${this.path}-wal`) };
  }

  /** Loses its disk. */
  wipe(): void {
    if (this.isUp) this.crash();
    for (const tail of ["", "-wal", "-shm"]) rmSync(`${this.path}${tail}`, { force: true });
  }

  /** Dies at a write to come. */
  dieAt(death: Death): void {
    this.#death = death;
    this.writes = 0;
  }

  /** Dies at no write to come. */
  live(): void {
    this.#death = undefined;
  }

  hear(from: string, message: Uint8Array): void {
    this.#life?.hear(from, message);
  }

  /** A frame arrives at this member's door. */
  submit(bytes: Uint8Array): void {
    const opened = openFrame(bytes);
    if (!opened.ok) throw new Error(opened.message);
    // Who is killed while it writes answers nobody.
    this.#life?.pool.submit(opened.frame, sha256(bytes)).catch(() => {});
  }

  #timers(): TurnTimers {
    const { agenda } = this.#world;
    const life = this.#lives;
    const guard = (call: () => void) => () => {
      if (life !== this.#lives) return;
      try {
        call();
      } catch (error) {
        if (!(error instanceof Killed)) this.#fail(error);
      }
      if (this.#death !== undefined && this.#death.write < 0) this.crash();
    };
    return {
      now: () => agenda.now,
      after: (ms, call) => {
        let isOn = true;
        agenda.at(agenda.now + ms, () => isOn && guard(call)());
        return () => {
          isOn = false;
        };
      },
      // All that arrives within the same instant is there first.
      soon: (call) => agenda.at(agenda.now + 0.01, guard(call)),
    };
  }

  /** What ends the program ends the member; anything else is no way for a program to end. */
  #fail(error: unknown): void {
    const { onFailure } = this.#world;
    if (!(error instanceof Failure) || onFailure === undefined) throw error;
    this.crash();
    onFailure(this, error);
  }

  /** Counts transactions, and dies at one of them. */
  #watch(store: Store): void {
    const { addPending, write } = store;
    store.write = (body) => this.#write(() => write.call(store, body)) as ReturnType<typeof body>;
    store.addPending = (frames) => {
      const seqs = addPending.call(store, frames);
      for (const { hash } of frames) this.acknowledged.add(Buffer.from(hash).toString("hex"));
      return seqs;
    };
  }

  #write<T>(body: () => T): T {
    this.writes += 1;
    const death = this.#death;
    if (death === undefined) return body();
    if (death.write < 0) throw new Killed();
    this.#death = { ...death, write: death.write - 1 };
    if (death.write > 0) return body();
    if (death.side !== "before") {
      const { main, log } = this.files();
      body();
      if (death.side !== "after") {
        this.#left = { main, log: death.side(log, this.files().log) };
      }
    }
    throw new Killed();
  }
}
