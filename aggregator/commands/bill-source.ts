import { decodeStateProof, Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { AggregatorConfig } from "../config/schema.ts";
import { StateTree } from "../ledger/state/tree.ts";
import { stateAt } from "../ledger/state-at.ts";
import { rememberingVerify } from "../ledger/verified.ts";
import { collectBill, firstHeightAt } from "../settlement/bill/collect.ts";
import type { BillFault, BillFile } from "../settlement/bill/document.ts";
import type { CarbonEvidence } from "../settlement/bill/evidence.ts";
import type { BillSource } from "../settlement/bill/evidence-paths.ts";
import { BillError } from "../settlement/bill/grounds.ts";
import { monthIn } from "../settlement/bill/month.ts";
import { FramePaths } from "../settlement/bill/paths.ts";
import { billableMs } from "../settlement/bill/period.ts";
import type { Ledger } from "./ledger.ts";

/** An open ledger and where its blocks are. */
export type Grounds = Ledger & { readonly blocks: BillSource["blocks"] };

/** Makes a bill from an open ledger. Throws: `Failure` `bill.owner`, `bill.month`, `bill.nothing`. */
export function billOf(
  grounds: Grounds,
  {
    owner,
    month,
    carbon,
  }: {
    readonly owner: string;
    readonly month: string;
    readonly carbon?: CarbonEvidence | undefined;
  },
): BillFile | BillFault {
  const { source, close } = sourceOf(grounds, month);
  try {
    const paths = new FramePaths(grounds.blocks);
    return told(() =>
      collectBill({ ...source, paths }, { owner, month, carbon, ...against(grounds) }),
    );
  } finally {
    close();
  }
}

/** What bills of a ledger are proved against before they are handed out. */
export function against({ genesis }: Grounds) {
  const pinned = { chain: genesis.chain, members: genesis.members };
  // Where more of what is before the month has to be carried, it is proved once more.
  return { pinned, verify: rememberingVerify(verify) };
}

/** Does what may find that there is nothing to bill. */
export function told<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof BillError) throw stop(error.fault.code, error.message);
    throw error;
  }
}

/** The factors of the carbon figure as a bill carries them; undefined where the configuration has none. */
export function carbonFactors({ carbon }: AggregatorConfig): CarbonEvidence | undefined {
  if (carbon === undefined) return undefined;
  const { source, gramsPerKwh } = carbon;
  const mg = (grams: number) => Math.round(grams * 1000);
  const { solar, wind, rest } = gramsPerKwh;
  return { source, solar: mg(solar), wind: mg(wind), rest: mg(rest) };
}

/** A certified state to make bills from. */
export type MonthSource = {
  readonly source: Omit<BillSource, "paths" | "contractsOf">;
  close(): void;
};

/**
 * The newest state that still holds the month: this one, or an older one that is made again; or the one after a block
 * that is asked for. Throws: `Failure` `bill.nothing`, `bill.month`, `export.height`.
 */
export function sourceOf(grounds: Grounds, month: string, height?: number): MonthSource {
  const { store, blocks, application, genesis } = grounds;
  const newest = store.header(store.height);
  if (newest === undefined || newest.certificate.length === 0) {
    throw stop("bill.nothing", "the ledger has no certified block yet");
  }
  const steps = store.councilSteps.after(0).flatMap(({ proof }) => {
    const decoded = decodeStateProof(proof);
    return decoded.ok ? [decoded.proof] : [];
  });
  const common = { blocks, history: store.history, steps };
  const from = monthStart(grounds, month);
  const isHeld = newest.header.time < from + billableMs;
  const wanted =
    height ?? (isHeld ? store.height : firstHeightAt(blocks, from + billableMs, store.height) - 1);
  if (wanted === store.height) {
    const prove = (key: string) => application.query(key).path;
    return { source: { ...common, head: newest, state: store.state, prove }, close() {} };
  }
  const past = stateAt(wanted, { store, blocks, genesis, verify });
  const tree = StateTree.of(past.state.scan(""));
  const { header, hash, certificate, state } = past;
  const head = { header, hash, certificate };
  return {
    source: { ...common, head, state, prove: (key) => tree.prove(key) },
    close: () => past.close(),
  };
}

function monthStart({ store, genesis }: Grounds, wanted: string): number {
  const period = monthIn(store.state, wanted);
  if (period !== undefined && period.to <= genesis.time) {
    const begins = new Date(genesis.time).toISOString();
    throw stop("bill.month", `the chain begins at ${begins}: it has no slots of ${wanted}`);
  }
  if (period !== undefined) return period.from;
  throw stop("bill.month", `expected a month as 2026-03, got ${wanted}`);
}

export function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
