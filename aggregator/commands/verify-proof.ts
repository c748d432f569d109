import { type Proved, verifyProofFrom } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { proofJson } from "../ledger/prove.ts";
import { readMembership } from "./membership-file.ts";
import { readProof } from "./proof-output.ts";

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
