import type { Socket } from "node:net";
import type { BrokerCode } from "./codes.ts";

/** What the fixed headers of a connection broke. */
export type Violation = Extract<
  BrokerCode,
  "guard.malformed" | "guard.not-connect" | "guard.packet-too-large"
>;

const connect = 1;

/**
 * Follows the fixed headers (MQTT 3.1.1 §2.2) of a byte stream cut anywhere: packet type, remaining
 * length of at most four bytes, then that many bytes which are not looked at.
 */
export class HeaderScan {
  readonly #packetBytesMax: number;
  #first = true;
  #lengthBytes = 0;
  #length = 0;
  #inLength = false;
  #skip = 0;

  constructor(packetBytesMax: number) {
    this.#packetBytesMax = packetBytesMax;
  }

  /** The first violation in these bytes; after one the stream is not to be read any further. */
  feed(bytes: Uint8Array): Violation | undefined {
    for (let at = 0; at < bytes.length; ) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      const violation = this.#inLength ? this.#lengthByte(bytes[at]) : this.#type(bytes[at]);
      if (violation !== undefined) return violation;
      at++;
    }
    return undefined;
  }

  #type(byte = 0): Violation | undefined {
    const type = byte >> 4;
    if (this.#first && type !== connect) return "guard.not-connect";
    this.#first = false;
    // Types 0 and 15 are reserved (table 2.1).
    if (type === 0 || type === 15) return "guard.malformed";
    this.#inLength = true;
    this.#length = 0;
    this.#lengthBytes = 0;
    return undefined;
  }

  #lengthByte(byte = 0): Violation | undefined {
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes++;
    // Judged on what is known so far: a giant is closed before its length is even complete.
    if (this.#length > this.#packetBytesMax) return "guard.packet-too-large";
    if ((byte & 0x80) === 0) {
      this.#inLength = false;
      this.#skip = this.#length;
      return undefined;
    }
    return this.#lengthBytes === 4 ? "guard.malformed" : undefined;
  }
}

/**
 * Puts the scan between a socket and its only reader, aedes, which takes bytes through `read` alone:
 * what breaks a rule destroys the socket and never reaches the packet parser.
 */
export function guardSocket(
  socket: Socket,
  packetBytesMax: number,
  onViolation: (violation: Violation) => void,
): void {
  const scan = new HeaderScan(packetBytesMax);
  const read = socket.read.bind(socket);
  socket.read = (size?: number): unknown => {
    const chunk: unknown = read(size);
    if (!(chunk instanceof Uint8Array)) return chunk;
    const violation = scan.feed(chunk);
    if (violation === undefined) return chunk;
    onViolation(violation);
    socket.destroy();
    return null;
  };
}
