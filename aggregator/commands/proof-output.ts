import { readFileSync } from "node:fs";
import { decodeProof, encodeProof, Failure, type Proof, type StateProof } from "@busbar/protocol";
import { proofJson } from "../ledger/prove.ts";

/** A proof with the steps from the chain's first voters to those that signed it. */
export type CarriedProof = { readonly proof: Proof; readonly steps: readonly StateProof[] };

/** A proof as people's tools read it, with the bytes that are checked as `cbor` (base64url). */
export function proofText({ proof, steps }: CarriedProof): string {
  const carried = steps.length === 0 ? {} : { steps };
  return proofJson({ ...proof, ...carried, cbor: encodeProof(proof, steps) });
}

/**
 * Reads a file that `prove` wrote, as CBOR or as JSON.
 * Throws: `Failure` `proof.file`, and the code of `decodeProof` for bytes that are none.
 */
export function readProof(path: string): CarriedProof {
  const content = read(path);
  // CBOR of a pair begins with 0x82, JSON of an object with a brace.
  const bytes = content[0] === 0x7b ? bytesIn(content, path) : content;
  const decoded = decodeProof(new Uint8Array(bytes));
  if (decoded.ok) return decoded;
  throw stop(decoded.code, `${path}: ${decoded.message}`);
}

function bytesIn(content: Buffer, path: string): Buffer {
  let value: unknown;
  try {
    value = JSON.parse(content.toString("utf8"));
  } catch (cause) {
    throw stop("proof.file", `${path}: expected JSON that busbar-aggregator prove wrote`, cause);
  }
  const { cbor } = value as { cbor?: unknown };
  if (typeof cbor === "string") return Buffer.from(cbor, "base64url");
  throw stop("proof.file", `${path}: expected a key cbor with the proof's bytes in base64url`);
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw stop("proof.file", `${path}: cannot read the proof`, cause);
  }
}

function stop(code: string, message: string, cause?: unknown): Failure {
  return new Failure(code, message, { retry: "never", cause });
}
