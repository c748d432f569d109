import { crcHolds } from "./crc16.ts";

/** A request between unit id and CRC. */
export type RtuRequest = { readonly unit: number; readonly pdu: Uint8Array };

/** Longest frame on a serial line. Source: Modbus over Serial Line V1.02, section 2.5.1. */
const frameBytesMax = 256;

/**
 * Finds requests in the bytes that a device hears.
 * On a wire silence ends a frame; a pseudo-terminal and a socket tell nothing of silence between bytes
 * that arrive together, so the length comes from the function code where that is known, and a pause
 * (`silence`) decides about the rest. A bad checksum costs one byte, never the frame behind it.
 */
export class RtuFramer {
  #buffer = Buffer.alloc(0);

  push(bytes: Uint8Array): RtuRequest[] {
    // Bounded: no frame is longer, so older bytes can be part of none.
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    const requests = this.#scan();
    if (this.#buffer.length > frameBytesMax) this.#buffer = this.#buffer.subarray(-frameBytesMax);
    return requests;
  }

  /** The line was quiet: what is left is a frame of an unknown function, or noise. */
  silence(): RtuRequest[] {
    const rest = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return crcHolds(rest) ? [requestIn(rest)] : [];
  }

  #scan(): RtuRequest[] {
    const requests: RtuRequest[] = [];
    let at = 0;
    while (at < this.#buffer.length) {
      const length = frameLength(this.#buffer, at);
      const frame = this.#buffer.subarray(at, at + (length ?? 0));
      if (length !== undefined && frame.length === length && crcHolds(frame)) {
        requests.push(requestIn(frame));
        this.#buffer = this.#buffer.subarray(at + length);
        at = 0;
      } else at++;
    }
    return requests;
  }
}

function requestIn(frame: Uint8Array): RtuRequest {
  return { unit: frame[0] ?? 0, pdu: Uint8Array.from(frame.subarray(1, -2)) };
}

/** Whole length of a request that starts here, or undefined where it cannot be known (yet). */
function frameLength(buffer: Buffer, at: number): number | undefined {
  const code = buffer[at + 1];
  if (code === undefined) return undefined;
  if (code >= 1 && code <= 6) return 8;
  if (code !== 15 && code !== 16) return undefined;
  const bytes = buffer[at + 6];
  return bytes === undefined ? undefined : 9 + bytes;
}
