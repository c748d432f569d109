import { blacklistBlocks } from "../../aggregator/consensus/pbft/council.ts";
import { blocksPerAnswer, type Timing } from "../../aggregator/consensus/pbft/limits.ts";
import type { Block, Message, Proposal } from "../../aggregator/consensus/pbft/messages.ts";
import type {
  DurableRecord,
  Effect,
  Event,
  Evidence,
  Ports,
  Voters,
} from "../../aggregator/consensus/pbft/ports.ts";
import { step } from "../../aggregator/consensus/pbft/replica.ts";
import { restore } from "../../aggregator/consensus/pbft/restore.ts";
import { hex, type Replica } from "../../aggregator/consensus/pbft/state.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import type { ToyKeys } from "./toy-crypto.ts";
import { ToyLog } from "./toy-disk.ts";
import { idOf, isFrame, type Ran, sha256, ToyLedger, text } from "./toy-ledger.ts";

/** What a member leaves behind when its process dies. */
export type Disk = {
  readonly ledger: ToyLedger;
  readonly log: ToyLog;
  /** Frames that wait, with the time since when. */
  readonly pool: Map<string, { readonly frame: Uint8Array; readonly since: number }>;
};

export type World = {
  readonly now: () => number;
  readonly keys: ToyKeys;
  readonly timing: Timing;
  readonly framesPerBlock: number;
  readonly later: (ms: number, call: () => void) => void;
  /** From 0 to 1: how much of a write is there when the process dies in it. */
  readonly part: () => number;
  readonly send: (from: Member, to: string | "all", message: Message) => void;
  readonly run: (by: Member, proposal: Proposal) => void;
  readonly report: (by: Member, evidence: Evidence) => void;
  /** A member is said to have signed another block than the quorum. */
  readonly deviates: (by: Member, member: string) => void;
  readonly count: (reason: string) => void;
};

/** Site time at an instant of virtual time, on a clock that is right. */
export const siteMs = (now: number): number => Math.round(1_000_000 + now);

/** A member as a process: a replica, a disk, and the shell that does what the replica says. */
export class Member {
  readonly id: string;
  readonly disk: Disk;
  readonly #world: World;
  #replica: Replica | undefined;
  #ran: Ran | undefined;
  /** What is to be done, one after the other; a slow disk holds up whatever comes behind it. */
  #effects: Effect[] = [];
  #busy = false;
  #life = 0;
  /** When the newest frame that stands in a block came here. */
  #newestCommitted = Number.NEGATIVE_INFINITY;
  /** What waits for a process that does not run. */
  #paused: (() => void)[] | undefined;
  /** What came to which header (hex), in all lives of its process. */
  readonly ran = new Map<string, Proposal>();
  /** The process dies when it has done so many more effects. */
  diesAfter: number | undefined;
  /** What one write, or one run of a block, takes. */
  diskMs: () => number = () => 0;
  /** This member's wall clock differs by so much. */
  clockOffsetMs = 0;

  constructor(id: string, genesis: readonly string[], world: World) {
    this.id = id;
    this.#world = world;
    const ledger = new ToyLedger(genesis, world.keys.keys);
    this.disk = { ledger, log: new ToyLog(), pool: new Map() };
  }

  get isUp(): boolean {
    return this.#replica !== undefined;
  }

  /** Whether the process runs: it is up and nobody has stopped it. */
  get runs(): boolean {
    return this.isUp && this.#paused === undefined;
  }

  /** Virtual ms. */
  get now(): number {
    return this.#world.now();
  }

  get replica(): Replica | undefined {
    return this.#replica;
  }

  /** Throws: `DamagedLog` for a disk that has lost what this member said. */
  start(): void {
    const { ledger, log } = this.disk;
    const { last } = ledger;
    this.crash();
    this.diesAfter = undefined;
    this.#replica = restore({
      self: this.id,
      ports: this.#ports(),
      timing: this.#world.timing,
      durable: {
        epoch: ledger.epoch,
        members: ledger.voters,
        height: ledger.height,
        certified: last && { header: last.bytes, certificate: last.certificate },
        epochStart: ledger.epochStart,
        turns: ledger.turns(blacklistBlocks),
        records: log.open(),
      },
    });
  }

  crash(): void {
    this.#replica = undefined;
    this.#ran = undefined;
    this.#effects = [];
    this.#busy = false;
    this.#paused = undefined;
    this.#life += 1;
  }

  /** Stands still, as a process that was stopped: what comes in the meantime waits. */
  pause(): void {
    if (this.isUp) this.#paused ??= [];
  }

  /** Goes on: first it sees how late it is, then what was said in the meantime. */
  resume(): void {
    const waiting = this.#paused ?? [];
    this.#paused = undefined;
    this.take({ kind: "tick" });
    for (const call of waiting) call();
  }

  /** A frame arrives at this member's door; it is on disk before anybody is told. */
  submit(frame: Uint8Array): void {
    if (this.#waits(() => this.submit(frame))) return;
    const name = text(frame);
    if (this.disk.ledger.taken.has(idOf(frame)) || this.disk.pool.has(name)) return;
    this.disk.pool.set(name, { frame, since: this.#world.now() });
  }

  take(event: Event): void {
    if (this.#replica === undefined) return;
    // A process that stands still misses the time that passes.
    if (this.#waits(() => event.kind !== "tick" && this.take(event))) return;
    this.#effects.push(...step(this.#replica, event));
    this.#work();
  }

  #work(): void {
    while (!this.#busy) {
      const effect = this.#effects.shift();
      if (effect === undefined) return;
      if (this.diesAfter !== undefined) {
        this.diesAfter -= 1;
        if (this.diesAfter < 0) return this.#dieIn(effect);
      }
      const ms = ["send", "count", "go-on"].includes(effect.do) ? 0 : this.diskMs();
      if (ms === 0) this.#finish(effect);
      else this.#finishIn(ms, effect);
    }
  }

  #finishIn(ms: number, effect: Effect): void {
    const life = this.#life;
    this.#busy = true;
    const done = () => {
      if (life !== this.#life || this.#waits(done)) return;
      this.#busy = false;
      this.#finish(effect);
      this.#work();
    };
    this.#world.later(ms, done);
  }

  /** Whether the process stands still, so that something happens when it goes on. */
  #waits(call: () => void): boolean {
    this.#paused?.push(call);
    return this.#paused !== undefined;
  }

  #finish(effect: Effect): void {
    const answer = this.#do(effect);
    if (answer === undefined || this.#replica === undefined) return;
    this.#effects.push(...step(this.#replica, answer));
  }

  /** Dies before a thing is done, or in the middle of a write. */
  #dieIn(effect: Effect): void {
    if (effect.do === "persist") this.disk.log.tear(effect.record, this.#world.part());
    this.crash();
  }

  #do(effect: Effect): Event | undefined {
    switch (effect.do) {
      case "persist":
        this.disk.log.append(effect.record);
        return undefined;
      case "send":
        this.#world.send(this, effect.to, effect.message);
        return undefined;
      case "foresee":
        return this.#ranOf(effect.proposal);
      case "go-on":
        return { kind: "frames" };
      case "run":
        return this.#run(effect.proposal);
      case "certify":
        if (this.#ran === undefined) throw new Error("nothing ran");
        this.#commit(this.#ran, effect.certificate);
        // The next height could not be proposed while this block was not on disk.
        return { kind: "tick" };
      case "apply":
        return this.#apply(effect.height, effect.block);
      case "serve":
        this.#serve(effect.to, effect.above);
        return undefined;
      case "report":
        this.#world.report(this, effect.evidence);
        return undefined;
      case "deviates":
        this.#world.deviates(this, effect.deviating.vote.from);
        return undefined;
      case "count":
        this.#world.count(effect.reason);
        return undefined;
      default:
        return effect satisfies never;
    }
  }

  #ports(): Ports {
    const { now, keys, framesPerBlock } = this.#world;
    const { pool } = this.disk;
    return {
      clock: { now, site: () => siteMs(now()) + this.clockOffsetMs },
      sign: (kind, payload) => keys.sign(this.id, kind, payload),
      verify: (member, kind, payload, signature) => keys.verify(member, kind, payload, signature),
      kid: (member) => keys.kid(member),
      pool: {
        oldestSince: () => {
          const [oldest] = pool.values();
          return oldest?.since;
        },
        overtakenMs: () => {
          const [oldest] = pool.values();
          return Math.max(0, this.#newestCommitted - (oldest?.since ?? Number.POSITIVE_INFINITY));
        },
        next: (underWay) => {
          // Frames of a certified block that is not on disk yet seem to wait.
          if (this.#replica?.height !== this.disk.ledger.height) return undefined;
          const taken = new Set(underWay.flatMap(({ frames }) => frames.map(text)));
          const frames = [...pool].flatMap(([name, { frame }]) => (taken.has(name) ? [] : [frame]));
          return frames.length === 0 ? undefined : frames.slice(0, framesPerBlock);
        },
      },
      // What stands in a block already is left out when it runs; only what is no frame at all is refused.
      acceptable: ({ frames }) => frames.every(isFrame),
    };
  }

  #run(proposal: Proposal): Event {
    this.#world.run(this, proposal);
    return this.#ranOf(proposal);
  }

  #ranOf(proposal: Proposal): Event {
    this.#ran = this.disk.ledger.run(proposal);
    const { bytes: header } = this.#ran;
    this.ran.set(hex(header), proposal);
    const result = { header, next: this.#nextOf(this.#ran) };
    return { kind: "ran", height: proposal.height, result };
  }

  #commit(ran: Ran, certificate: Block["certificate"], isFetched = false): void {
    this.disk.ledger.commit(ran, certificate);
    this.#ran = undefined;
    const { height } = this.disk.ledger;
    this.disk.log.keep((record) => isAbove(record, height));
    const { ledger, pool } = this.disk;
    for (const frame of ran.frames) {
      const unknown = isFetched ? Number.NEGATIVE_INFINITY : this.now;
      const since = pool.get(text(frame))?.since ?? unknown;
      this.#newestCommitted = Math.max(this.#newestCommitted, since);
    }
    for (const [name, { frame }] of pool) if (ledger.taken.has(idOf(frame))) pool.delete(name);
  }

  #apply(height: number, { header, certificate, frames }: Block): Event {
    const none = { kind: "applied", height, result: undefined } as const;
    const { time, proposer, view } = decodeHeader(header);
    const ran = this.disk.ledger.run({ height, time, proposer, view, frames });
    if (Buffer.compare(sha256(ran.bytes), sha256(header)) !== 0) return none;
    const next = this.#nextOf(ran);
    this.#commit(ran, certificate, true);
    return { kind: "applied", height, result: { header, next } };
  }

  /** Of a block that is not committed. */
  #nextOf(ran: Ran): Voters {
    return { epoch: this.disk.ledger.epochAfter(ran), members: ran.next };
  }

  #serve(to: string, above: number): void {
    for (const block of this.disk.ledger.blocks.slice(above, above + blocksPerAnswer)) {
      const { bytes: header, certificate, frames } = block;
      const body = { header, certificate, frames };
      this.#world.send(this, to, { name: "block", body });
    }
  }
}

function isAbove(record: DurableRecord, height: number): boolean {
  switch (record.kind) {
    case "view":
    case "new-view":
      return true;
    case "accepted":
      return record.proposal.height > height;
    case "prepared":
      return (record.prepared.votes[0]?.height ?? 0) > height;
    default:
      return record satisfies never;
  }
}
