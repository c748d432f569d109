import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import {
  type BlockHeader,
  blockResult,
  encodeHeader,
  encodeProof,
  encodeReceipt,
  keyId,
  merkleRoot,
  resultLeaf,
  toBeSigned,
  utcMs,
  validatorsHash,
} from "./index.ts";
import { generateKey, sign } from "./node/ed25519.ts";

type Key = ReturnType<typeof generateKey>;

const chain = "site-a";
const zero = new Uint8Array(32);

/** A receipt of one frame, signed by one member, in its form on the wire. */
function receiptOf(
  frame: Uint8Array,
  { seed, publicKey }: ReturnType<typeof generateKey>,
): Uint8Array {
  const header = { ...headerOf(publicKey), txRoot: merkleRoot([frame]) };
  const certificate = certify(header, { seed, publicKey });
  return encodeReceipt({ header, certificate, index: 0, size: 1, proof: [], frame });
}

function headerOf(publicKey: Uint8Array): BlockHeader {
  return {
    chain,
    height: 1,
    time: utcMs(0),
    previous: zero,
    txRoot: zero,
    resultsRoot: zero,
    appHash: zero,
    validatorsHash: validatorsHash([{ id: "m", key: publicKey, voting: true }]),
    proposer: "m",
    view: 0,
  };
}

function certify(header: BlockHeader, { seed, publicKey }: Pick<Key, "seed" | "publicKey">) {
  const kid = keyId(publicKey);
  const message = toBeSigned(encodeHeader(header), kid, { chain, kind: "block" });
  return [{ kid, signature: sign(message, seed) }];
}

/** A proof of a payment, as it is handed on. */
function paymentOf({ seed, publicKey }: ReturnType<typeof generateKey>): Uint8Array {
  const event = { type: "contract-settled", amount: 70 };
  const events = new TextEncoder().encode(JSON.stringify([event]));
  const leaf = resultLeaf({ code: blockResult, events });
  const header = { ...headerOf(publicKey), resultsRoot: merkleRoot([leaf]) };
  const certificate = certify(header, { seed, publicKey });
  const place = { header, certificate, index: 0, size: 1, proof: [] };
  const result = { ...place, code: blockResult, events };
  return encodeProof({ kind: "payment", result, event: 0 });
}

test("bundled for a browser, with nothing of Node about, it still verifies a receipt", async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: 'export * from "./index.ts"; export * from "./ed25519/index.ts";',
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: "browser",
    format: "iife",
    globalName: "busbar",
    write: false,
    logLevel: "silent",
  });
  const key = generateKey();
  const receipt = receiptOf(Uint8Array.of(1, 2, 3), key);
  // Of all that Node puts into its globals the bundle gets what browsers have too, and no more.
  const page = {
    TextEncoder,
    TextDecoder,
    receipt: [...receipt],
    key: [...key.publicKey],
    payment: [...paymentOf(key)],
  };
  const script = `${outputFiles[0]?.text}
    const decoded = busbar.decodeReceipt(Uint8Array.from(receipt));
    const membership = { chain: "${chain}", members: [{ id: "m", key: Uint8Array.from(key), voting: true }] };
    const good = busbar.verifyReceipt(decoded.receipt, membership, busbar.verifyPure);
    const bent = { ...decoded.receipt, index: 1 };
    const wrapped = busbar.encodeProof({ kind: "receipt", receipt: decoded.receipt });
    const proof = busbar.decodeProof(wrapped).proof;
    const proved = busbar.verifyProof(proof, membership, busbar.verifyPure);
    const result = busbar.decodeProof(Uint8Array.from(payment)).proof;
    const paid = busbar.verifyProof(result, membership, busbar.verifyPure);
    const more = { ...result.result, events: new TextEncoder().encode("[]") };
    const lie = busbar.verifyProof({ ...result, result: more }, membership, busbar.verifyPure);
    JSON.stringify([decoded.ok, good.ok, busbar.verifyReceipt(bent, membership, busbar.verifyPure).code,
      proved.kind, paid.ok && paid.events[0].amount, lie.code]);`;
  assert.deepEqual(JSON.parse(runInNewContext(script, page)), [
    true,
    true,
    "receipt.inclusion",
    "receipt",
    70,
    "proof.path",
  ]);
});
