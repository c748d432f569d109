import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeCbor } from "../cbor/encode.ts";
import type { CborValue } from "../cbor/value.ts";
import { publicKeyOf, signPure, verifyPure } from "../ed25519/pure.ts";
import { decodeMessage } from "../messages/kinds.ts";
import type { Readings } from "../messages/readings.ts";
import { utcMs } from "../units/brands.ts";
import { openEnvelope, type Signer, sealEnvelope, verifyEnvelope } from "./envelope.ts";
import { frameBytesMax, openFrame, sealFrame } from "./frame.ts";
import { keyId } from "./key-id.ts";

const seed = new Uint8Array(32).fill(7);
const publicKey = publicKeyOf(seed);
const signer: Signer = {
  kid: keyId(publicKey),
  publicKey,
  sign: (message) => signPure(message, seed),
};
const domain = { chain: "site-a", kind: "readings" };
const payload = Uint8Array.of(1, 2, 3);
const sealed = sealEnvelope(payload, domain, signer);

const reading: Readings = {
  meter: "m1",
  first: 1,
  prev: new Uint8Array(32),
  entries: [
    {
      time: utcMs(1_000),
      clock: 0x10,
      registers: new Map([["1-0:1.8.0", [12_345, 0] as const]]),
      quality: 0,
    },
  ],
};

test("an envelope opens and verifies for its own chain, kind and key only", () => {
  const opened = openEnvelope(sealed);
  assert.ok(opened.ok);
  assert.deepEqual(opened.envelope.payload, payload);
  const check = (d: typeof domain, key = publicKey) =>
    verifyEnvelope(opened.envelope, d, key, verifyPure);
  assert.equal(check(domain), true);
  assert.equal(check({ ...domain, chain: "site-b" }), false);
  assert.equal(check({ ...domain, kind: "mandate" }), false);
  assert.equal(check(domain, publicKeyOf(new Uint8Array(32).fill(8))), false);
});

test("no changed byte goes unnoticed", () => {
  for (let at = 0; at < sealed.length; at++) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const opened = openEnvelope(changed);
    if (!opened.ok) continue;
    assert.equal(
      verifyEnvelope(opened.envelope, domain, publicKey, verifyPure),
      false,
      `byte ${at}`,
    );
  }
});

const header = (map: Map<number, CborValue>) => encodeCbor(map);
const good = header(
  new Map<number, CborValue>([
    [1, -19],
    [4, signer.kid],
  ]),
);
const sign1 = (...parts: CborValue[]) => encodeCbor({ tag: 18, value: parts });
const signature = new Uint8Array(64);
const kid8 = header(
  new Map<number, CborValue>([
    [1, -8],
    [4, signer.kid],
  ]),
);
const extra = header(
  new Map<number, CborValue>([
    [1, -19],
    [2, [1]],
    [4, signer.kid],
  ]),
);

const forms: readonly (readonly [string, Uint8Array, string])[] = [
  ["no CBOR", Uint8Array.of(0xff), "cbor.type"],
  ["no tag", encodeCbor([good, new Map(), payload, signature]), "envelope.form"],
  [
    "another tag",
    encodeCbor({ tag: 98, value: [good, new Map(), payload, signature] }),
    "envelope.form",
  ],
  ["three parts", sign1(good, new Map(), payload), "envelope.signature-length"],
  ["five parts", sign1(good, new Map(), payload, signature, 0), "envelope.form"],
  ["a detached payload", sign1(good, new Map(), null, signature), "envelope.form"],
  [
    "something unprotected",
    sign1(good, new Map([[1, 1]]), payload, signature),
    "envelope.unprotected",
  ],
  [
    "a short signature",
    sign1(good, new Map(), payload, signature.slice(1)),
    "envelope.signature-length",
  ],
  ["the old EdDSA number", sign1(kid8, new Map(), payload, signature), "envelope.header"],
  ["a critical header", sign1(extra, new Map(), payload, signature), "envelope.header"],
  ["an empty header", sign1(new Uint8Array(0), new Map(), payload, signature), "envelope.header"],
];

for (const [name, bytes, code] of forms) {
  test(`refused as an envelope: ${name}`, () => {
    const opened = openEnvelope(bytes);
    assert.ok(!opened.ok && opened.code === code, JSON.stringify(opened));
  });
}

test("a frame carries its kind, and the kind is signed", () => {
  const bytes = sealFrame("readings", reading, { chain: "site-a", signer });
  const opened = openFrame(bytes);
  assert.ok(opened.ok);
  assert.equal(opened.frame.kind, "readings");
  const message = decodeMessage("readings", opened.frame.envelope.payload);
  assert.ok(message.ok);
  assert.deepEqual(message.message, reading);
});

const frames: readonly (readonly [string, Uint8Array, string])[] = [
  ["an unknown kind", encodeCbor(["poem", sealed]), "frame.unknown-kind"],
  [
    "a kind named like a prototype's property",
    encodeCbor(["toString", sealed]),
    "frame.unknown-kind",
  ],
  ["no array", encodeCbor(new Map()), "frame.form"],
  ["three parts", encodeCbor(["readings", sealed, 0]), "frame.form"],
  ["a number for the kind", encodeCbor([1, sealed]), "frame.form"],
  ["more bytes than a broker takes", new Uint8Array(frameBytesMax + 1), "frame.too-large"],
  ["an envelope that is none", encodeCbor(["readings", Uint8Array.of(0)]), "envelope.form"],
];

for (const [name, bytes, code] of frames) {
  test(`refused as a frame: ${name}`, () => {
    const opened = openFrame(bytes);
    assert.ok(!opened.ok && opened.code === code, JSON.stringify(opened));
  });
}

test("arbitrary bytes never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(openFrame(bytes).ok, false);
    }),
  );
});

test("a payload of another shape is refused with the place", () => {
  const bad = encodeCbor(new Map<number, CborValue>([[1, "m1"]]));
  const decoded = decodeMessage("readings", bad);
  assert.ok(!decoded.ok);
  assert.equal(decoded.code, "message.shape");
  assert.match(decoded.message, /readings: first: expected an integer/);
});

test("a message that does not fit its kind is not signed", () => {
  assert.throws(
    () => sealFrame("readings", { ...reading, first: 0 }, { chain: "site-a", signer }),
    /expected an integer from 1/,
  );
});
