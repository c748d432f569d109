import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { encodeCbor } from "../cbor/encode.ts";
import { publicKeyOf, signPure } from "../ed25519/pure.ts";
import { toBeSigned } from "../envelope/envelope.ts";
import { keyId } from "../envelope/key-id.ts";
import { verify } from "../node/ed25519.ts";
import { encodeAs } from "../schema/codec.ts";
import { utcMs } from "../units/brands.ts";
import { decodeAnswer, encodeAnswer } from "./answer.ts";
import { encodeHeader } from "./block.ts";
import { type Membership, validatorsHash } from "./membership.ts";
import { type MeterState, meterState, verifyMeterTip } from "./meter-state.ts";
import type { StateProof } from "./state-proof.ts";

const chain = "site-a";
const seed = new Uint8Array(32).fill(7);
const key = publicKeyOf(seed);
const membership: Membership = { chain, members: [{ id: "m1", key, voting: true }] };
const zero = new Uint8Array(32);
const state: MeterState = {
  next: 66,
  head: new Uint8Array(32).fill(9),
  time: utcMs(5_000),
  importRegister: 123,
  importWh: 123,
  exportWh: 0,
  restarts: 0,
  batches: 2,
};

/** A proof from a state that holds this one entry, so that the root is its leaf. */
function proofOf(name: string, value: Uint8Array | undefined, on = chain): StateProof {
  const leaf = (bytes: Uint8Array) =>
    sha256(concatBytes(Uint8Array.of(0), sha256(utf8ToBytes(name)), sha256(bytes)));
  const header = {
    chain: on,
    height: 3,
    time: utcMs(9_000),
    previous: zero,
    txRoot: zero,
    resultsRoot: zero,
    appHash: value === undefined ? zero : leaf(value),
    validatorsHash: validatorsHash(membership.members),
    proposer: "m1",
    view: 0,
  };
  const kid = keyId(key);
  const signed = toBeSigned(encodeHeader(header), kid, { chain: on, kind: "block" });
  const certificate = [{ kid, signature: signPure(signed, seed) }];
  return {
    header,
    certificate,
    key: name,
    siblings: [],
    ...(value === undefined ? {} : { value }),
  };
}

const good = proofOf("reading/m", encodeAs(meterState, state));

test("a meter's state is what a certified block proves, and comes back as it went", () => {
  const decoded = decodeAnswer(encodeAnswer({ kind: "tip", tip: good }));
  assert.ok(decoded.ok && decoded.answer.kind === "tip");
  const checked = verifyMeterTip(decoded.answer.tip, membership, verify);
  assert.ok(checked.ok);
  assert.deepEqual(checked.tip, { meter: "m", state, header: good.header });
  const absent = verifyMeterTip(proofOf("reading/m", undefined), membership, verify);
  assert.ok(absent.ok && absent.tip === undefined);
});

const other = encodeAs(meterState, { ...state, next: 5 });
const [vote] = good.certificate;
const wrong: readonly (readonly [string, StateProof, string])[] = [
  ["another entry's state", proofOf("account/m", good.value), "proof.key"],
  ["another chain's", proofOf("reading/m", good.value, "site-b"), "proof.chain"],
  ["another value", { ...good, value: other }, "proof.path"],
  ["another meter", { ...good, key: "reading/n" }, "proof.path"],
  ["no value", proofOfAbsence(), "proof.path"],
  ["nobody's signature", { ...good, certificate: [] }, "certificate.quorum"],
  [
    "a forged signature",
    { ...good, certificate: vote === undefined ? [] : [{ ...vote, signature: zero64() }] },
    "certificate.signature",
  ],
  ["a state of another shape", proofOf("reading/m", encodeCbor([1])), "message.shape"],
  ["no CBOR", proofOf("reading/m", Uint8Array.of(0xff)), "cbor.type"],
];

for (const [name, proof, code] of wrong) {
  test(`a proof with ${name} proves nothing: ${code}`, () => {
    const checked = verifyMeterTip(proof, membership, verify);
    assert.equal(checked.ok ? "accepted" : checked.code, code);
  });
}

test("an answer with garbage in it is refused, never thrown", () => {
  const whole = encodeAnswer({ kind: "tip", tip: good });
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Uint8Array.from(whole, (byte, i) => (i === at ? byte ^ flip : byte));
      const decoded = decodeAnswer(bytes);
      if (!decoded.ok || decoded.answer.kind !== "tip") return;
      const checked = verifyMeterTip(decoded.answer.tip, membership, verify);
      assert.ok(!checked.ok, "one flipped byte went through");
    }),
  );
});

function proofOfAbsence(): StateProof {
  const { value: _, ...rest } = good;
  return rest;
}

function zero64(): Uint8Array {
  return new Uint8Array(64).fill(1);
}
