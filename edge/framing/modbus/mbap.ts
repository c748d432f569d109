import { withCrc } from "./crc16.ts";

/** The frame of Modbus TCP around an RTU frame, whose checksum TCP has no use for. */
export function toMbap(rtu: Uint8Array, transaction: number): Uint8Array {
  const length = rtu.length - 2;
  const frame = new Uint8Array(6 + length);
  const header = new DataView(frame.buffer);
  header.setUint16(0, transaction);
  header.setUint16(4, length);
  frame.set(rtu.subarray(0, length), 6);
  return frame;
}

/** A frame of Modbus TCP: its transaction, and the same as an RTU frame. */
export type MbapFrame = { readonly transaction: number; readonly rtu: Uint8Array };

/**
 * The frames at the start of `bytes` and what is left. "broken" when the stream is no Modbus TCP (any
 * more): a protocol id other than 0 or a length outside 3 … 254; the connection is then worthless.
 * Source: Modbus Messaging on TCP/IP V1.0b §3.1.3.
 */
export function takeMbap(
  bytes: Uint8Array,
): { readonly frames: MbapFrame[]; readonly rest: Uint8Array } | "broken" {
  const frames: MbapFrame[] = [];
  let at = 0;
  while (bytes.length - at >= 6) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = view.getUint16(4);
    if (view.getUint16(2) !== 0 || length < 3 || length > 254) return "broken";
    if (bytes.length - at < 6 + length) break;
    const rtu = withCrc(bytes.subarray(at + 6, at + 6 + length));
    frames.push({ transaction: view.getUint16(0), rtu });
    at += 6 + length;
  }
  return { frames, rest: bytes.slice(at) };
}
