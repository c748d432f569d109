import { decodeCbor } from "../cbor/decode.ts";
import { encodeCbor } from "../cbor/encode.ts";
import { CborError, type CborValue } from "../cbor/value.ts";
import { encodeMessage, isKind, type Kind, type Message } from "../messages/kinds.ts";
import type { Refusal } from "../refusal.ts";
import { type Envelope, openEnvelope, type Signer, sealEnvelope } from "./envelope.ts";

/** Largest frame on any wire: the broker's packet limit (16 KiB) less topic and header. */
export const frameBytesMax = 15_360;

/** A signed message as it travels and as it stands in a block: `[kind, envelope]`. */
export type Frame = {
  readonly kind: Kind;
  readonly envelope: Envelope;
  readonly bytes: Uint8Array;
};

/** Encodes, signs and frames a message. Throws `SchemaError` when it does not fit its kind, and
 * `RangeError` when the frame would be larger than any broker takes. */
export function sealFrame<K extends Kind>(
  kind: K,
  message: Message<K>,
  { chain, signer }: { readonly chain: string; readonly signer: Signer },
): Uint8Array {
  const envelope = sealEnvelope(encodeMessage(kind, message), { chain, kind }, signer);
  const frame = encodeCbor([kind, envelope]);
  if (frame.length > frameBytesMax) {
    throw new RangeError(`a ${kind} frame of ${frame.length} bytes; at most ${frameBytesMax}`);
  }
  return frame;
}

/** Parses a frame; codes `frame.*`, `envelope.*`, `cbor.*`. Neither payload nor signature is checked. */
export function openFrame(bytes: Uint8Array): { ok: true; frame: Frame } | Refusal {
  if (bytes.length > frameBytesMax) {
    return refuse(
      "frame.too-large",
      `expected at most ${frameBytesMax} bytes, got ${bytes.length}`,
    );
  }
  let value: CborValue;
  try {
    value = decodeCbor(bytes);
  } catch (error) {
    if (error instanceof CborError) return refuse(error.code, error.message);
    throw error;
  }
  if (!Array.isArray(value) || value.length !== 2) {
    return refuse("frame.form", "expected [kind, envelope]");
  }
  const [kind, body] = value as CborValue[];
  if (typeof kind !== "string" || !(body instanceof Uint8Array)) {
    return refuse("frame.form", "expected [kind as text, envelope as bytes]");
  }
  if (!isKind(kind)) {
    return refuse(
      "frame.unknown-kind",
      `no message is called ${JSON.stringify(kind.slice(0, 40))}`,
    );
  }
  const opened = openEnvelope(body);
  if (!opened.ok) return opened;
  return { ok: true, frame: { kind, envelope: opened.envelope, bytes } };
}

function refuse(code: string, message: string): Refusal {
  return { ok: false, code, message };
}
