import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quorum, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { PoolLimits } from "../../aggregator/consensus/durable-pool.ts";
import { nameOf } from "../../aggregator/consensus/frame-name.ts";
import { type Timing, usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import type { CommittedBlock } from "../../aggregator/ledger/block.ts";
import type { Genesis } from "../../aggregator/ledger/genesis.ts";
import type { Rules } from "../../aggregator/ledger/rules/index.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import {
  entry,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../../aggregator/ledger/test-site.ts";
import { rememberingVerify } from "../../aggregator/ledger/verified.ts";
import { Agenda, Network } from "./network.ts";
import type { Random } from "./random.ts";
import { RealMember, type RealWorld } from "./real-member.ts";
import { Said } from "./said.ts";

/** A unit sends what it got no receipt for again after so long, ms. */
const againMs = 400;

const owners = ["company-a", "bureau-a", "user-a"] as const;

/** The test site with several voting members. */
export function consortiumGenesis(count: number): Genesis {
  const members = Array.from({ length: count }, (_, i) => {
    const id = `member-${String.fromCharCode(97 + i)}`;
    return { id, key: signerOfName(id).publicKey, voting: true, role: "company" as const };
  });
  return testGenesis({ members });
}

/** A frame that stands in no block of anybody, and until when its unit sends it again. */
type Unplaced = { readonly frame: Uint8Array; readonly until: number };

/** Real members with links between them in virtual time. Nobody lies here: that is the toy's part. */
export class RealCluster {
  readonly agenda = new Agenda();
  readonly network: Network;
  readonly said = new Said();
  readonly genesis: Genesis;
  readonly members: readonly RealMember[];
  readonly frames: Uint8Array[] = [];
  /** By name, in their order. */
  readonly #unplaced = new Map<string, Unplaced>();
  /** Site time of a ms of virtual time, ms. */
  readonly speed: number;
  /** Of the newest block of anybody. */
  #height = 0;
  readonly #folder: string;
  readonly #meters = owners.map((owner) => ({ chain: new MeterChain(owner), time: 0, wh: 0 }));
  /** Sees each message that a member sends. */
  onSend: (from: string, message: Uint8Array) => void = () => {};
  /** What becomes of a message on its way. */
  alter: (from: string, message: Uint8Array) => Uint8Array = (_, message) => message;
  onCommit: (member: RealMember, block: CommittedBlock) => void = () => {};

  constructor(options: {
    readonly random: Random;
    readonly count?: number;
    /** Another site than the test's own. */
    readonly genesis?: Genesis;
    readonly speed?: number;
    readonly timing?: Timing;
    readonly blockIntervalMs?: number;
    readonly poolLimits?: PoolLimits;
    readonly snapshots?: NonNullable<RealWorld["snapshots"]>;
    readonly rulesOf?: (id: string) => Rules;
    readonly onFailure?: RealWorld["onFailure"];
    readonly clockOffsetMs?: () => number;
  }) {
    const { random, count = 4, timing = usualTiming, blockIntervalMs = 5, speed = 60 } = options;
    const { poolLimits, rulesOf, snapshots, onFailure } = options;
    this.network = new Network(this.agenda, random);
    this.genesis = options.genesis ?? consortiumGenesis(count);
    this.speed = speed;
    this.#folder = mkdtempSync(join(tmpdir(), "busbar-consortium-"));
    const world = {
      agenda: this.agenda,
      genesis: this.genesis,
      verify: rememberingVerify(verify),
      timing,
      blockIntervalMs,
      ...(poolLimits === undefined ? {} : { poolLimits }),
      onFailure,
      ...(rulesOf === undefined ? {} : { rulesOf }),
      ...(snapshots === undefined ? {} : { snapshots }),
      speed,
      site: (now: number) => utcMs(startTime + Math.floor(now * speed)),
      send: (from: string, to: string, message: Uint8Array) => this.#send(from, to, message),
      onCommit: (member: RealMember, block: CommittedBlock) => {
        for (const hash of block.hashes) this.#unplaced.delete(nameOf(hash));
        this.#height = Math.max(this.#height, block.header.height);
        this.onCommit(member, block);
      },
    };
    this.members = this.genesis.members.map(
      ({ id }) => new RealMember(id, join(this.#folder, `${id}.sqlite`), world),
    );
    for (const member of this.members) {
      member.clockOffsetMs = options.clockOffsetMs?.() ?? 0;
      member.start();
    }
    this.agenda.at(againMs, () => this.#sendAgain(0));
  }

  get up(): RealMember[] {
    return this.members.filter(({ isUp }) => isUp);
  }

  member(id: string): RealMember {
    const member = this.members.find((one) => one.id === id);
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  /** The next reading of a meter, to one member or several. */
  read(meter: number, to: readonly RealMember[]): Uint8Array {
    const unit = this.#meters[meter % owners.length];
    if (unit === undefined) throw new Error("no such meter");
    unit.time = Math.max(unit.time + 1, Math.floor(this.agenda.now * this.speed));
    unit.wh += 3;
    const frame = unit.chain.frame(entry(startTime + unit.time, unit.wh));
    this.frames.push(frame);
    this.offer(frame, to);
    return frame;
  }

  /** A frame comes to these members, and again to others until it is in a block, or `until` has passed. */
  offer(frame: Uint8Array, to: readonly RealMember[], until = Number.POSITIVE_INFINITY): void {
    this.#unplaced.set(nameOf(sha256(frame)), { frame, until });
    for (const member of to) member.submit(frame);
  }

  /** Lives until something holds; false when it does not within so much virtual time. */
  until(holds: () => boolean, msMax: number): boolean {
    return this.agenda.until(holds, msMax);
  }

  live(ms: number): void {
    this.until(() => false, ms);
  }

  /** A block for each of so many readings, which come to the first member. */
  record(count: number): void {
    for (let n = 0; n < count; n += 1) {
      this.read(n, this.members.slice(0, 1));
      if (!this.until(() => this.isQuiet, 5_000)) throw new Error(this.standing);
    }
  }

  /** Whether each frame stands in a block, and all that are up have all blocks. */
  get isQuiet(): boolean {
    return this.#unplaced.size === 0 && this.up.every(({ height }) => height === this.#height);
  }

  /** Whether enough members are in one view to order something in it. */
  get hasQuorumInForce(): boolean {
    const inForce = new Map<number, number>();
    for (const { life } of this.up) {
      const { view = -1, asked } = life.engine.status() ?? {};
      if (view === asked) inForce.set(view, (inForce.get(view) ?? 0) + 1);
    }
    return Math.max(...inForce.values()) >= quorum(this.members.length);
  }

  /** Where everybody stands, in words. */
  get standing(): string {
    return this.members
      .map((member) => {
        if (!member.isUp) return `${member.id} down`;
        const { height, view, asked, waiting } = member.life.engine.status() ?? {};
        return `${member.id} height ${height} view ${view}/${asked} waiting ${waiting}`;
      })
      .join(", ");
  }

  end(): void {
    for (const member of this.members) member.crash();
    rmSync(this.#folder, { recursive: true });
  }

  /** Units keep each reading until it is on the ledger, and bring it to whoever is up. */
  #sendAgain(turn: number): void {
    const { up } = this;
    const member = up[turn % up.length];
    for (const [name, { frame, until }] of this.#unplaced) {
      if (until < this.agenda.now) this.#unplaced.delete(name);
      else member?.submit(frame);
    }
    this.agenda.at(this.agenda.now + againMs, () => this.#sendAgain(turn + 1));
  }

  #send(from: string, to: string, message: Uint8Array): void {
    this.said.hear(from, message);
    this.onSend(from, message);
    const arrives = this.alter(from, message);
    const at = this.members.findIndex(({ id }) => id === from);
    for (const [i, member] of this.members.entries()) {
      if (i === at || (to !== "all" && to !== member.id)) continue;
      this.network.send(at, i, () => member.hear(from, arrives));
    }
  }
}
