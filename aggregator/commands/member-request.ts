import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  bytesOfWord,
  decodeMessage,
  Failure,
  type MemberTerms,
  openFrame,
  type Verify,
  verifyEnvelope,
  wordOf,
} from "@busbar/protocol";

/** Begins a member's request as text. */
export const memberRequestPrefix = "BUSBAR-MEMBER:";

/** A request that somebody handed over, with what is in it. */
export type HandedRequest = { readonly frame: Uint8Array; readonly terms: MemberTerms };

/** A request's frame as one word. */
export function memberRequestText(frame: Uint8Array): string {
  return wordOf(memberRequestPrefix, frame, sha256);
}

/**
 * Reads a request that `busbar-aggregator join` made: a file, `-` for standard input, or the text
 * itself. Throws: `Failure` `request.unreadable`, `request.text`, `request.copied-wrong`,
 * `request.forged`.
 */
export function readMemberRequest(
  from: string,
  { chain, verify }: { readonly chain: string; readonly verify: Verify },
): HandedRequest {
  const text = from.startsWith(memberRequestPrefix) ? from : readText(from);
  const frame = bytesOfWord(memberRequestPrefix, text.trim(), sha256);
  if (frame === "text") {
    throw stop(
      "request.text",
      `expected ${memberRequestPrefix}… as busbar-aggregator join made it`,
    );
  }
  if (frame === "copied-wrong") {
    throw stop(
      "request.copied-wrong",
      "a part is missing or was copied wrong; copy all of it again",
    );
  }
  const opened = openFrame(frame);
  if (!opened.ok) throw stop("request.text", opened.message);
  const { kind, envelope } = opened.frame;
  const decoded = decodeMessage("member-request", envelope.payload);
  if (kind !== "member-request" || !decoded.ok) {
    throw stop(
      "request.text",
      decoded.ok ? `expected a member-request, got a ${kind}` : decoded.message,
    );
  }
  const { terms } = decoded.message;
  if (!verifyEnvelope(envelope, { chain, kind }, terms.key, verify)) {
    const message = `the request of ${terms.id} is not signed by its key for chain ${chain}: it was made for another chain, or by somebody else`;
    throw stop("request.forged", message);
  }
  return { frame, terms };
}

function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    throw stop("request.unreadable", `${path}: cannot read the member's request`, cause);
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

function stop(code: string, message: string, cause?: unknown): Failure {
  return new Failure(code, message, { retry: "never", cause });
}
