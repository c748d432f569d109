import { compareBytes, Failure } from "@busbar/protocol";
import type { BlockSource, CertifiedHeader } from "./block-table.ts";
import { openDatabase } from "./database.ts";
import type { Machine } from "./execution.ts";
import type { Genesis } from "./genesis.ts";
import { rules as ledgerRules } from "./rules/index.ts";
import { SqliteState } from "./state/sqlite-state.ts";
import type { StateReader } from "./state/state.ts";
import type { Store } from "./store.ts";
import { Replay, readBlock } from "./verify.ts";
import { beginReplay } from "./verify-beginning.ts";

/** The state after a block, and the block that certifies it. */
export type StateAt = CertifiedHeader & { readonly state: StateReader; close(): void };

/**
 * The state after any block that the store can prove: the newest it holds; an older one is made again
 * from the nearest snapshot or genesis before it, every block checked on the way, and is what its
 * block certified. Takes the memory of that state and the time of a replay.
 * Throws: `Failure` `export.height`.
 */
export function stateAt(
  height: number,
  grounds: {
    readonly store: Store;
    readonly blocks: BlockSource;
    readonly genesis: Genesis;
    readonly verify: Machine["verify"];
  },
): StateAt {
  const { store, blocks, genesis, verify } = grounds;
  const certified = blocks.header(height);
  if (certified === undefined) throw cannot(height, `there is no block ${height} here`);
  if (height === store.height) return { ...certified, state: store.state, close() {} };
  const db = openDatabase(":memory:");
  try {
    const state = new SqliteState(db);
    const begun = beginReplay(state, { ...grounds, upTo: height });
    if ("code" in begun) throw cannot(height, begun.message);
    const replay = new Replay(state, { chain: genesis.chain, rules: ledgerRules, verify }, begun);
    for (let next = begun.height + 1; next <= height; next++) {
      const read = readBlock(blocks, next);
      const fault = "code" in read ? read : replay.next(read);
      if (fault !== undefined) throw cannot(height, `block ${next}: ${fault.message}`);
    }
    if (compareBytes(replay.root, certified.header.appHash) !== 0) {
      throw cannot(height, "what was made again is not what its block certified");
    }
    return { ...certified, state, close: () => db.close() };
  } catch (error) {
    db.close();
    throw error;
  }
}

function cannot(height: number, reason: string): Failure {
  return new Failure(
    "export.height",
    `the state after block ${height} cannot be proven here: ${reason}; name the folder of the archive with --archive, or ask a member that has it`,
    { retry: "never" },
  );
}
