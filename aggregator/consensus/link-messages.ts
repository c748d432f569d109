import { frameBytesMax, type Refusal } from "@busbar/protocol";
import { array, bytes, field, record, type TypeOf } from "@busbar/protocol/schema";
import { decodeNamed, encodeNamed, type Message, messages } from "./pbft/messages.ts";

/** Frames in one message: what a member checks of another at one go (an Ed25519 signature each). */
export const framesPerMessage = 64;

/** Frames that wait with the sender, so that whoever leads can propose them. */
const frames = record("frames", {
  frames: field(1, array(bytes(1, frameBytesMax), 1, framesPerMessage)),
});

/** Every message that travels between members: the replica's, and the shell's own. */
const linkMessages = { ...messages, frames } as const;

export type LinkMessage =
  | Message
  | { readonly name: "frames"; readonly body: TypeOf<typeof frames> };

/** The bytes that travel. */
export function encodeLinkMessage(message: LinkMessage): Uint8Array {
  return encodeNamed(linkMessages, message);
}

/** A message, or why the bytes are none: a `cbor.*` code or `message.shape`. */
export function decodeLinkMessage(
  data: Uint8Array,
): { readonly ok: true; readonly message: LinkMessage } | Refusal {
  const decoded = decodeNamed(linkMessages, data);
  return decoded.ok ? { ok: true, message: decoded.message as LinkMessage } : decoded;
}
