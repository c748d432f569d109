import { type Bank, type ExceptionCode, exception } from "./bank.ts";

/** Function codes of the two register tables. */
const readHolding = 3;
const readInput = 4;

/**
 * Answers one request, function code first, without unit and checksum.
 * Source: Modbus Application Protocol V1.1b3, sections 6.3, 6.4 and 7.
 */
export function answer(request: Uint8Array, bank: Bank): Uint8Array<ArrayBuffer> {
  const functionCode = request[0] ?? 0;
  const known = functionCode === readHolding || functionCode === readInput;
  if (!known || !bank.knows(functionCode)) return refusal(functionCode, exception.illegalFunction);
  if (request.length !== 5) return refusal(functionCode, exception.illegalValue);
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  const address = view.getUint16(1);
  const count = view.getUint16(3);
  // The byte count has one byte; no device can say more.
  if (count < 1 || count > 125) return refusal(functionCode, exception.illegalValue);
  const reply = bank.read({ functionCode, address, count });
  if (!reply.ok) return refusal(functionCode, reply.exception);
  const bytes = new Uint8Array(2 + 2 * count);
  bytes[0] = functionCode;
  bytes[1] = 2 * count;
  const out = new DataView(bytes.buffer);
  for (const [i, word] of reply.words.entries()) out.setUint16(2 + 2 * i, word);
  return bytes;
}

/** A reply that carries an exception code. */
export function refusal(functionCode: number, code: ExceptionCode): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(functionCode | 0x80, code);
}
