import { readFileSync } from "node:fs";
import {
  Failure,
  idPattern,
  type PinnedMembership,
  type Proved,
  verifyProofFrom,
} from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { verify } from "@busbar/protocol/node";
import { z } from "zod";
import { proofJson } from "../ledger/prove.ts";
import { readProof } from "./proof-output.ts";

const key = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "expected 32 bytes in base64url (43 characters)")
  .transform((value): Uint8Array => new Uint8Array(Buffer.from(value, "base64url")));

/** membership.json as `init` writes it; it may carry more than proofs need. */
const membershipSchema = z.object({
  chain: z.string().regex(idPattern, "expected the chain's id"),
  members: z.array(z.object({ id: z.string(), key, voting: z.boolean() })).min(1),
  /** Which council it is, and since which height it votes; the chain's first where left out. */
  epoch: z.int().min(0).default(0),
  since: z.int().min(1).default(1),
});

/** Options of `busbar-aggregator verify-proof`. */
export type VerifyProofOptions = { readonly membership: string; readonly json: boolean };

/**
 * `busbar-aggregator verify-proof`: checks a proof with the members' public keys alone, offline; where
 * other members voted by then, along the steps that the proof carries. Exit code 1 where it proves nothing. Throws: `Failure` `proof.file`, `membership.missing`, `config.*`.
 */
export function verifyProofCommand(
  file: string,
  options: VerifyProofOptions,
  print: (value: object) => void,
): void {
  const membership = readMembership(options.membership);
  const checked = verifyProofFrom(readProof(file), membership, verify);
  if (!checked.ok) process.exitCode = 1;
  if (options.json) return print(JSON.parse(proofJson(checked)));
  if (!checked.ok) return console.error(`proves nothing: ${checked.message}\n(${checked.code})`);
  for (const line of linesOf(checked)) console.log(line);
}

function linesOf({ kind, header, signers, events, headers, value }: Proved): string[] {
  const when = new Date(header.time).toISOString();
  const head = `${kind}: good, by block ${header.height} of ${header.chain} (${when}), signed by ${signers.join(", ")}`;
  const blocks = (headers ?? []).map((block) => `block ${block.height} is of this chain`);
  const told = (events ?? []).map((event) => JSON.stringify(event));
  if (kind !== "state") return [head, ...blocks, ...told];
  const held = value === undefined ? "nothing" : `${Buffer.from(value).toString("hex")} (CBOR)`;
  return [head, `the key holds ${held}`];
}

function readMembership(path: string): PinnedMembership {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure(
      "membership.missing",
      `${path}: cannot read the members' public keys; every unit and member of the chain has this file`,
      { retry: "never", cause },
    );
  }
  return parseConfig(path, text, membershipSchema);
}
