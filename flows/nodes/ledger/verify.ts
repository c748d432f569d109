import { loadMembership } from "@busbar/edge";
import { decodeProof, Failure, verifyProofFrom } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { flowError } from "../link/errors.ts";
import { isObject } from "../link/json.ts";

/** What a proof proves, as JSON carries it. */
export type Verified = {
  readonly kind: string;
  readonly chain: string;
  readonly height: number;
  /** Of the certified block, site ms. */
  readonly time: number;
  readonly signers: readonly string[];
  readonly events?: readonly unknown[];
};

/**
 * Checks a proof offline against the members' keys of a membership file. `proof`: its bytes, or text in
 * base64url. Throws: `Failure` `flows.proof`, `membership.*`, and with the protocol's code where it
 * proves nothing.
 */
export function verifyProofOf(proof: unknown, site: string, membership: string): Verified {
  const members = loadMembership(membership, site);
  if (members === undefined) {
    const message = `${membership}: there is no membership file here; enter its path in the node`;
    throw flowError("flows.proof", message);
  }
  const checked = verifyProofFrom(decodedProof(proof), members, verify);
  if (!checked.ok) throw new Failure(checked.code, checked.message, { retry: "never" });
  const { kind, header, signers, events } = checked;
  const { chain, height, time } = header;
  return { kind, chain, height, time, signers, ...(events === undefined ? {} : { events }) };
}

function decodedProof(value: unknown) {
  const bytes = bytesOf(value);
  if (bytes === undefined) {
    throw flowError("flows.proof", "expected a proof's bytes, or their text in base64url");
  }
  const decoded = decodeProof(bytes);
  if (decoded.ok) return decoded;
  throw new Failure(decoded.code, decoded.message, { retry: "never" });
}

function bytesOf(value: unknown): Uint8Array | undefined {
  // As busbar-aggregator prove --json writes it.
  if (isObject(value) && "cbor" in value) return bytesOf(value.cbor);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value !== "string" || !/^[\w+/=-]+$/.test(value.trim())) return undefined;
  return new Uint8Array(Buffer.from(value.trim(), "base64url"));
}
