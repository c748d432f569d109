import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import {
  blockResult,
  decodeStateProof,
  encodeProof,
  Failure,
  headerOfProof,
  type Proof,
  type StateProof,
} from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import type { BlockSource } from "../ledger/block-table.ts";
import { proveConsistency, provePayment, proveResult, proveState } from "../ledger/prove.ts";
import { receiptOfReading } from "../ledger/receipts.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { proofText } from "./proof-output.ts";

/** Options of `busbar-aggregator prove`. */
export type ProveOptions = {
  readonly config: string;
  readonly cbor?: string;
  /** Where the archive is, if not where the configuration says. */
  readonly archive?: string;
};

/** `busbar-aggregator prove`: prints a proof as JSON, or writes it as CBOR.
 * Throws: `Failure` `prove.usage`, `prove.nothing`. */
export function prove(what: string, which: readonly string[], options: ProveOptions): void {
  const config = loadConfig(options.config);
  const ledger = openLedger(config, { snapshot: true });
  const archives = new Archives(options.archive ?? config.archive.folder);
  try {
    const proof = proofOf({ ...ledger, blocks: bothOf(ledger.store, archives) }, what, which);
    const steps = stepsTo(headerOfProof(proof).height, ledger.store);
    if (options.cbor === undefined) return console.log(proofText({ proof, steps }));
    const bytes = encodeProof(proof, steps);
    writeFileSync(options.cbor, bytes);
    console.log(`${bytes.length} bytes written to ${options.cbor}`);
  } finally {
    archives.close();
    ledger.store.close();
  }
}

/** The steps to the voters of a height, so that the chain's first membership is enough to check it. */
function stepsTo(height: number, { councilSteps }: Ledger["store"]): StateProof[] {
  const steps = councilSteps.after(0).map(({ proof }) => {
    const decoded = decodeStateProof(proof);
    assert(decoded.ok, "the store holds steps that were proven");
    return decoded.proof;
  });
  return steps.filter(({ header }) => header.height < height);
}

type Grounds = Pick<Ledger, "store" | "application"> & { readonly blocks: BlockSource };

function proofOf(grounds: Grounds, what: string, which: readonly string[]): Proof {
  switch (what) {
    case "reading":
      return reading(grounds, which);
    case "result":
      return result(grounds, which);
    case "payment":
      return payment(grounds, which);
    case "state":
      return state(grounds, which);
    case "consistency":
      return consistency(grounds, which);
    default:
      throw stop(
        "prove.usage",
        `expected reading, result, payment, state or consistency, got ${what}`,
      );
  }
}

function reading({ blocks }: Grounds, [meter = "", text = ""]: readonly string[]): Proof {
  const usage = "expected: prove reading METER SEQUENCE, the sequence from 1 on";
  const sequence = count(text, usage);
  const receipt = receiptOfReading(blocks, { meter, sequence });
  if (receipt !== undefined) return { kind: "receipt", receipt };
  throw nothing(`no block holds reading ${sequence} of meter ${meter}`);
}

function result({ blocks }: Grounds, [at = "", text = ""]: readonly string[]): Proof {
  const usage = "expected: prove result HEIGHT INDEX, the index from 0 on, or block";
  const height = count(at, usage);
  const which = text === blockResult ? blockResult : count(text, usage, 0);
  const found = proveResult(blocks, height, which);
  if (found !== undefined) return { kind: "result", result: found };
  throw nothing(`there is no result ${text} of a block ${height}`);
}

function payment({ blocks }: Grounds, [name = "", slot]: readonly string[]): Proof {
  const usage = "expected: prove payment CONTRACT, or prove payment OWNER SLOT";
  if (name === "") throw stop("prove.usage", usage);
  const found =
    slot === undefined
      ? provePayment(blocks, "contract-settled", { contract: name })
      : imbalance(blocks, { owner: name, slot: count(slot, usage, 0) });
  if (found !== undefined) return { kind: "payment", ...found };
  const of = slot === undefined ? `contract ${name}` : `${name} in slot ${slot}`;
  throw nothing(`no block holds a payment of ${of}`);
}

/** As it stands now: a correction goes before what it corrected. */
function imbalance(blocks: BlockSource, about: { readonly owner: string; readonly slot: number }) {
  return (
    provePayment(blocks, "settlement-corrected", about) ??
    provePayment(blocks, "imbalance-settled", about)
  );
}

function state({ application, store }: Grounds, [key = ""]: readonly string[]): Proof {
  const found = proveState(application, store, key);
  if (found !== undefined) return { kind: "state", state: found };
  throw nothing("the ledger has no certified block yet");
}

function consistency({ application, store, blocks }: Grounds, which: readonly string[]): Proof {
  const usage = "expected: prove consistency HEIGHT …, heights below the last block's";
  const heights = which.map((text) => count(text, usage));
  const headerAt = (height: number) => blocks.header(height)?.header;
  const found = proveConsistency(application, store, heights, headerAt);
  if (found !== undefined) return { kind: "consistency", consistency: found };
  throw nothing(
    `the last block is ${store.height}, and of ${heights.join(", ")} not all lie below it and are here`,
  );
}

function count(text: string, usage: string, least = 1): number {
  const value = Number(text);
  if (text !== "" && Number.isSafeInteger(value) && value >= least) return value;
  throw stop("prove.usage", usage);
}

function nothing(message: string): Failure {
  return stop("prove.nothing", message);
}

function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
