// Written by `node aggregator/ledger/contract/write-versions.ts`; see `sources.ts` for what is hashed.
import type { ContractVersion } from "@busbar/protocol";

const version = (number: number, hash: string): ContractVersion => ({
  version: number,
  hash: new Uint8Array(Buffer.from(hash, "hex")),
});

/** The versions of the market's contract that this program runs, oldest first. */
export const contractVersions: readonly ContractVersion[] = [
  version(1, "7ef350bb8a5055fb36b6bd2e8aeaf6203a35c06401316c21de8f06fe25a553be"),
];
