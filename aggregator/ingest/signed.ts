import type { Signed } from "../ledger/opened-frame.ts";

/** Bytes of key, signature and the message's length, before each message. */
const headBytes = 32 + 64 + 4;

/** One buffer for all, to be handed to another thread without copies. */
export function packSigned(list: readonly Signed[]): Uint8Array<ArrayBuffer> {
  const total = list.reduce((sum, { message }) => sum + headBytes + message.length, 0);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { signature, message, publicKey } of list) {
    bytes.set(publicKey, at);
    bytes.set(signature, at + 32);
    view.setUint32(at + 96, message.length);
    bytes.set(message, at + headBytes);
    at += headBytes + message.length;
  }
  return bytes;
}

/** What was packed. */
export function* unpackSigned(bytes: Uint8Array): Iterable<Signed> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const end = at + headBytes + view.getUint32(at + 96);
    const publicKey = bytes.subarray(at, at + 32);
    const signature = bytes.subarray(at + 32, at + 96);
    yield { publicKey, signature, message: bytes.subarray(at + headBytes, end) };
    at = end;
  }
}
