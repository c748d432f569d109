import { readFileSync } from "node:fs";
import { Failure, idPattern, type Membership } from "@busbar/protocol";
import { parseConfig } from "@busbar/protocol/config";
import { z } from "zod";

const id = z.string().regex(idPattern);
const key = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, "expected 32 bytes as base64url")
  .transform((text) => new Uint8Array(Buffer.from(text, "base64url")));

/** membership.json as `busbar-aggregator init` writes it; members may carry more than we need. */
const membershipShape = z.object({
  chain: id,
  site: id,
  members: z
    .array(z.object({ id, key, voting: z.boolean() }))
    .min(1)
    .max(128),
  /** Which council this is, and from which height on it votes; the first where left out. */
  epoch: z.int().min(0).default(0),
  since: z.int().min(1).default(1),
  brokers: z.array(z.string()).default([]),
});

/** Whom receipts are checked against, and where they may be reached. */
export type MembershipFile = Membership & {
  readonly site: string;
  readonly epoch: number;
  readonly since: number;
  readonly brokers: readonly string[];
};

/**
 * The membership of a site, or undefined where the file is not there yet.
 * Throws: `ConfigError` for another shape; `Failure` `membership.other-site`, `membership.unreadable`.
 */
export function loadMembership(file: string, site: string): MembershipFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Failure("membership.unreadable", `${file}: cannot be read`, {
      retry: "never",
      cause,
    });
  }
  // JSON is YAML: one parser gives both kinds of file the same messages with line numbers.
  const membership = parseConfig(file, text, membershipShape);
  if (membership.chain !== site) {
    const message = `${file}: expected the membership of ${site}, got that of ${membership.chain}; fetch the right file or correct "site"`;
    throw new Failure("membership.other-site", message, { retry: "never" });
  }
  return membership;
}
