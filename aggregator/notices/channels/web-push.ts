import {
  createCipheriv,
  createECDH,
  createHash,
  createHmac,
  createPrivateKey,
  randomBytes,
  sign,
} from "node:crypto";
import { Failure } from "@busbar/protocol";
import type { NoticeAddresses } from "@busbar/protocol/notice";
import type { Channel } from "../channel.ts";
import type { Told } from "../told.ts";
import { cut } from "./ntfy.ts";
import { checkAnswer } from "./post.ts";
import type { Posting } from "./webhook.ts";

type Subscription = NonNullable<NoticeAddresses["push"]>;

/** A push service keeps it for a browser that is away for a week, in seconds. */
const keepSeconds = 7 * 86_400;
/** RFC 8292 §2: a token is for a day at most. */
const tokenSeconds = 12 * 3600;
/** RFC 8291 §4: one record, and push services take 4 096 bytes. */
const recordBytes = 4096;
const textBytesMax = 2400;

/**
 * Sends to a browser by its push service: encrypted to the browser (RFC 8291), signed with the key that
 * the subscription was made with (RFC 8292). `contact`: whom a push service may ask, `mailto:` or https.
 */
export function pushChannel(
  subscription: Subscription,
  { contact, ...posting }: Posting & { readonly contact: string | undefined },
): Channel {
  const { endpoint } = subscription;
  const { post, now, allowPrivate } = posting;
  return {
    name: "push",
    async deliver(told: Told): Promise<void> {
      const seconds = Math.floor(now() / 1000);
      const body = encryptPush(messageOf(told), subscription);
      const headers = {
        authorization: vapidHeader(subscription, { seconds, contact }),
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        ttl: String(keepSeconds),
        urgency: told.urgent ? "high" : "normal",
        // RFC 8030 §5.4: one that is sent again takes the place of the one that still waits.
        topic: createHash("sha256").update(told.id).digest("base64url").slice(0, 32),
      };
      // RFC 8030 §7.3: a subscription that is over answers 404 or 410.
      checkAnswer(endpoint, await post({ url: endpoint, headers, body, allowPrivate }), [404, 410]);
    },
  };
}

/** What the browser's service worker gets; `tag` lets one that comes again replace the first. */
function messageOf({ id, title, text, topic, time, urgent, language, proof }: Told): Uint8Array {
  const link = proof === undefined ? {} : { url: proof.link };
  const message = { tag: id, title, body: cut(text, textBytesMax), topic, time, urgent, language };
  return new TextEncoder().encode(JSON.stringify({ ...message, ...link }));
}

/**
 * A push message as RFC 8291 says: an ECDH secret with the browser's key, and one aes128gcm record
 * (RFC 8188). `salt` and `secret` are arguments for the RFC's own example alone.
 * Throws: `Failure` `notice.push-key` for a browser's key that is no point of P-256.
 */
export function encryptPush(
  plain: Uint8Array,
  { p256dh, auth }: Pick<Subscription, "p256dh" | "auth">,
  { salt, secret }: { readonly salt: Uint8Array; readonly secret: Uint8Array | undefined } = {
    salt: randomBytes(16),
    secret: undefined,
  },
): Uint8Array {
  const own = createECDH("prime256v1");
  const ownPublic = secret === undefined ? own.generateKeys() : publicOf(own, secret);
  const shared = sharedWith(own, p256dh);
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), p256dh, ownPublic]);
  const input = hmac(hmac(auth, shared), Buffer.concat([info, one]));
  const pseudo = hmac(salt, input);
  const key = expand(pseudo, "aes128gcm").subarray(0, 16);
  const nonce = expand(pseudo, "nonce").subarray(0, 12);
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  // 2: the last record; no padding.
  const sealed = [cipher.update(Buffer.concat([plain, Buffer.of(2)])), cipher.final()];
  const header = Buffer.alloc(21);
  header.set(salt);
  header.writeUInt32BE(recordBytes, 16);
  header[20] = ownPublic.length;
  return new Uint8Array(Buffer.concat([header, ownPublic, ...sealed, cipher.getAuthTag()]));
}

/** `Authorization` of RFC 8292: a token for the push service's origin and for a short time. */
export function vapidHeader(
  { endpoint, vapid }: Pick<Subscription, "endpoint" | "vapid">,
  { seconds, contact }: { readonly seconds: number; readonly contact: string | undefined },
): string {
  const point = publicOf(createECDH("prime256v1"), vapid);
  const [x, y] = [point.subarray(1, 33), point.subarray(33)];
  const jwk = { kty: "EC", crv: "P-256", d: text(vapid), x: text(x), y: text(y) };
  const claims = {
    aud: new URL(endpoint).origin,
    exp: seconds + tokenSeconds,
    ...(contact === undefined ? {} : { sub: contact }),
  };
  const parts = [{ typ: "JWT", alg: "ES256" }, claims].map((part) =>
    text(Buffer.from(JSON.stringify(part))),
  );
  const signing = parts.join(".");
  const signed = sign("sha256", Buffer.from(signing), {
    key: createPrivateKey({ key: jwk, format: "jwk" }),
    dsaEncoding: "ieee-p1363",
  });
  return `vapid t=${signing}.${text(signed)}, k=${text(point)}`;
}

const one = Buffer.of(1);

function hmac(key: Uint8Array, data: Uint8Array): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

/** HKDF's expansion to at most one hash (RFC 5869), for a content encoding (RFC 8188 §2.2, 2.3). */
function expand(pseudo: Uint8Array, what: string): Buffer {
  return hmac(pseudo, Buffer.concat([Buffer.from(`Content-Encoding: ${what}\0`), one]));
}

function publicOf(own: ReturnType<typeof createECDH>, secret: Uint8Array): Buffer {
  try {
    own.setPrivateKey(secret);
    return own.getPublicKey();
  } catch (cause) {
    throw badKey("the subscription's VAPID key is none", cause);
  }
}

function sharedWith(own: ReturnType<typeof createECDH>, p256dh: Uint8Array): Buffer {
  try {
    return own.computeSecret(p256dh);
  } catch (cause) {
    throw badKey("the browser's key is no point of P-256", cause);
  }
}

function badKey(message: string, cause: unknown): Failure {
  return new Failure("notice.push-key", `${message}; subscribe anew`, { retry: "never", cause });
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
