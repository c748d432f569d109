// Written by `node aggregator/ledger/contract/write-versions.ts`; see `sources.ts` for what is hashed.
import type { ContractVersion } from "@busbar/protocol";

const version = (number: number, hash: string): ContractVersion => ({
  version: number,
  hash: new Uint8Array(Buffer.from(hash, "hex")),
});

/** The versions of the market's contract that this program runs, oldest first. */
export const contractVersions: readonly ContractVersion[] = [
  version(1, "32c614bd202595e0e568b0711fd5d8a5c16bfae0f1d38f455eee22d0285f35bd"),
];
