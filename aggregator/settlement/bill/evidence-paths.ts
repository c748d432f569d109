import type { StatePath, StateProof } from "@busbar/protocol";
import type { BlockSource, CertifiedHeader } from "../../ledger/block-table.ts";
import { historyOf } from "../../ledger/history.ts";
import type { HistoryTable } from "../../ledger/history-table.ts";
import { ancestorAt } from "../../ledger/prove.ts";
import { sha256 } from "../../ledger/sha256.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import type { EarlierBlock, ProvedEntry } from "./evidence.ts";
import { BillError } from "./grounds.ts";
import type { ContractsOf } from "./own-contracts.ts";
import type { FramePaths } from "./paths.ts";
import { hashesJoined, leafWay, PathCutter, stateWay } from "./proved-nodes.ts";

/** Where a bill is made from: a certified state with its proofs, and the blocks up to it. */
export type BillSource = {
  readonly head: CertifiedHeader;
  readonly state: StateReader;
  prove(key: string): StatePath;
  readonly blocks: BlockSource;
  readonly paths: FramePaths;
  /** The tree over the hashes of the blocks before. */
  readonly history: Pick<HistoryTable, "leafFrom" | "path">;
  /** From the chain's first voters on. */
  readonly steps: readonly StateProof[];
  /** Where many owners' contracts were looked for at once; else each owner's are looked for by themselves. */
  readonly contractsOf?: ContractsOf;
};

/** Entries and blocks with their paths to the certified state, each node of which the evidence holds once. */
export class EvidencePaths {
  readonly blocks: EarlierBlock[] = [];
  readonly #source: BillSource;
  readonly #size: number;
  readonly #places = new Map<number, number>();
  readonly #statePaths = new PathCutter();
  readonly #blockPaths = new PathCutter();

  constructor(source: BillSource) {
    this.#source = source;
    this.#size = historyOf(source.state).size;
  }

  /** What a key holds. The order of asking is that of the evidence. */
  entry(key: string): ProvedEntry {
    const { state, prove } = this.#source;
    return provedEntry(key, { state, path: prove(key), paths: this.#statePaths });
  }

  /** How the evidence names a block. Throws: `BillError` `bill.incomplete`. */
  block(height: number): number {
    const { head, history, paths } = this.#source;
    const below = head.header.height;
    if (height === below) return 0;
    const known = this.#places.get(height);
    if (known !== undefined) return known;
    const headerAt = (at: number) => paths.header(at);
    const found = ancestorAt(height, { below, size: this.#size, history, headerAt });
    if (found === undefined) {
      const message = `what proves block ${height} to be of this chain is not here`;
      throw new BillError("bill.incomplete", message, "all");
    }
    const { header, links, index, proof } = found;
    const cut = (at: number) => this.#blockPaths.cut(leafWay(at, this.#size), proof);
    this.blocks.push({
      header,
      ...(links.length === 0 ? {} : { links }),
      ...(index === undefined ? {} : { index }),
      path: index === undefined ? new Uint8Array() : cut(index),
    });
    this.#places.set(height, this.blocks.length);
    return this.blocks.length;
  }
}

/** What a key holds, with as much of its path as the entries before it have not made known. */
export function provedEntry(
  key: string,
  {
    state,
    path,
    paths,
  }: { readonly state: StateReader; readonly path: StatePath; readonly paths: PathCutter },
): ProvedEntry {
  const value = state.get(key);
  const { siblings, other } = path;
  const { length: depth } = siblings;
  const way = stateWay(sha256(Buffer.from(key)), depth);
  return {
    key,
    depth,
    path: paths.cut(way, siblings.toReversed()),
    ...(value === undefined ? {} : { value }),
    ...(other === undefined ? {} : { other: hashesJoined([other.key, other.value]) }),
  };
}
