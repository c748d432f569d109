import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import type { BlockSource } from "../ledger/block-table.ts";
import type { Store } from "../ledger/store.ts";
import { openLedger } from "./ledger.ts";

/** Options of `busbar-aggregator export`. */
export type ExportOptions = {
  readonly config: string;
  readonly from: number;
  /** The last block's height where it is left out. */
  readonly to?: number;
  /** The state after the last block, instead of blocks. */
  readonly state: boolean;
  readonly archive?: string;
};

/**
 * `busbar-aggregator export`: blocks with their certificates, or the state after the last one behind its
 * certified header, as JSON lines; byte strings in base64url. One line is in memory at a time.
 * Throws: `Failure` `export.range`, `archive.file`, `store.*`.
 */
export function exportCommand(options: ExportOptions, write: (line: string) => void): void {
  const config = loadConfig(options.config);
  const { store } = openLedger(config, { snapshot: true });
  const archives = new Archives(options.archive ?? config.archive.folder);
  try {
    if (options.state) return exportState(store, write);
    const { from, to = store.height } = options;
    if (to > 0 && from > to) {
      const message = `expected --from up to the last block wanted, got ${from} to ${to}; the store's last block is ${store.height}`;
      throw new Failure("export.range", message, { retry: "never" });
    }
    exportBlocks(bothOf(store, archives), { from, to }, write);
  } finally {
    archives.close();
    store.close();
  }
}

function exportBlocks(
  blocks: BlockSource,
  { from, to }: { readonly from: number; readonly to: number },
  write: (line: string) => void,
): void {
  for (let height = from; height <= to; height++) {
    const block = blocks.block(height);
    if (block === undefined) {
      throw new Failure(
        "export.range",
        `block ${height} is neither in the store nor in the archive; name its folder with --archive, or begin later`,
        { retry: "never" },
      );
    }
    write(jsonOf(block));
  }
}

function exportState(store: Store, write: (line: string) => void): void {
  const { height } = store;
  const { header, certificate } = store.header(height) ?? {};
  write(jsonOf({ height, header, certificate }));
  for (const [key, value] of store.state.scan("")) write(jsonOf({ key, value }));
}

function jsonOf(value: object): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString("base64url") : part,
  );
}
