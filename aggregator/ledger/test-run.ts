import { utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { LedgerEvent } from "./events.ts";
import { execute, resultsRootOf } from "./execution.ts";
import type { Genesis } from "./genesis.ts";
import { genesisState } from "./genesis-state.ts";
import { rules } from "./rules/index.ts";
import { sha256 } from "./sha256.ts";
import { emptyState, Overlay } from "./state/overlay.ts";
import type { State } from "./state/state.ts";
import { StateTree } from "./state/tree.ts";
import { chain, startTime } from "./test-site.ts";
import { rememberingVerify } from "./verified.ts";

/** A block as tests keep it: minutes of the site, and frames that the rules took. */
export type RunBlock = { readonly minutes: number; readonly frames: readonly Uint8Array[] };

/** What a block came to. */
export type Ran = {
  readonly taken: readonly Uint8Array[];
  readonly refused: readonly string[];
  readonly events: readonly LedgerEvent[];
  /** App hash and results root, hex. */
  readonly hashes: string;
};

/** Each signature of a long story is checked once, however often the story is run. */
const once = rememberingVerify(verify);

/** A ledger in memory that chains its blocks, so that whatever differs shows in every later hash. */
export class LedgerRun {
  readonly state: State;
  #tree: StateTree;
  #previous: Uint8Array;
  #height: number;

  private constructor(at: { state: State; tree: StateTree; previous: Uint8Array; height: number }) {
    this.state = at.state;
    this.#tree = at.tree;
    this.#previous = at.previous;
    this.#height = at.height;
  }

  static fromGenesis(genesis: Genesis): LedgerRun {
    const state = new Overlay(emptyState);
    const changes = genesisState(genesis);
    for (const [key, value] of changes) if (value !== undefined) state.set(key, value);
    const tree = StateTree.of(state.scan(""));
    return new LedgerRun({ state, tree, previous: new Uint8Array(32), height: 0 });
  }

  /** Another machine with this state: other bytes in another order, nothing of how they came about. */
  copy(): LedgerRun {
    const entries = [...this.state.scan("")].map(([key, value]) => [key, value.slice()] as const);
    const state = new Overlay(emptyState);
    for (const [key, value] of entries.reverse()) state.set(key, value);
    const tree = StateTree.of(entries);
    return new LedgerRun({ state, tree, previous: this.#previous, height: this.#height });
  }

  block(minutes: number, frames: readonly Uint8Array[]): Ran {
    this.#height += 1;
    const time = utcMs(startTime + minutes * 60_000);
    const input = { height: this.#height, time, previous: this.#previous, frames };
    const execution = execute(this.state, input, { chain, rules, verify: once });
    for (const [key, value] of execution.changes) {
      if (value === undefined) this.state.delete(key);
      else this.state.set(key, value);
    }
    this.#tree = this.#tree.update(execution.changes);
    const hashes = [this.#tree.root, resultsRootOf(execution)];
    this.#previous = sha256(Buffer.concat([this.#previous, ...hashes]));
    return {
      taken: execution.taken.map(({ frame }) => frame),
      refused: execution.refused.map(({ refusal }) => refusal.code),
      events: [...execution.taken.flatMap(({ events }) => events), ...execution.ownEvents],
      hashes: hashes.map((hash) => Buffer.from(hash).toString("hex")).join(" "),
    };
  }

  /** The root over the whole state, made from nothing but its entries. */
  freshRoot(): string {
    return Buffer.from(StateTree.of(this.state.scan("")).root).toString("hex");
  }
}
