import { Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import type { BlockSource } from "../ledger/block-table.ts";
import { resultsOf } from "../ledger/prove.ts";
import { type StateAt, stateAt } from "../ledger/state-at.ts";
import { blockCbor, entryCbor, headCbor } from "./export-cbor.ts";
import { openLedger } from "./ledger.ts";

/** Options of `busbar-aggregator export`. */
export type ExportOptions = {
  readonly config: string;
  readonly from: number;
  /** The last block's height where it is left out. */
  readonly to?: number;
  /** The state after a block, instead of blocks. */
  readonly state: boolean;
  /** Which block's state; the last one's where it is left out. */
  readonly height?: number;
  /** CBOR data items one after the other (RFC 8742), instead of lines of JSON. */
  readonly cbor: boolean;
  readonly archive?: string;
};

/** Takes what is written: a line of JSON with its end, or a CBOR item. */
type Write = (piece: string | Uint8Array) => void;

/**
 * `busbar-aggregator export`: blocks with their certificates, or the state after one behind its
 * certified header, as JSON lines (byte strings in base64url) or a CBOR sequence. One block or entry is
 * in memory at a time; for a state of the past, that state.
 * Throws: `Failure` `export.range`, `export.height`, `archive.file`, `store.*`.
 */
export function exportCommand(options: ExportOptions, write: Write): void {
  const { from, height, cbor } = options;
  const config = loadConfig(options.config);
  const { store, genesis } = openLedger(config, { snapshot: true });
  const archives = new Archives(options.archive ?? config.archive.folder);
  const blocks = bothOf(store, archives);
  try {
    if (options.state) {
      const found = stateAt(height ?? store.height, { store, blocks, genesis, verify });
      return exportState(found, cbor, write);
    }
    const { to = store.height } = options;
    if (height !== undefined) {
      const message = "--height is for --state; blocks are chosen with --from and --to";
      throw new Failure("export.range", message, { retry: "never" });
    }
    if (to > 0 && from > to) {
      const message = `expected --from up to the last block wanted, got ${from} to ${to}; the store's last block is ${store.height}`;
      throw new Failure("export.range", message, { retry: "never" });
    }
    for (let at = from; at <= to; at++) exportBlock(blocks, at, cbor, write);
  } finally {
    archives.close();
    store.close();
  }
}

function exportBlock(blocks: BlockSource, height: number, cbor: boolean, write: Write): void {
  const block = blocks.block(height);
  if (block === undefined) {
    throw new Failure(
      "export.range",
      `block ${height} is neither in the store nor in the archive; name its folder with --archive, or begin later`,
      { retry: "never" },
    );
  }
  write(cbor ? blockCbor(block, resultsOf(block)) : jsonOf(block));
}

function exportState(found: StateAt, cbor: boolean, write: Write): void {
  const { header, certificate, state } = found;
  try {
    write(cbor ? headCbor(found) : jsonOf({ height: header.height, header, certificate }));
    for (const [key, value] of state.scan("")) {
      write(cbor ? entryCbor(key, value) : jsonOf({ key, value }));
    }
  } finally {
    found.close();
  }
}

function jsonOf(value: object): string {
  const text = JSON.stringify(value, (_, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString("base64url") : part,
  );
  return `${text}\n`;
}
