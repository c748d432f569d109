import assert from "node:assert/strict";
import { createDecipheriv, type createECDH, createHmac } from "node:crypto";

/** The browser's half of RFC 8291, written from the RFC: what a push service hands on, opened. */
export function openPush(
  body: Buffer,
  browser: ReturnType<typeof createECDH>,
  auth: Uint8Array,
): Buffer {
  const [salt, size, length] = [body.subarray(0, 16), body.readUInt32BE(16), body[20] ?? 0];
  const sender = body.subarray(21, 21 + length);
  const hmac = (key: Uint8Array, ...data: Uint8Array[]) =>
    createHmac("sha256", key).update(Buffer.concat(data)).digest();
  const info = [Buffer.from("WebPush: info\0"), browser.getPublicKey(), sender, Buffer.of(1)];
  const input = hmac(hmac(auth, browser.computeSecret(sender)), ...info);
  const pseudo = hmac(salt, input);
  const key = hmac(pseudo, Buffer.from("Content-Encoding: aes128gcm\0\u0001")).subarray(0, 16);
  const nonce = hmac(pseudo, Buffer.from("Content-Encoding: nonce\0\u0001")).subarray(0, 12);
  const record = body.subarray(21 + length);
  assert.ok(record.length <= size, "one record");
  const open = createDecipheriv("aes-128-gcm", key, nonce);
  open.setAuthTag(record.subarray(-16));
  const plain = Buffer.concat([open.update(record.subarray(0, -16)), open.final()]);
  assert.equal(plain.at(-1), 2, "the last record");
  return plain.subarray(0, -1);
}
