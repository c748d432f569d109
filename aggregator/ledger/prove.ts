import {
  type Ancestor,
  type BlockHeader,
  blockHistoryKey,
  blockResult,
  type ConsistencyProof,
  compareBytes,
  inclusionProof,
  merkleRoot,
  meterStateTable,
  type ResultProof,
  resultLeaf,
  type StateProof,
} from "@busbar/protocol";
import type { Application } from "./application.ts";
import type { CommittedBlock } from "./block.ts";
import type { BlockSource, CertifiedHeader, Place } from "./block-table.ts";
import type { LedgerEvent } from "./events.ts";
import { eventBytes, textsOf } from "./execution.ts";
import { historyOf } from "./history.ts";
import type { HistoryTable } from "./history-table.ts";
import { sha256 } from "./sha256.ts";
import type { Store } from "./store.ts";

/** Proves a key of the last committed state (an account, a contract); undefined before a block. */
export function proveState(
  application: Application,
  store: Store,
  key: string,
): StateProof | undefined {
  const { value, path, height } = application.query(key);
  const certified = certifiedAs(store, height);
  if (certified === undefined) return undefined;
  const { header, certificate } = certified;
  return {
    header,
    certificate,
    key,
    siblings: path.siblings,
    ...(value === undefined ? {} : { value }),
    ...(path.other === undefined ? {} : { other: [path.other.key, path.other.value] }),
  };
}

/** The newest certified block that left the state of this one: behind an engine whose certificates come with the
 * next block, one that changed nothing may wait for its own while nothing happens. */
function certifiedAs(store: Pick<Store, "header">, height: number): CertifiedHeader | undefined {
  const wanted = store.header(height);
  for (let at = height; at > 0; at -= 1) {
    const block = store.header(at);
    const isSame =
      block !== undefined &&
      wanted !== undefined &&
      compareBytes(block.header.appHash, wanted.header.appHash) === 0;
    if (!isSame) return undefined;
    if (block.certificate.length > 0) return block;
  }
  return undefined;
}

/** Which result of a block: a transaction's by its place, or what the block did by itself. */
export type WhichResult = number | typeof blockResult;

/** Proves what came of a transaction, or what a block did by itself; undefined where it is not here. */
export function proveResult(
  blocks: BlockSource,
  height: number,
  which: WhichResult,
): ResultProof | undefined {
  const block = blocks.block(height);
  if (block === undefined) return undefined;
  const { header, certificate } = block;
  const results = resultsOf(block);
  const index = which === blockResult ? results.length - 1 : which;
  const result = which === results.length - 1 ? undefined : results[index];
  if (result === undefined || certificate.length === 0) return undefined;
  const leaves = results.map((one) => resultLeaf(one, sha256));
  const proof = inclusionProof(leaves, index, sha256);
  return { header, certificate, index, size: results.length, proof, ...result };
}

/** Proves an event that moved money, the newest that fits; undefined where there is none. */
export function provePayment(
  blocks: BlockSource,
  type: LedgerEvent["type"],
  fields: Readonly<Record<string, string | number>>,
): { readonly result: ResultProof; readonly event: number } | undefined {
  const place = blocks.findEvent(type, fields);
  return place && proveEvent(blocks, place);
}

/** Proves the result that an event of a block belongs to, with its place among that one's events. */
export function proveEvent(
  blocks: BlockSource,
  place: Place,
): { readonly result: ResultProof; readonly event: number } | undefined {
  const block = blocks.block(place.height);
  if (block === undefined || place.index >= block.events.length) return undefined;
  let first = 0;
  for (const [index, count] of [...block.eventCounts, block.events.length].entries()) {
    const end = first + count;
    if (place.index < end) {
      const which = index === block.eventCounts.length ? blockResult : index;
      const result = proveResult(blocks, place.height, which);
      return result && { result, event: place.index - first };
    }
    first = end;
  }
  return undefined;
}

/** The root that a block's results make: what its header says, where nothing was changed. */
export function resultsRootOfBlock(block: CommittedBlock): Uint8Array {
  return merkleRoot(
    resultsOf(block).map((result) => resultLeaf(result, sha256)),
    sha256,
  );
}

/** What a leaf of a block's results is made of: the code, and the events as JSON. */
export type ResultContent = { readonly code: string; readonly events: Uint8Array };

/** A block's results in the order of their leaves. */
export function resultsOf({
  results,
  eventCounts,
  events,
}: CommittedBlock): readonly ResultContent[] {
  let next = 0;
  const own = results.map((code, i) => {
    const first = next;
    next += eventCounts[i] ?? 0;
    return { code: code as string, events: eventBytes(textsOf(events.slice(first, next))) };
  });
  return [...own, { code: blockResult, events: eventBytes(textsOf(events.slice(next))) }];
}

/**
 * Proves that blocks of these heights are of the last block's chain; undefined where one is not below
 * it, or this member does not have what it takes (it began later). `headerAt` finds old headers.
 */
export function proveConsistency(
  application: Application,
  store: Store,
  heights: readonly number[],
  headerAt: (height: number) => BlockHeader | undefined = (height) => store.header(height)?.header,
): ConsistencyProof | undefined {
  const head = proveState(application, store, blockHistoryKey);
  if (head === undefined || head.value === undefined) return undefined;
  const { size } = historyOf(store.state);
  const about = { below: head.header.height, size, history: store.history, headerAt };
  const ancestors = heights.map((height) => ancestorAt(height, about));
  const found = ancestors.filter((one) => one !== undefined);
  return found.length === heights.length ? { ancestors: found, head } : undefined;
}

/**
 * A block's place in the history of blocks that the state of a later one holds; undefined where it is not below
 * that, or what it takes is not here. `below`: the later one's height, `size`: of its history.
 */
export function ancestorAt(
  height: number,
  {
    below,
    size,
    history,
    headerAt,
  }: {
    readonly below: number;
    readonly size: number;
    readonly history: Pick<HistoryTable, "leafFrom" | "path">;
    readonly headerAt: (height: number) => BlockHeader | undefined;
  },
): Ancestor | undefined {
  const header = headerAt(height);
  if (header === undefined || height >= below) return undefined;
  const found = history.leafFrom(height);
  const leaf = found !== undefined && found.index < size ? found : undefined;
  const last = leaf?.height ?? below - 1;
  const links: BlockHeader[] = [];
  for (let next = height + 1; next <= last; next++) {
    const link = headerAt(next);
    if (link === undefined) return undefined;
    links.push(link);
  }
  if (leaf === undefined) return { header, links, proof: [] };
  const proof = history.path(leaf.index, size);
  return proof && { header, links, index: leaf.index, proof };
}

/** Proves where a meter's chain of readings stands; undefined before a block. */
export function proveMeter(
  application: Application,
  store: Store,
  meter: string,
): StateProof | undefined {
  return proveState(application, store, `${meterStateTable}/${meter}`);
}

/** A proof or receipt as people's tools read it: byte strings in base64url. */
export function proofJson(proof: object): string {
  return JSON.stringify(
    proof,
    (_, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64url") : value,
    2,
  );
}
