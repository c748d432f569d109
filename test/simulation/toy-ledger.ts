import { createHash } from "node:crypto";
import {
  type BlockHeader,
  type Certificate,
  encodeHeader,
  type Member,
  merkleRoot,
  type UtcMs,
  validatorsHash,
} from "@busbar/protocol";
import type { Turn } from "../../aggregator/consensus/pbft/council.ts";
import type { Proposal } from "../../aggregator/consensus/pbft/messages.ts";

/** A block on a simulated disk. `voters`: who could sign it; `next`: who can sign what follows. */
export type ToyBlock = {
  readonly header: BlockHeader;
  readonly bytes: Uint8Array;
  readonly certificate: Certificate;
  readonly frames: readonly Uint8Array[];
  readonly voters: readonly string[];
  readonly next: readonly string[];
};

/** A block that ran and is not on the disk. */
export type Ran = Omit<ToyBlock, "certificate">;

const zero = new Uint8Array(32);

/**
 * A ledger with the same shape as the real one and nothing to compute: each frame moves an amount from
 * one of its accounts to another, once for each id (`#…`), whatever else it says. A frame `members a,b,c` changes who votes, two heights later.
 */
export class ToyLedger {
  readonly blocks: ToyBlock[] = [];
  /** Ids of the frames that stand in a block. */
  readonly taken = new Set<string>();
  readonly balances = new Map<string, number>();
  readonly #genesis: readonly string[];
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor(genesis: readonly string[], keys: ReadonlyMap<string, Uint8Array>) {
    this.#genesis = genesis;
    this.#keys = keys;
  }

  get height(): number {
    return this.blocks.length;
  }

  get last(): ToyBlock | undefined {
    return this.blocks.at(-1);
  }

  /** Who votes at the next height. */
  get voters(): readonly string[] {
    return this.last?.next ?? this.#genesis;
  }

  /** Runs what was ordered: frames that stand in a block already are left out, as any refused one. */
  run({ height, time, proposer, view, frames }: Proposal): Ran {
    if (height !== this.height + 1) throw new Error(`height ${height} after ${this.height}`);
    const seen = new Set<string>();
    const kept = frames.filter((frame) => {
      const name = idOf(frame);
      const fresh = !this.taken.has(name) && !seen.has(name);
      seen.add(name);
      return fresh;
    });
    const previous = this.last;
    const header: BlockHeader = {
      chain: "sim",
      height,
      time: Math.max(time, previous?.header.time ?? 0) as UtcMs,
      previous: previous === undefined ? zero : sha256(previous.bytes),
      txRoot: merkleRoot([...kept]),
      resultsRoot: zero,
      appHash: sha256(previous?.header.appHash ?? zero, ...kept),
      validatorsHash: validatorsHash(this.voters.map((id) => this.#member(id))),
      proposer,
      view,
    };
    return {
      header,
      bytes: encodeHeader(header),
      frames: kept,
      voters: this.voters,
      next: this.#votersAfter(height),
    };
  }

  commit(ran: Ran, certificate: Certificate): void {
    if (ran.header.height !== this.height + 1) throw new Error("a block is committed out of order");
    this.blocks.push({ ...ran, certificate });
    for (const frame of ran.frames) {
      this.taken.add(idOf(frame));
      const [, from = "", to = "", amount = "0"] = text(frame).split(" ");
      this.#add(from, -Number(amount) || 0);
      this.#add(to, Number(amount) || 0);
    }
  }

  /** Turns of the newest blocks that the present voters made. */
  turns(count: number): Turn[] {
    const own = this.blocks.filter(({ voters }) => voters.join() === this.voters.join());
    return own.slice(-count).map(({ header: { view, proposer } }) => ({ view, proposer }));
  }

  /** How often the voters have changed. */
  get epoch(): number {
    return this.blocks.filter(({ voters, next }) => voters.join() !== next.join()).length;
  }

  /** The epoch of the height that follows a block. */
  epochAfter({ voters, next }: Ran): number {
    return this.epoch + (voters.join() === next.join() ? 0 : 1);
  }

  /** The last block before the present voters' first. */
  get epochStart(): { height: number; header: Uint8Array | undefined } {
    const at = this.blocks.findLastIndex(({ voters, next }) => voters.join() !== next.join());
    return { height: at + 1, header: this.blocks[at]?.bytes };
  }

  /** A change that stood in the block before is in force after the one that runs. */
  #votersAfter(height: number): readonly string[] {
    const frames = this.blocks[height - 2]?.frames ?? [];
    const change = frames.map(text).findLast((frame) => frame.startsWith("members "));
    return change?.split(" ")[1]?.split(",").toSorted() ?? this.voters;
  }

  #add(account: string, amount: number): void {
    this.balances.set(account, (this.balances.get(account) ?? 0) + amount);
  }

  #member(id: string): Member {
    return { id, key: this.#keys.get(id) ?? zero, voting: true };
  }
}

/** What its sender calls a frame; all of it where it has no name. */
export const idOf = (bytes: Uint8Array): string => /#.*$/.exec(text(bytes))?.[0] ?? text(bytes);

/** What a member lets into a proposal. */
export const isFrame = (bytes: Uint8Array): boolean => /^(pay|members) /.test(text(bytes));

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
export const frameOf = (line: string): Uint8Array => new Uint8Array(Buffer.from(line, "latin1"));

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}
