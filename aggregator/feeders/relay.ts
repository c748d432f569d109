import {
  CborError,
  decodeCbor,
  decodeProof,
  encodeStateProof,
  type FeederProof,
  feederSaleTable,
} from "@busbar/protocol";
import { feederPurchase, feederSale, SchemaError } from "@busbar/protocol/schema";
import type { Wanted } from "./wanted.ts";

/** Steps that one message carries. */
const stepsMax = 8;
/** A frame holds less than this besides its signature. */
const bytesMax = 13_000;

/** What a portal's answer is worth: the messages that bring it to this ledger, in their order. */
export type Relayed =
  | { readonly ok: true; readonly stage: string; readonly messages: readonly FeederProof[] }
  | { readonly ok: false; readonly reason: string };

/**
 * Makes the messages that show another chain's entry here: as many steps as it takes first, the entry with the last of
 * them. Nothing is believed of the answer but its form: the ledger's rule checks all of it, and whoever answers nonsense
 * gets no message.
 */
export function relayed(answer: Uint8Array, { chain, key }: Wanted): Relayed {
  const decoded = decodeProof(answer);
  if (!decoded.ok) return { ok: false, reason: decoded.message };
  const { proof, steps } = decoded;
  if (proof.kind !== "state" || proof.state.key !== key || proof.state.header.chain !== chain) {
    return { ok: false, reason: `expected a proof of ${key} of ${chain}, got another one` };
  }
  const stage = stageIn(key, proof.state.value);
  if (stage === undefined) return { ok: false, reason: `${key} holds no trade` };
  const entry = encodeStateProof(proof.state);
  const parts = steps.map(encodeStateProof);
  if ([entry, ...parts].some(({ length }) => length > bytesMax)) {
    return { ok: false, reason: "a part is larger than a message carries" };
  }
  const messages: FeederProof[] = [];
  let [own, size] = [[] as Uint8Array[], 0];
  const close = (proofBytes?: Uint8Array) => {
    messages.push({
      chain,
      steps: own,
      ...(proofBytes === undefined ? {} : { proof: proofBytes }),
    });
    [own, size] = [[], 0];
  };
  for (const part of parts) {
    if (own.length === stepsMax || size + part.length > bytesMax) close();
    own.push(part);
    size += part.length;
  }
  if (size + entry.length > bytesMax) close();
  close(entry);
  return { ok: true, stage, messages };
}

function stageIn(key: string, value: Uint8Array | undefined): string | undefined {
  if (value === undefined) return undefined;
  const codec = key.startsWith(`${feederSaleTable}/`) ? feederSale : feederPurchase;
  try {
    return codec.decode(decodeCbor(value), "").stage;
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) return undefined;
    throw error;
  }
}
