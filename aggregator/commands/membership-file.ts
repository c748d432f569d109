import { readFileSync } from "node:fs";
import { Failure, idPattern, type PinnedMembership } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { z } from "zod";

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

/** Reads the members' public keys. Throws: `Failure` `membership.missing`, `config.*`. */
export function readMembership(path: string): PinnedMembership {
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
