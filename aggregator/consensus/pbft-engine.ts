import type { Signer, Verify } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import type { Application } from "../ledger/application.ts";
import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";
import type { Store } from "../ledger/store.ts";
import { acceptable } from "./acceptable.ts";
import { accuse } from "./accusing.ts";
import { BlockWish } from "./block-wish.ts";
import { BlockWork, type Done } from "./block-work.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Engine } from "./engine.ts";
import { EvidenceList } from "./evidence-list.ts";
import { Inbox } from "./inbox.ts";
import {
  decodeLinkMessage,
  encodeLinkMessage,
  isTransfer,
  type LinkMessage,
  type TransferMessage,
} from "./link-messages.ts";
import type { Links } from "./links/links.ts";
import { MemberKeys } from "./member-keys.ts";
import { leaderOf } from "./pbft/council.ts";
import { type Timing, usualTiming } from "./pbft/limits.ts";
import type { Effect, Event, Evidence, Ports } from "./pbft/ports.ts";
import { step } from "./pbft/replica.ts";
import { restore } from "./pbft/restore.ts";
import { leads, type Replica } from "./pbft/state.ts";
import { durableOf } from "./restored.ts";
import { Silence } from "./silence.ts";
import { SnapshotKeeping } from "./snapshot-keeping.ts";
import { Spreading } from "./spreading.ts";
import { StateTransfer } from "./state-transfer.ts";
import { systemTimers, type TurnTimers } from "./timers.ts";
import { rowOf } from "./vote-records.ts";

/** How often a member looks at the time, ms. */
const tickMs = 50;

/** Messages looked at in one turn: what a flood can delay a vote by. */
const messagesPerTurn = 256;

/** A day of a busy site; a member that is less behind is there sooner by blocks. */
const usualSnapshotEvery = 2_048;

/** What the shell does by itself, between two writes of votes. */
type Job = Extract<Effect, { do: "run" | "certify" | "apply" | "serve" }>;

/** Where a member stands, for people. */
export type PbftStatus = {
  readonly epoch: number;
  readonly members: readonly string[];
  readonly view: number;
  /** The view asked for; other than `view` while no leader is in force. */
  readonly asked: number;
  readonly leader: string;
  readonly height: number;
  readonly waiting: number;
  /** What was dropped or came to pass, by reason. */
  readonly counts: Readonly<Record<string, number>>;
  /** Messages of each member that were dropped: none of the protocol's, or too many. */
  readonly refused: Readonly<Record<string, number>>;
  /** Members that were caught saying two things, and how often. */
  readonly evidence: readonly Evidence[];
};

export type PbftOptions = {
  readonly application: Application;
  readonly store: Store;
  /** With the same `timers`. */
  readonly pool: DurablePool;
  /** Started and stopped by who made them: started before this, stopped after. */
  readonly links: Pick<Links, "send" | "onMessage">;
  readonly clock: SiteClock;
  readonly verify: Verify;
  readonly member: { readonly id: string; readonly chain: string; readonly signer: Signer };
  /** How long the first frame of a block waits for others, wall ms; a full block never waits. */
  readonly blockIntervalMs?: number;
  /** A snapshot is made at each multiple of this height. */
  readonly snapshotEvery?: number;
  /** Blocks behind from which on a snapshot is fetched. */
  readonly snapshotGap?: number;
  /** Bytes of a snapshot's chunk, the same on all members; tests make small ones. */
  readonly chunkBytes?: number;
  readonly timing?: Timing;
  readonly timers?: TurnTimers;
};

/**
 * The engine of a consortium of several voting members: the disk, the clock and the links around the
 * replica of `pbft/`. All that arrived in one turn of the event loop is stepped together; what it
 * makes this member say is on disk, in one transaction, before any of it is sent.
 */
export class PbftEngine implements Engine {
  readonly #options: PbftOptions;
  readonly #timers: TurnTimers;
  readonly #keys: MemberKeys;
  readonly #work: BlockWork;
  readonly #wish: BlockWish;
  readonly #spreading: Spreading;
  readonly #silence: Silence;
  readonly #transfer: StateTransfer;
  readonly #keeping: SnapshotKeeping;
  readonly #inbox = new Inbox();
  readonly #evidence = new EvidenceList();
  readonly #counts = new Map<string, number>();
  readonly #refusedOf = new Map<string, number>();
  readonly #onCommit: ((block: CommittedBlock) => void)[] = [];
  readonly #onRefused: ((refused: RefusedFrame) => void)[] = [];
  /** What the replica asked for and is not done. */
  readonly #effects: Effect[] = [];
  #replica: Replica | undefined;
  #isAwake = false;
  #tickAt = 0;
  #cancel: () => void = () => {};

  constructor(options: PbftOptions) {
    const { application, store, pool, links, clock, member, timers = systemTimers } = options;
    this.#options = options;
    this.#timers = timers;
    this.#keys = new MemberKeys({ ...member, verify: options.verify });
    this.#work = new BlockWork({ application, store, pool });
    const { now } = timers;
    const intervalMs = options.blockIntervalMs ?? 5;
    this.#wish = new BlockWish({ application, store, pool, clock, now, intervalMs });
    this.#silence = new Silence(store, member.id);
    this.#spreading = new Spreading({
      pool,
      application,
      now,
      send: (message) => this.#send("all", message),
      count: (reason) => this.#count(reason),
    });
    const { snapshotEvery: every = usualSnapshotEvery, snapshotGap: gap, chunkBytes } = options;
    this.#keeping = new SnapshotKeeping({ store, timers, every, chunkBytes });
    this.#transfer = new StateTransfer({
      application,
      store,
      now,
      send: (to, message) => this.#send(to, message),
      count: (reason) => this.#count(reason),
      adopted: () => this.#begin(),
      ...(gap === undefined ? {} : { gap }),
    });
    this.#evidence.onNew((evidence) => {
      accuse(evidence, { pool, member }, (reason) => {
        this.#count(reason);
        this.#evidence.forget(evidence);
      });
    });
    pool.onStored((frames) => {
      this.#spreading.stored(frames);
      this.#wake();
    });
    links.onMessage((from, message) => this.#arrive(from, message));
  }

  /** Throws: `Failure` `store.corrupt` when a stored vote cannot be read. */
  start(): void {
    this.#begin();
    this.#wake();
  }

  /** From what is on the disk. */
  #begin(): void {
    const { application, store, clock, timing = usualTiming } = this.#options;
    this.#keys.learn(application.council());
    this.#replica = restore({
      self: this.#silence.selfIn(application.council()),
      ports: this.#ports(),
      timing: { ...timing, clockMsMax: timing.clockMsMax * clock.speed },
      durable: durableOf(store, application.council()),
    });
  }

  stop(): Promise<void> {
    this.#halt();
    // A turn runs to its end without pause, so no block is at work here.
    return Promise.resolve();
  }

  onCommit(listener: (block: CommittedBlock) => void): void {
    this.#onCommit.push(listener);
  }

  onRefused(listener: (refused: RefusedFrame) => void): void {
    this.#onRefused.push(listener);
  }

  /** Called once for each lie that this member can prove. */
  onEvidence(listener: (evidence: Evidence) => void): void {
    this.#evidence.onNew(listener);
  }

  /** Undefined before the start. */
  status(): PbftStatus | undefined {
    const replica = this.#replica;
    if (replica === undefined) return undefined;
    const { council, view, asked, height } = replica;
    return {
      epoch: council.epoch,
      members: council.members,
      view,
      asked,
      leader: leaderOf(council, asked),
      height,
      waiting: this.#options.pool.size,
      counts: Object.fromEntries([...this.#counts].sort()),
      refused: Object.fromEntries([...this.#refusedOf].sort()),
      evidence: this.#evidence.list(),
    };
  }

  #arrive(from: string, message: Uint8Array): void {
    if (this.#replica === undefined) return;
    if (this.#inbox.push(from, message)) return this.#wake();
    this.#refuse(from, "consensus.flood");
  }

  #wake(): void {
    if (this.#isAwake || this.#replica === undefined) return;
    this.#isAwake = true;
    this.#timers.soon(() => this.#turn());
  }

  #halt(): void {
    this.#cancel();
    this.#keeping.stop();
    this.#replica = undefined;
  }

  /** One turn of the event loop. What goes wrong in it is this machine's fault, and ends the engine. */
  #turn(): void {
    this.#isAwake = false;
    if (this.#replica === undefined) return;
    try {
      const transfers = this.#inbox
        .take(messagesPerTurn)
        .flatMap(({ from, message }) => this.#hear(from, message));
      this.#step({ kind: "tick" });
      this.#perform();
      // A snapshot may put the ledger elsewhere: nothing of the replica's is under way here.
      for (const { from, message } of transfers) this.#transfer.hear(from, message);
      this.#transfer.tick();
      this.#spreading.tell();
      if (this.#silence.ends(this.#options.application.council())) this.start();
    } catch (error) {
      // What is in memory may be ahead of the disk: only the disk knows what this member may say.
      this.#halt();
      throw error;
    }
    if (this.#inbox.size > 0) this.#wake();
    this.#arm();
  }

  #arm(): void {
    this.#cancel();
    const replica = this.#replica;
    if (replica === undefined) return;
    const now = this.#timers.now();
    if (this.#tickAt <= now) this.#tickAt = now + tickMs;
    const wished = leads(replica) ? this.#wish.nextAt : undefined;
    const at = wished !== undefined && wished > now ? Math.min(wished, this.#tickAt) : this.#tickAt;
    this.#cancel = this.#timers.after(at - now, () => this.#wake());
  }

  /** Gives back what concerns the transfer of states. */
  #hear(from: string, bytes: Uint8Array): { from: string; message: TransferMessage }[] {
    const decoded = decodeLinkMessage(bytes);
    if (!decoded.ok) {
      this.#refuse(from, "consensus.garbage");
      return [];
    }
    const { message } = decoded;
    this.#silence.hear(from, message, this.#options.application.council());
    if (isTransfer(message)) return [{ from, message }];
    if (message.name === "frames") this.#spreading.hear(from, message.body.frames);
    else this.#step({ kind: "message", from, message });
    if (message.name === "status") this.#transfer.heard(from, message.body.height);
    return [];
  }

  #step(event: Event): void {
    if (this.#replica !== undefined) this.#effects.push(...step(this.#replica, event));
  }

  /** Does what the replica asked for, in order; a block's work comes between two writes of votes. */
  #perform(): void {
    while (this.#effects.length > 0) {
      const at = this.#effects.findIndex(isJob);
      this.#say(this.#effects.splice(0, at < 0 ? this.#effects.length : at));
      const job = this.#effects.shift();
      if (job !== undefined && isJob(job)) this.#do(job);
    }
  }

  /** Votes on disk first, all together; then what rests on them goes out. */
  #say(effects: readonly Effect[]): void {
    // Who looks on has said nothing that could bind it.
    const rows = effects.flatMap((effect) =>
      effect.do === "persist" && !this.#silence.holds ? [rowOf(effect.record)] : [],
    );
    if (rows.length > 0) this.#options.store.addVotes(rows);
    for (const effect of effects) {
      if (effect.do === "send" && !this.#isVain(effect.message)) {
        this.#send(effect.to, effect.message);
      }
      if (effect.do === "count") this.#count(effect.reason);
      if (effect.do === "report") this.#evidence.add(effect.evidence);
    }
  }

  #do(job: Job): void {
    switch (job.do) {
      case "run":
        return this.#step(this.#work.run(job.proposal));
      case "certify":
        this.#done(this.#work.certify(job.height, job.certificate));
        // The next height could not be proposed while this block was not on disk.
        return this.#step({ kind: "tick" });
      case "apply": {
        const { event, done } = this.#work.apply(job.height, job.block);
        if (done !== undefined) this.#done(done);
        return this.#step(event);
      }
      case "serve":
        for (const body of this.#work.above(job.above)) {
          this.#send(job.to, { name: "block", body });
        }
        return;
      default:
        return job satisfies never;
    }
  }

  /** Blocks that a snapshot on its way makes needless. */
  #isVain({ name }: LinkMessage): boolean {
    return name === "fetch-blocks" && this.#transfer.isActive;
  }

  #done({ block, refused }: Done): void {
    this.#keeping.committed(block.header.height);
    this.#keys.learn(this.#options.application.council());
    for (const listener of this.#onCommit) listener(block);
    for (const one of refused) for (const listener of this.#onRefused) listener(one);
  }

  #ports(): Ports {
    const { application, store, pool, clock } = this.#options;
    const keys = this.#keys;
    return {
      clock: { now: this.#timers.now, site: clock.now },
      sign: (kind, payload) => keys.sign(kind, payload),
      verify: (member, kind, payload, signature) => keys.verify(member, kind, payload, signature),
      kid: (member) => keys.kid(member),
      pool: {
        oldestSince: () => this.#wish.oldestSince(),
        next: (underWay) => {
          // A certified block that is not on disk yet: its frames seem to wait, its rules to be due.
          if (this.#replica?.height !== store.height) return undefined;
          return this.#wish.next(underWay);
        },
      },
      acceptable: (proposal) => acceptable(proposal, { application, pool }),
    };
  }

  #send(to: string | "all", message: LinkMessage): void {
    const said = this.#silence.outgoing(message);
    if (said !== undefined) this.#options.links.send(to, encodeLinkMessage(said));
  }

  #refuse(from: string, reason: string): void {
    this.#refusedOf.set(from, (this.#refusedOf.get(from) ?? 0) + 1);
    this.#count(reason);
  }

  #count(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }
}

function isJob(effect: Effect): effect is Job {
  return ["run", "certify", "apply", "serve"].includes(effect.do);
}
