import { frameBytesMax, type Refusal } from "@busbar/protocol";
import { array, bytes, field, int, record, type TypeOf } from "@busbar/protocol/schema";
import { chunkBytesMax, stepsBytesMax } from "../ledger/snapshots/format.ts";
import { decodeNamed, encodeNamed, type Message, messages } from "./pbft/messages.ts";

/** Frames in one message: what a member checks of another at one go (an Ed25519 signature each). */
export const framesPerMessage = 64;

/** Frames that wait with the sender, so that whoever leads can propose them. */
const frames = record("frames", {
  frames: field(1, array(bytes(1, frameBytesMax), 1, framesPerMessage)),
});

const height = field(1, int(1, Number.MAX_SAFE_INTEGER));
const index = field(2, int(0, 0xffff));

const snapshot = record("snapshot", {
  height,
  format: field(2, int(0, 0xffff)),
  chunks: field(3, int(1, 0x1_0000)),
  hash: field(4, bytes(32)),
  /** 34 bytes for each chunk, a certified header, and the steps to its voters. */
  metadata: field(5, bytes(1, 3 * 1024 * 1024 + stepsBytesMax)),
});

/** How a state is fetched: who has which snapshots, and a chunk of one. */
const transferMessages = {
  "fetch-snapshots": record("fetch-snapshots", {}),
  snapshots: record("snapshots", { snapshots: field(1, array(snapshot, 0, 4)) }),
  "fetch-chunk": record("fetch-chunk", { height, chunk: index }),
  chunk: record("chunk", { height, index, chunk: field(3, bytes(1, chunkBytesMax)) }),
} as const;

/** Every message that travels between members: the replica's, and the shell's own. */
const linkMessages = { ...messages, frames, ...transferMessages } as const;

export type TransferMessage = {
  readonly [N in keyof typeof transferMessages]: {
    readonly name: N;
    readonly body: TypeOf<(typeof transferMessages)[N]>;
  };
}[keyof typeof transferMessages];

export type LinkMessage =
  | Message
  | { readonly name: "frames"; readonly body: TypeOf<typeof frames> }
  | TransferMessage;

export function isTransfer(message: LinkMessage): message is TransferMessage {
  return Object.hasOwn(transferMessages, message.name);
}

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
