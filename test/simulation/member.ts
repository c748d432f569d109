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
import type { Replica } from "../../aggregator/consensus/pbft/state.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import type { ToyKeys } from "./toy-crypto.ts";
import { type Ran, sha256, ToyLedger, text } from "./toy-ledger.ts";

/** What a member leaves behind when its process dies. */
export type Disk = {
  readonly ledger: ToyLedger;
  records: DurableRecord[];
  /** Frames that wait, with the time since when. */
  readonly pool: Map<string, { readonly frame: Uint8Array; readonly since: number }>;
};

export type World = {
  readonly now: () => number;
  readonly keys: ToyKeys;
  readonly timing: Timing;
  readonly framesPerBlock: number;
  readonly send: (from: Member, to: string | "all", message: Message) => void;
  readonly report: (by: Member, evidence: Evidence) => void;
  readonly count: (reason: string) => void;
};

/** A member as a process: a replica, a disk, and the shell that does what the replica says. */
export class Member {
  readonly id: string;
  readonly disk: Disk;
  readonly #world: World;
  #replica: Replica | undefined;
  #ran: Ran | undefined;
  /** The process dies when it has done so many more effects. */
  diesAfter: number | undefined;
  /** This member's wall clock differs by so much. */
  clockOffsetMs = 0;

  constructor(id: string, genesis: readonly string[], world: World) {
    this.id = id;
    this.#world = world;
    const ledger = new ToyLedger(genesis, world.keys.keys);
    this.disk = { ledger, records: [], pool: new Map() };
  }

  get isUp(): boolean {
    return this.#replica !== undefined;
  }

  get replica(): Replica | undefined {
    return this.#replica;
  }

  start(): void {
    const { ledger, records } = this.disk;
    const { last } = ledger;
    this.#ran = undefined;
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
        records,
      },
    });
  }

  crash(): void {
    this.#replica = undefined;
  }

  /** A frame arrives at this member's door; it is on disk before anybody is told. */
  submit(frame: Uint8Array): void {
    const name = text(frame);
    if (this.disk.ledger.taken.has(name) || this.disk.pool.has(name)) return;
    this.disk.pool.set(name, { frame, since: this.#world.now() });
  }

  take(event: Event): void {
    const events = [event];
    for (let next = events.shift(); next !== undefined; next = events.shift()) {
      if (this.#replica === undefined) return;
      for (const effect of step(this.#replica, next)) {
        if (this.diesAfter !== undefined) {
          this.diesAfter -= 1;
          if (this.diesAfter < 0) return this.crash();
        }
        const answer = this.#do(effect);
        if (answer !== undefined) events.push(answer);
      }
    }
  }

  #do(effect: Effect): Event | undefined {
    switch (effect.do) {
      case "persist":
        this.disk.records.push(effect.record);
        return undefined;
      case "send":
        this.#world.send(this, effect.to, effect.message);
        return undefined;
      case "run":
        return this.#run(effect.proposal);
      case "certify":
        if (this.#ran === undefined) throw new Error("nothing ran");
        this.#commit(this.#ran, effect.certificate);
        return undefined;
      case "apply":
        return this.#apply(effect.height, effect.block);
      case "serve":
        this.#serve(effect.to, effect.above);
        return undefined;
      case "report":
        this.#world.report(this, effect.evidence);
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
      clock: { now, site: () => Math.round(1_000_000 + now()) + this.clockOffsetMs },
      sign: (kind, payload) => keys.sign(this.id, kind, payload),
      verify: (member, kind, payload, signature) => keys.verify(member, kind, payload, signature),
      kid: (member) => keys.kid(member),
      pool: {
        oldestSince: () => {
          const [oldest] = pool.values();
          return oldest?.since;
        },
        next: (underWay) => {
          const taken = new Set(underWay.flatMap(({ frames }) => frames.map(text)));
          const frames = [...pool].flatMap(([name, { frame }]) => (taken.has(name) ? [] : [frame]));
          return frames.length === 0 ? undefined : frames.slice(0, framesPerBlock);
        },
      },
      // What stands in a block already is left out when it runs; only what is no frame at all is refused.
      acceptable: ({ frames }) => frames.every((frame) => /^(pay|members) /.test(text(frame))),
    };
  }

  #run(proposal: Proposal): Event {
    this.#ran = this.disk.ledger.run(proposal);
    const { bytes: header } = this.#ran;
    return { kind: "ran", height: proposal.height, header, next: this.#nextOf(this.#ran) };
  }

  #commit(ran: Ran, certificate: Block["certificate"]): void {
    this.disk.ledger.commit(ran, certificate);
    this.#ran = undefined;
    const { height } = this.disk.ledger;
    this.disk.records = this.disk.records.filter((record) => isAbove(record, height));
    for (const frame of ran.frames) this.disk.pool.delete(text(frame));
  }

  #apply(height: number, { header, certificate, frames }: Block): Event {
    const none = { kind: "applied", height, result: undefined } as const;
    const { time, proposer, view } = decodeHeader(header);
    const ran = this.disk.ledger.run({ height, time, proposer, view, frames });
    if (Buffer.compare(sha256(ran.bytes), sha256(header)) !== 0) return none;
    const next = this.#nextOf(ran);
    this.#commit(ran, certificate);
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
