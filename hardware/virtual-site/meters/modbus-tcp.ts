import type { Socket } from "node:net";
import { type Bank, exception } from "./bank.ts";
import type { TcpFaults } from "./faults/tcp-faults.ts";
import { answer, refusal } from "./pdu.ts";

/** Transaction, protocol, length, unit. Source: Modbus Messaging on TCP/IP V1.0b, section 3.1.3. */
const headerBytes = 7;
const pduBytesMax = 253;

/** Serves Modbus TCP to one client. A unit that is not there gets a gateway's exception 11. */
export function serveModbusTcp(
  socket: Socket,
  devices: ReadonlyMap<number, Bank>,
  faults?: TcpFaults,
): void {
  let buffer = Buffer.alloc(0);
  const timers = new Set<NodeJS.Timeout>();
  const send = (bytes: Uint8Array, afterMs: number): void => {
    if (afterMs === 0) {
      socket.write(bytes);
      return;
    }
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (socket.writable) socket.write(bytes);
    }, afterMs);
    timers.add(timer);
  };
  socket.on("close", () => {
    for (const timer of timers) clearTimeout(timer);
  });
  socket.on("data", (bytes) => {
    buffer = Buffer.concat([buffer, bytes]);
    while (buffer.length >= headerBytes) {
      const length = buffer.readUInt16BE(4);
      // Bounds the buffer too. A stream that lost its framing has no way back but a new connection.
      if (buffer.readUInt16BE(2) !== 0 || length < 2 || length > pduBytesMax + 1) {
        socket.destroy();
        return;
      }
      if (buffer.length < 6 + length) return;
      const request = buffer.subarray(0, 6 + length);
      const frame = reply(request, devices);
      const deliveries = faults?.befall(request, frame, performance.now()) ?? [
        { afterMs: 0, bytes: frame },
      ];
      for (const delivery of deliveries) send(delivery.bytes, delivery.afterMs);
      buffer = buffer.subarray(6 + length);
    }
  });
}

function reply(frame: Buffer, devices: ReadonlyMap<number, Bank>): Buffer {
  const pdu = frame.subarray(headerBytes);
  const bank = devices.get(frame[6] ?? 0);
  const body =
    bank === undefined ? refusal(pdu[0] ?? 0, exception.targetSilent) : answer(pdu, bank);
  const header = Buffer.from(frame.subarray(0, headerBytes));
  header.writeUInt16BE(body.length + 1, 4);
  return Buffer.concat([header, body]);
}
