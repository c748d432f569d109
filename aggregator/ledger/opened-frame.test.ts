import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMessage, openFrame } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { openedFrame } from "./opened-frame.ts";
import { sha256 } from "./sha256.ts";
import { chain, entry, MeterChain, signerOfName, startTime } from "./test-site.ts";

const { publicKey } = signerOfName("user-a-unit");
const other = signerOfName("company-a-unit").publicKey;

const newFrame = () => new MeterChain("user-a").frame(entry(startTime, 5), entry(startTime + 1, 6));

function counted() {
  const calls: Uint8Array[] = [];
  const check: typeof verify = (...args) => {
    calls.push(args[2]);
    return verify(...args);
  };
  return { calls, check };
}

test("a frame says what its bytes say, and the same bytes are opened once", () => {
  const bytes = newFrame();
  const frame = openedFrame(bytes);
  assert.equal(openedFrame(bytes), frame);
  assert.notEqual(openedFrame(bytes.slice()), frame);
  const opened = openFrame(bytes);
  assert.ok(opened.ok);
  assert.deepEqual(frame.opened, opened);
  assert.deepEqual(frame.hash, sha256(bytes));
  const { content } = frame;
  assert.deepEqual(content, decodeMessage("readings", opened.frame.envelope.payload));
  assert.equal(frame.content, content);
  frame.forgetContent();
  assert.notEqual(frame.content, content);
  assert.deepEqual(frame.content, content);
});

test("a signature is checked once for a key and a chain, and what was found does not pass for others", () => {
  const frame = openedFrame(newFrame());
  const { calls, check } = counted();
  for (let n = 0; n < 3; n++) assert.equal(frame.isSignedBy(publicKey, chain, check), true);
  assert.equal(calls.length, 1);
  assert.equal(frame.isSignedBy(publicKey, "elsewhere", check), false);
  assert.equal(frame.isSignedBy(other, chain, check), false);
  assert.equal(frame.isSignedBy(publicKey, chain, check), true);
  assert.equal(
    frame.isSignedBy(Uint8Array.from(publicKey), chain, () => false),
    true,
  );
});

test("what is checked elsewhere is what would be checked here", () => {
  const frame = openedFrame(newFrame());
  const signed = frame.toCheck(publicKey, chain);
  assert.ok(signed);
  assert.ok(verify(signed.signature, signed.message, signed.publicKey));
  assert.equal(openedFrame(newFrame()).toCheck(other, chain), undefined);
  const never = () => assert.fail("it was checked already");
  frame.wasChecked(publicKey, chain, true);
  assert.equal(frame.isSignedBy(publicKey, chain, never), true);
  assert.equal(frame.toCheck(publicKey, chain), undefined);
  const forged = openedFrame(newFrame());
  forged.wasChecked(publicKey, chain, false);
  assert.equal(forged.isSignedBy(publicKey, chain, never), false);
});

test("garbage is refused as it is without being remembered", () => {
  const frame = newFrame();
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.record({ at: fc.nat(frame.length - 1), byte: fc.nat(255) }).map(({ at, byte }) => {
      const bytes = Uint8Array.from(frame);
      bytes[at] = byte;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(garbage, (bytes) => {
      const opened = openFrame(bytes);
      const known = openedFrame(bytes);
      assert.deepEqual(known.opened, opened);
      assert.deepEqual(known.opened, opened);
      if (opened.ok) {
        const { kind, envelope } = opened.frame;
        assert.deepEqual(known.content, decodeMessage(kind, envelope.payload));
      } else {
        assert.deepEqual(known.content, opened);
        assert.equal(known.toCheck(publicKey, chain), undefined);
        assert.equal(known.isSignedBy(publicKey, chain, verify), false);
      }
    }),
    { numRuns: 300 },
  );
});
