import { type Council, encodeHeader } from "@busbar/protocol";
import type { Store } from "../ledger/store.ts";
import { blacklistBlocks } from "./pbft/council.ts";
import type { Durable } from "./pbft/restore.ts";
import { recordOf } from "./vote-records.ts";

/** What a member finds on its disk. Throws: `Failure` `store.corrupt`. */
export function durableOf(store: Store, { epoch, since, voters }: Council): Durable {
  const { height } = store;
  const oldest = Math.max(since, height - blacklistBlocks + 1);
  const turns = Array.from({ length: Math.max(0, height - oldest + 1) }, (_, i) => {
    const header = store.header(oldest + i)?.header;
    return header === undefined ? [] : [{ view: header.view, proposer: header.proposer }];
  }).flat();
  const last = store.header(height);
  return {
    epoch,
    members: voters.map(({ id }) => id),
    height,
    certified: last && { header: encodeHeader(last.header), certificate: last.certificate },
    epochStart: { height: since - 1, header: headerBytes(store, since - 1) },
    turns,
    records: store.votes().map(recordOf),
  };
}

function headerBytes(store: Store, height: number): Uint8Array | undefined {
  const stored = store.header(height);
  return stored && encodeHeader(stored.header);
}
