// Written by `node aggregator/ledger/contract/write-versions.ts`; see `sources.ts` for what is hashed.
import type { ContractVersion } from "@busbar/protocol";

const version = (number: number, hash: string): ContractVersion => ({
  version: number,
  hash: new Uint8Array(Buffer.from(hash, "hex")),
});

/** The versions of the market's contract that this program runs, oldest first. */
export const contractVersions: readonly ContractVersion[] = [
  version(1, "0fb2a4eed0ca9c83817100d1257a7ebef8133c7f1eec5dcfe4559ca7895b59b7"),
];
