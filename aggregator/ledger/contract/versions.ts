// Written by `node aggregator/ledger/contract/write-versions.ts`; see `sources.ts` for what is hashed.
import type { ContractVersion } from "@busbar/protocol";

const version = (number: number, hash: string): ContractVersion => ({
  version: number,
  hash: new Uint8Array(Buffer.from(hash, "hex")),
});

/** The versions of the market's contract that this program runs, oldest first. */
export const contractVersions: readonly ContractVersion[] = [
  version(1, "113d50eb81f6b343a72ad93174d0cff6c1812419009abd6286c04fa422cd76f7"),
];
