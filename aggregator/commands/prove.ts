import { writeFileSync } from "node:fs";
import { encodeReceipt, encodeStateProof, Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { proofJson, proveState } from "../ledger/prove.ts";
import { receiptOfReading } from "../ledger/receipts.ts";
import { type Ledger, openLedger } from "./ledger.ts";

/** A proof in both of its forms. */
type Proof = { readonly value: object; readonly cbor: Uint8Array };

/** `busbar-aggregator prove`: prints a proof as JSON, or writes it as CBOR.
 * Throws: `Failure` `prove.usage`, `prove.nothing`. */
export function prove(
  what: string,
  which: readonly string[],
  options: { readonly config: string; readonly cbor?: string },
): void {
  const ledger = openLedger(loadConfig(options.config), { snapshot: true });
  try {
    const { value, cbor } = proofOf(ledger, what, which);
    if (options.cbor === undefined) return console.log(proofJson(value));
    writeFileSync(options.cbor, cbor);
    console.log(`${cbor.length} bytes written to ${options.cbor}`);
  } finally {
    ledger.store.close();
  }
}

function proofOf({ store, application }: Ledger, what: string, which: readonly string[]): Proof {
  const [first = "", second = ""] = which;
  if (what === "reading") {
    const sequence = Number(second);
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      throw stop("prove.usage", "expected: prove reading METER SEQUENCE, the sequence from 1 on");
    }
    const receipt = receiptOfReading(store, { meter: first, sequence });
    if (receipt === undefined) {
      throw stop("prove.nothing", `no block holds reading ${sequence} of meter ${first}`);
    }
    return { value: receipt, cbor: encodeReceipt(receipt) };
  }
  if (what === "state") {
    const proof = proveState(application, store, first);
    if (proof === undefined) throw stop("prove.nothing", "the ledger has no block yet");
    return { value: proof, cbor: encodeStateProof(proof) };
  }
  throw stop("prove.usage", `expected reading or state, got ${what}`);
}

function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
