import assert from "node:assert/strict";
import { createDecipheriv, type createECDH, createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

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

/** What a browser asked its push service for. */
type Asked = { readonly what: string; readonly form: URLSearchParams };

/**
 * The part of Chromium's push service that gives out subscriptions, on loopback: it knows every device, and each
 * registration has its token. `args` lead a browser here. What it hands on is for the devtools to deliver.
 */
export async function subscriptionService(token: string) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    const what = request.url ?? "";
    asked.push({ what, form: new URLSearchParams(body.toString("latin1")) });
    response.end(what === "/checkin" ? checkin() : `token=${token}`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = [
    `--gcm-checkin-url=${at}/checkin`,
    `--gcm-registration-url=${at}/register`,
    // Nobody is there: messages come by the devtools.
    "--gcm-mcs-endpoint=https://127.0.0.1:1",
  ];
  return { args, asked, close: () => server.close() };
}

/** A checkin's answer (protobuf): fine, a device's number, and its secret. */
function checkin(): Buffer {
  const answer = Buffer.alloc(22);
  answer.set([0x08, 1, 0x18, 1, 0x39]);
  answer.writeBigUInt64LE(7n, 5);
  answer[13] = 0x41;
  answer.writeBigUInt64LE(9n, 14);
  return answer;
}
