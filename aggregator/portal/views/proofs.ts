import { decodeStateProof, encodeProof, headerOfProof, type Proof } from "@busbar/protocol";
import { proveEvent, proveState } from "../../ledger/prove.ts";
import { receiptOfReading } from "../../ledger/receipts.ts";
import { contracts } from "../../ledger/rules/market/tables.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { meters } from "../../ledger/tables.ts";
import type { ViewContext } from "./context.ts";

/** A proof's bytes, with the steps from the chain's first voters to those who signed it. */
function carried({ store }: ViewContext, proof: Proof): Uint8Array {
  const { height } = headerOfProof(proof);
  const steps = store.councilSteps.after(0).flatMap(({ proof: bytes }) => {
    const decoded = decodeStateProof(bytes);
    return decoded.ok && decoded.proof.header.height < height ? [decoded.proof] : [];
  });
  return encodeProof(proof, steps);
}

/** What the newest certified state holds under a key; undefined where there is no proof. */
export function stateProof(context: ViewContext, key: string): Uint8Array | undefined {
  const state = proveState(context.application, context.store, key);
  return state?.value === undefined ? undefined : carried(context, { kind: "state", state });
}

/** The receipt of the batch that holds a reading; undefined where it is not here. */
export function readingProof(
  context: ViewContext,
  reading: { readonly meter: string; readonly sequence: number },
): Uint8Array | undefined {
  const receipt = receiptOfReading(context.store, reading);
  return receipt && carried(context, { kind: "receipt", receipt });
}

/** What came of the transaction, or of the block, that an event belongs to; all of its events are in it. */
export function eventProof(
  context: ViewContext,
  place: { readonly height: number; readonly index: number },
): Uint8Array | undefined {
  const proved = proveEvent(context.store, place);
  return proved && carried(context, { kind: "result", result: proved.result });
}

/**
 * The owners whom a key of the state belongs to: those alone, besides the whole site's people, are
 * handed its proof. Undefined for keys that nobody is handed.
 */
export function ownersOfKey(state: StateReader, key: string): readonly string[] | undefined {
  const [table, first = "", second = ""] = key.split("/");
  switch (table) {
    case "account":
      return /^account\/[^/]+\/(sales|purchase)$/.test(key) ? [first] : undefined;
    case "settlement":
      return /^settlement\/\d{15}\/[^/]+\/\d+$/.test(key) ? [second] : undefined;
    case "contract": {
      const contract = contracts.get(state, first);
      return contract && [contract.seller, contract.buyer];
    }
    case "reading": {
      const owner = meters.get(state, first)?.owner;
      return owner === undefined ? undefined : [owner];
    }
    case "credit":
      return [first];
    default:
      return undefined;
  }
}
