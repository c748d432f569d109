import { type Certificate, encodeHeader, toBeSigned, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application, type Proposal } from "./application.ts";
import type { CommittedBlock } from "./block.ts";
import { mandate, quote } from "./rules/market/test-chain.ts";
import type { Snapshot } from "./snapshots/format.ts";
import { SnapshotMaking } from "./snapshots/making.ts";
import { Store } from "./store.ts";
import { chain, entry, MeterChain, signerOfName, startTime, testGenesis } from "./test-site.ts";
import { rememberingVerify } from "./verified.ts";

/** A ledger with a store, for tests of what is done with blocks: snapshots, archives, proofs. */

export const minute = 60_000;
export const genesis = testGenesis();
/** One memory for all ledgers of a test file: they see the same signatures. */
export const verifyOnce = rememberingVerify(verify);

export type TestLedger = { readonly store: Store; readonly application: Application };

export function openLedger(store = new Store(":memory:")): TestLedger {
  const application = new Application({ genesis, store, verify: verifyOnce });
  if (!application.info().begun) application.initChain();
  return { store, application };
}

export function certify(header: Parameters<typeof encodeHeader>[0]): Certificate {
  const signer = signerOfName("member-a");
  const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
  return [{ kid: signer.kid, signature: signer.sign(message) }];
}

/** What stands in the n-th block of the story, and its minute. */
export type Chapter = { readonly minutes: number; readonly frames: readonly Uint8Array[] };

/** A site whose meters report every ten minutes, and that trades: quotes, contracts, settlement. */
export function story(blocks: number): Chapter[] {
  const meters = ["company-a", "bureau-a", "user-a"].map((owner) => new MeterChain(owner));
  const bid = quote("user-a", 1, {});
  const ask = quote("company-a", 2, { side: "ask", form: "solar" });
  const extra = new Map([
    [1, [mandate("user-a"), mandate("company-a")]],
    [2, [bid.seal, ask.seal]],
    [4, [bid.open, ask.open]],
  ]);
  return Array.from({ length: blocks }, (_, n) => ({
    minutes: n * 10,
    frames: [
      ...meters.map((meter, i) =>
        meter.frame(entry(startTime + n * 10 * minute, n * 100 * (i + 1), n * 70)),
      ),
      ...(extra.get(n) ?? []),
    ],
  }));
}

export function propose({ application }: TestLedger, { minutes, frames }: Chapter): Proposal {
  const time = utcMs(startTime + minutes * minute);
  return application.prepareProposal({ time, proposer: "member-a", view: 0, frames }).proposal;
}

export function record(ledger: TestLedger, chapter: Chapter): CommittedBlock {
  const { header } = ledger.application.finalizeBlock(propose(ledger, chapter));
  return ledger.application.commit(certify(header));
}

/** A ledger that has told a story. */
export function told(blocks: number, store?: Store): TestLedger {
  const ledger = openLedger(store);
  for (const chapter of story(blocks)) record(ledger, chapter);
  return ledger;
}

/** Makes a snapshot in small chunks. */
export function snapshotOf({ store }: TestLedger, chunkSize = 1024): Snapshot {
  const making = new SnapshotMaking(store, chunkSize);
  for (;;) {
    const made = making.step();
    if (made !== undefined) return made;
  }
}

/** Brings a snapshot from one ledger to another, whole. */
export function bring(from: TestLedger, to: TestLedger, snapshot: Snapshot) {
  const { height, format } = snapshot;
  const appHash = from.store.header(height)?.header.appHash ?? new Uint8Array();
  const offer = to.application.offerSnapshot(snapshot, appHash);
  if (offer.result !== "accept") return offer;
  let answer = {};
  for (let chunk = offer.next; chunk < snapshot.chunks; chunk++) {
    const bytes = from.application.loadSnapshotChunk({ height, format, chunk }) ?? new Uint8Array();
    answer = to.application.applySnapshotChunk({ index: chunk, chunk: bytes, sender: "a" });
  }
  return answer;
}

/** All of a store's state, to compare. */
export function stateOf({ store }: TestLedger): string {
  return JSON.stringify(
    Array.from(store.state.scan(""), ([key, value]) => [key, Buffer.from(value).toString("hex")]),
  );
}
