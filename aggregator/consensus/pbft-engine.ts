import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";
import { acceptable } from "./acceptable.ts";
import { accuse, nameDeviation } from "./accusing.ts";
import { BlockWish, lookAgainAt } from "./block-wish.ts";
import { BlockWork, type Done } from "./block-work.ts";
import { EffectQueue } from "./effect-queue.ts";
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
import { MemberKeys } from "./member-keys.ts";
import { usualTiming } from "./pbft/limits.ts";
import type { Deviating, Event, Evidence, Ports } from "./pbft/ports.ts";
import { step } from "./pbft/replica.ts";
import { restore } from "./pbft/restore.ts";
import { leads, type Replica } from "./pbft/state.ts";
import type { PbftOptions } from "./pbft-options.ts";
import { type PbftStatus, statusOf } from "./pbft-status.ts";
import { durableOf } from "./restored.ts";
import { Silence } from "./silence.ts";
import { SnapshotKeeping, usualSnapshotEvery } from "./snapshot-keeping.ts";
import { Spreading } from "./spreading.ts";
import { StateTransfer } from "./state-transfer.ts";
import { Tally } from "./tally.ts";
import { systemTimers, type TurnTimers } from "./timers.ts";

/** How often a member looks at the time, ms. */
const tickMs = 50;

/** Messages looked at in one turn: what a flood can delay a vote by. */
const messagesPerTurn = 256;

/**
 * The engine of a consortium of several voting members: the disk, the clock and the links around the
 * replica of `pbft/`. All that arrived in one turn of the event loop is stepped together; what it
 * makes this member say is on disk, in one transaction, before any of it is sent.
 */
export class PbftEngine implements Engine {
  readonly #options: PbftOptions;
  readonly #timers: TurnTimers;
  readonly #keys: MemberKeys;
  readonly #effects: EffectQueue;
  readonly #wish: BlockWish;
  readonly #spreading: Spreading;
  readonly #silence: Silence;
  readonly #transfer: StateTransfer;
  readonly #keeping: SnapshotKeeping;
  readonly #inbox = new Inbox();
  readonly #evidence = new EvidenceList();
  /** By member, the first block that it was seen to compute otherwise. */
  readonly #deviating = new Map<string, number>();
  readonly #onDeviation: ((deviating: Deviating) => void)[] = [];
  readonly #tally = new Tally();
  readonly #onCommit: ((block: CommittedBlock) => void)[] = [];
  readonly #onRefused: ((refused: RefusedFrame) => void)[] = [];
  #replica: Replica | undefined;
  #isAwake = false;
  #tickAt = 0;
  #cancel: () => void = () => {};

  constructor(options: PbftOptions) {
    const { application, store, pool, links, clock, member, timers = systemTimers } = options;
    this.#options = options;
    this.#timers = timers;
    this.#keys = new MemberKeys({ ...member, verify: options.verify });
    const { now } = timers;
    const count = (reason: string) => this.#tally.count(reason);
    const intervalMs = options.blockIntervalMs ?? 5;
    this.#wish = new BlockWish({ application, store, pool, clock, now, intervalMs });
    this.#silence = new Silence(store, member.id);
    this.#spreading = new Spreading({
      pool,
      application,
      now,
      send: (message) => this.#send("all", message),
      count,
    });
    const { snapshotEvery: every = usualSnapshotEvery, snapshotGap: gap, chunkBytes } = options;
    this.#keeping = new SnapshotKeeping({ store, timers, every, chunkBytes });
    this.#transfer = new StateTransfer({
      application,
      store,
      now,
      send: (to, message) => this.#send(to, message),
      count,
      adopted: () => this.#begin(),
      ...(gap === undefined ? {} : { gap }),
    });
    this.#effects = new EffectQueue({
      store,
      work: new BlockWork({ application, store, pool }),
      silence: this.#silence,
      send: (to, message) => this.#send(to, message),
      flush: () => links.flush?.(),
      count,
      accuse: (evidence) => this.#evidence.add(evidence),
      deviates: (deviating) => this.#deviates(deviating),
      done: (done) => this.#done(done),
      step: (event) => this.#step(event),
    });
    this.#evidence.onNew((evidence) => {
      if (accuse(evidence, { pool, member })) return;
      count("pool.full");
      this.#evidence.forget(evidence);
    });
    pool.onArrived((frame) => {
      this.#spreading.arrived(frame);
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

  /** Called when a member signed another result of a block than the quorum's, once for each member. */
  onDeviation(listener: (deviating: Deviating) => void): void {
    this.#onDeviation.push(listener);
  }

  /** Undefined before the start. */
  status(): PbftStatus | undefined {
    const replica = this.#replica;
    if (replica === undefined) return undefined;
    return statusOf(replica, {
      waiting: this.#options.pool.size,
      counts: this.#tally.counts,
      refused: this.#tally.refused,
      evidence: this.#evidence.list(),
      deviating: [...this.#deviating].map(([member, height]) => ({ member, height })),
    });
  }

  #arrive(from: string, message: Uint8Array): void {
    if (this.#replica === undefined) return;
    if (this.#inbox.push(from, message)) return this.#wake();
    this.#tally.refuse(from, "consensus.flood");
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
    const steppedAt = this.#timers.now();
    const isTick = this.#tickAt <= steppedAt;
    if (isTick) this.#tickAt = steppedAt + tickMs;
    try {
      const transfers = this.#inbox
        .take(messagesPerTurn)
        .flatMap(({ from, message }) => this.#hear(from, message));
      this.#step({ kind: isTick ? "tick" : "frames" });
      this.#effects.perform();
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
    if (this.#inbox.size > 0 || this.#transfer.isAdopting) this.#wake();
    this.#arm(steppedAt);
  }

  #arm(steppedAt: number): void {
    this.#cancel();
    const replica = this.#replica;
    if (replica === undefined) return;
    const wishedAt = leads(replica) ? this.#wish.nextAt : undefined;
    const at = lookAgainAt({ wishedAt, steppedAt, tickAt: this.#tickAt });
    this.#cancel = this.#timers.after(Math.max(0, at - this.#timers.now()), () => this.#wake());
  }

  /** Gives back what concerns the transfer of states. */
  #hear(from: string, bytes: Uint8Array): { from: string; message: TransferMessage }[] {
    const decoded = decodeLinkMessage(bytes);
    if (!decoded.ok) {
      this.#tally.refuse(from, "consensus.garbage");
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
    if (this.#replica !== undefined) this.#effects.push(step(this.#replica, event));
  }

  #deviates(deviating: Deviating): void {
    const { from, height } = deviating.vote;
    if (this.#deviating.has(from)) return;
    this.#tally.count("consensus.deviation");
    const { pool, member } = this.#options;
    // Said again, it is another occasion.
    if (!nameDeviation(deviating, { pool, member })) return this.#tally.count("pool.full");
    this.#deviating.set(from, height);
    for (const listener of this.#onDeviation) listener(deviating);
  }

  #done({ block, refused }: Done): void {
    this.#keeping.committed(block.header.height);
    this.#keys.learn(this.#options.application.council());
    for (const listener of this.#onCommit) listener(block);
    for (const one of refused) for (const listener of this.#onRefused) listener(one);
  }

  #ports(): Ports {
    const { application, store, pool, clock, until = Number.MAX_SAFE_INTEGER } = this.#options;
    const keys = this.#keys;
    return {
      clock: { now: this.#timers.now, site: clock.now },
      sign: (kind, payload) => keys.sign(kind, payload),
      verify: (member, kind, payload, signature) => keys.verify(member, kind, payload, signature),
      kid: (member) => keys.kid(member),
      pool: {
        oldestSince: () => (store.height < until ? this.#wish.oldestSince() : undefined),
        overtakenMs: () => pool.overtakenMs(),
        next: (underWay) => {
          // A certified block that is not on disk yet: its frames seem to wait, its rules to be due.
          if (this.#replica?.height !== store.height) return undefined;
          if (store.height + underWay.length >= until) return undefined;
          return this.#wish.next(underWay);
        },
      },
      acceptable: (proposal) =>
        proposal.height <= until && acceptable(proposal, { application, pool }),
    };
  }

  #send(to: string | "all", message: LinkMessage): void {
    // A snapshot on its way makes blocks needless.
    if (message.name === "fetch-blocks" && this.#transfer.isActive) return;
    const said = this.#silence.outgoing(message);
    if (said !== undefined) this.#options.links.send(to, encodeLinkMessage(said));
  }
}
