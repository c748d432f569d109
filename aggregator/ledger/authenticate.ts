import type { Kind, Message, Refusal, Verify } from "@busbar/protocol";
import { suspendedSince } from "./device-status.ts";
import { identityByKeyId } from "./identities.ts";
import { openedFrame } from "./opened-frame.ts";
import { refuse } from "./refuse.ts";
import type { Identity } from "./registry.ts";
import type { StateReader } from "./state/state.ts";

/** A message whose signer is known and whose signature is good. */
export type Authentic = {
  readonly ok: true;
  readonly kind: Kind;
  readonly message: Message<Kind>;
  readonly signer: Identity;
};

/** Why a frame is none; `signer` where its key is somebody's. */
export type NotAuthentic = { readonly refusal: Refusal; readonly signer: Identity | undefined };

/**
 * Opens a frame and checks who signed it. Codes, in order: `frame.*`, `envelope.*`, `cbor.*`,
 * `tx.key-unknown`, `tx.signature`, `tx.label`, `tx.suspended`, `message.shape`.
 */
export function authenticate(
  bytes: Uint8Array,
  { state, chain, verify }: { state: StateReader; chain: string; verify: Verify },
): Authentic | ({ readonly ok: false } & NotAuthentic) {
  const frame = openedFrame(bytes);
  const { opened } = frame;
  if (!opened.ok) return { ok: false, refusal: opened, signer: undefined };
  const { kind, envelope } = opened.frame;
  const signer = identityByKeyId(state, envelope.kid);
  if (signer === undefined) {
    const refusal = refuse(
      "tx.key-unknown",
      "the key belongs to nobody on this chain; enrol it first",
    );
    return { ok: false, refusal, signer };
  }
  if (!frame.isSignedBy(signer.key, chain, verify)) {
    const refusal = refuse(
      "tx.signature",
      `the signature of ${signer.id} does not fit this ${kind}`,
    );
    return { ok: false, refusal, signer };
  }
  if (signer.kind === "label" && kind !== "claim") {
    const refusal = refuse("tx.label", `the key of a label signs a claim, not a ${kind}`);
    return { ok: false, refusal, signer };
  }
  if (signer.kind === "device" && suspendedSince(state, signer.id) !== undefined) {
    const refusal = refuse(
      "tx.suspended",
      `${signer.id} is suspended; what it signs counts when it is resumed, so keep it`,
    );
    return { ok: false, refusal, signer };
  }
  const { content } = frame;
  if (!content.ok) return { ok: false, refusal: content, signer };
  return { ok: true, kind, message: content.message, signer };
}
