import assert from "node:assert/strict";
import { compareBytes, encodeHeader } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { BlockWork } from "../../aggregator/consensus/block-work.ts";
import { DurablePool } from "../../aggregator/consensus/durable-pool.ts";
import { Application } from "../../aggregator/ledger/application.ts";
import { decodeHeader } from "../../aggregator/ledger/codecs.ts";
import { readGenesis } from "../../aggregator/ledger/genesis.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { rememberingVerify } from "../../aggregator/ledger/verified.ts";

/**
 * Lets PBFT's own block work run the transactions that the real CometBFT ordered, in their order, and compares each
 * block's header with the one that the members made behind CometBFT: its application hash, and all else in
 * it. Returns how many blocks, how many transactions.
 */
export function comparedByPbft(
  ledger: string,
  genesisFile: string,
): { readonly blocks: number; readonly transactions: number } {
  const told = new Store(ledger, [], { snapshot: true });
  const store = new Store(":memory:");
  try {
    const genesis = readGenesis(genesisFile);
    const application = new Application({ genesis, store, verify: rememberingVerify(verify) });
    application.initChain();
    const work = new BlockWork({ application, store, pool: new DurablePool(store) });
    let transactions = 0;
    for (let height = 1; height <= told.height; height += 1) {
      const block = told.header(height);
      assert.ok(block !== undefined, `block ${height} is there`);
      const { time, proposer, view } = block.header;
      const frames = told.framesOf(height);
      const { result } = work.run({ height, time, proposer, view, frames });
      const ran = result?.header ?? new Uint8Array();
      assert.deepEqual(decodeHeader(ran).appHash, block.header.appHash, `app hash of ${height}`);
      assert.equal(compareBytes(ran, encodeHeader(block.header)), 0, `header of ${height}`);
      work.certify(height, block.certificate);
      transactions += frames.length;
    }
    return { blocks: told.height, transactions };
  } finally {
    told.close();
    store.close();
  }
}
