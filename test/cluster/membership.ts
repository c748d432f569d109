import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import {
  encodeMessage,
  type Kind,
  type MemberAction,
  type MemberTerms,
  type Message,
  sealFrame,
} from "@busbar/protocol";
import { type KeyFile, readKeyFile, signerOf } from "@busbar/protocol/node";
import { submit } from "../../aggregator/commands/submit.ts";
import { loadConfig } from "../../aggregator/config/load.ts";
import { chain } from "../../aggregator/ledger/test-site.ts";

/** Above what a busy machine takes for a block. */
const answerMs = 60_000;

/** A newcomer's request, signed by the key in it. */
export function requestOf(terms: MemberTerms, keys: KeyFile): Uint8Array {
  return sealFrame("member-request", { nonce: nonce(), terms }, { chain, signer: signerOf(keys) });
}

/**
 * Members agree on a change of the membership: the first of them moves it, the others vote for it, each
 * at its own aggregator. `configs` are those of a quorum.
 */
export async function agree(
  configs: readonly string[],
  change: {
    readonly action: MemberAction;
    readonly subject: string;
    readonly request?: Uint8Array;
  },
): Promise<void> {
  const [mover = "", ...others] = configs;
  const { member } = loadConfig(mover);
  const motion: Message<"member-motion"> = { nonce: nonce(), member, ...change };
  await handIn(mover, "member-motion", motion);
  const payload = encodeMessage("member-motion", motion);
  const hash = new Uint8Array(createHash("sha256").update(payload).digest());
  for (const config of others) {
    const ballot = { motion: hash, member: loadConfig(config).member, accept: true };
    await handIn(config, "ballot", ballot);
  }
}

async function handIn<K extends Kind>(file: string, kind: K, message: Message<K>): Promise<void> {
  const config = loadConfig(file);
  const signer = signerOf(readKeyFile(config.key));
  const frame = sealFrame(kind, message, { chain, signer });
  const verdict = await submit(frame, { config, signer, answerMs });
  if (verdict.kind === "refused")
    assert.fail(`${kind} of ${config.member}: ${verdict.refused.message}`);
}

function nonce(): Uint8Array {
  return new Uint8Array(randomBytes(16));
}
