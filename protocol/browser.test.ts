import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { build } from "esbuild";
import {
  encodeHeader,
  encodeReceipt,
  keyId,
  merkleRoot,
  toBeSigned,
  utcMs,
  validatorsHash,
} from "./index.ts";
import { generateKey, sign } from "./node/ed25519.ts";

const chain = "site-a";
const zero = new Uint8Array(32);

/** A receipt of one frame, signed by one member, in its form on the wire. */
function receiptOf(
  frame: Uint8Array,
  { seed, publicKey }: ReturnType<typeof generateKey>,
): Uint8Array {
  const header = {
    chain,
    height: 1,
    time: utcMs(0),
    previous: zero,
    txRoot: merkleRoot([frame]),
    resultsRoot: zero,
    appHash: zero,
    validatorsHash: validatorsHash([{ id: "m", key: publicKey, voting: true }]),
    proposer: "m",
    view: 0,
  };
  const kid = keyId(publicKey);
  const message = toBeSigned(encodeHeader(header), kid, { chain, kind: "block" });
  const certificate = [{ kid, signature: sign(message, seed) }];
  return encodeReceipt({ header, certificate, index: 0, size: 1, proof: [], frame });
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
  const page = { TextEncoder, TextDecoder, receipt: [...receipt], key: [...key.publicKey] };
  const script = `${outputFiles[0]?.text}
    const decoded = busbar.decodeReceipt(Uint8Array.from(receipt));
    const membership = { chain: "${chain}", members: [{ id: "m", key: Uint8Array.from(key), voting: true }] };
    const good = busbar.verifyReceipt(decoded.receipt, membership, busbar.verifyPure);
    const bent = { ...decoded.receipt, index: 1 };
    JSON.stringify([decoded.ok, good.ok, busbar.verifyReceipt(bent, membership, busbar.verifyPure).code]);`;
  assert.deepEqual(JSON.parse(runInNewContext(script, page)), [true, true, "receipt.inclusion"]);
});
