// Written by `node aggregator/ledger/contract/write-versions.ts`; see `sources.ts` for what is hashed.
import type { ContractVersion } from "@busbar/protocol";

const version = (number: number, hash: string): ContractVersion => ({
  version: number,
  hash: new Uint8Array(Buffer.from(hash, "hex")),
});

/** The versions of the market's contract that this program runs, oldest first. */
export const contractVersions: readonly ContractVersion[] = [
  version(1, "fe598a24223adbacce9b929d468558f73bb7880f3003a1946f5ea7c3be6a8059"),
];
