import type { Lack } from "../ledger/projection.ts";

/** What is not shown of the blocks that a projection lacks, by its name. */
const shown: Readonly<Record<string, string>> = {
  portal: "the portal shows no trades, prices, slots and statements",
  notice: "owners are shown no notices",
};

/** What lacks since some blocks are neither in the ledger's file nor in its archive, and what to do. */
export function missingText({ projection, until, missing }: Lack, folder: string): string {
  const which = missing.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`));
  const what = shown[projection] ?? `${projection} holds nothing`;
  return `blocks ${which.join(", ")} are neither in the ledger's file nor in ${folder}: ${what} of blocks 1 to ${until}; bring their files there and run busbar-aggregator rebuild`;
}
