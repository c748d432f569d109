import { decodeStateProof, encodeProof, headerOfProof, type Proof } from "@busbar/protocol";
import { demands } from "../../ledger/demand.ts";
import { proveEvent, proveState } from "../../ledger/prove.ts";
import { receiptOfReading } from "../../ledger/receipts.ts";
import { feederPurchases, feederSales } from "../../ledger/rules/feeders/tables.ts";
import { contracts } from "../../ledger/rules/market/tables.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { devices, meters } from "../../ledger/tables.ts";
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

/**
 * What the newest certified state holds under a key, of a settlement also that there is none; undefined where there is
 * no proof.
 */
export function stateProof(context: ViewContext, key: string): Uint8Array | undefined {
  const state = proveState(context.application, context.store, key);
  if (state === undefined) return undefined;
  if (state.value === undefined && !key.startsWith("settlement/")) return undefined;
  return carried(context, { kind: "state", state });
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
 * handed its proof; `everybody` for what is public. Undefined for keys that nobody is handed.
 */
export function ownersOfKey(
  state: StateReader,
  key: string,
): readonly string[] | "everybody" | undefined {
  const form = keyForms.find(({ pattern }) => pattern.test(key));
  if (form === undefined) return undefined;
  const [, first = "", second = ""] = key.split("/");
  return form.owners({ state, first, second });
}

type Key = { readonly state: StateReader; readonly first: string; readonly second: string };

const byMeter = (state: StateReader, meter: string) => {
  const owner = meters.get(state, meter)?.owner;
  return owner === undefined ? undefined : [owner];
};

/** Keys whose proofs are handed out. */
const keyForms: readonly {
  readonly pattern: RegExp;
  owners(key: Key): readonly string[] | "everybody" | undefined;
}[] = [
  { pattern: /^slot\/\d{15}$/, owners: () => "everybody" },
  { pattern: /^account\/[^/]+$/, owners: ({ first }) => [first] },
  { pattern: /^settlement\/\d{15}\/[^/]+$/, owners: ({ second }) => [second] },
  { pattern: /^green\/\d{15}\/[^/]+\/[a-z]+$/, owners: ({ second }) => [second] },
  {
    pattern: /^feeder-sale\/[0-9a-f]{64}$/,
    owners: ({ state, first }) => {
      const seller = feederSales.get(state, first)?.terms.seller;
      return seller === undefined ? undefined : [seller];
    },
  },
  {
    pattern: /^feeder-purchase\/[0-9a-f]{64}$/,
    owners: ({ state, first }) => {
      const buyer = feederPurchases.get(state, first)?.buyer;
      return buyer === undefined ? undefined : [buyer];
    },
  },
  { pattern: /^credit\/[^/]+$/, owners: ({ first }) => [first] },
  { pattern: /^bill\/[^/]+\/\d{4,9}-\d{2}$/, owners: ({ first }) => [first] },
  {
    pattern: /^contract\/[^/]+$/,
    owners: ({ state, first }) => {
      const contract = contracts.get(state, first);
      return contract && [contract.seller, contract.buyer];
    },
  },
  {
    pattern: /^demand\/[0-9a-f]{32}$/,
    owners: ({ state, first }) => {
      const demand = demands.get(state, first);
      return demand && [demand.by, demand.owner];
    },
  },
  {
    pattern: /^device-status\/[^/]+$/,
    owners: ({ state, first }) => {
      const owner = devices.get(state, first)?.owner;
      return owner === undefined ? undefined : [owner];
    },
  },
  { pattern: /^reading\/[^/]+$/, owners: ({ state, first }) => byMeter(state, first) },
  { pattern: /^corrected\/\d{15}\/[^/]+$/, owners: ({ state, second }) => byMeter(state, second) },
];
