import type { CostConstants } from "./model.ts";

/**
 * Measured on two cores of a virtual machine (7263 Ed25519 checks a second on one thread), 28 November
 * 2026: `batchUs`, `blockMs`, `finalMs` and `diskBytes` by `npm run bench -- ledger` and `-- finality`,
 * `ledgerUs` by a processor profile of the former (the recorder's main thread, 20 000 batches of ten
 * readings), `settleUs` by `npm run bench -- settlement`, `frameBytes` by the frames' lengths.
 */
export const measured: CostConstants = {
  batchUs: 448,
  ledgerUs: 254,
  blockMs: 7.9,
  finalMs: 13,
  settleUs: 155,
  diskBytes: 120,
  frameBytes: { head: 163, reading: 41 },
};
