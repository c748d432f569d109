import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { publicKeyFromSeed } from "../node/ed25519.ts";
import { type NoticeAddresses, openAddresses, sealAddresses } from "./addresses.ts";
import { boxKeyOf, boxNotice, openNotice } from "./boxed.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const secret = random(32);

test("only the owner opens a notice", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (plain) => {
      const box = boxNotice(plain, boxKeyOf(secret), random);
      const opened = openNotice(box, secret);
      assert.ok(opened.ok);
      assert.deepEqual(opened.plain, plain);
      const other = openNotice(box, random(32));
      assert.ok(!other.ok && other.code === "notice.not-for-us");
    }),
    { numRuns: 20 },
  );
});

test("a changed notice does not open, garbage neither", () => {
  const box = boxNotice(Uint8Array.of(1, 2, 3), boxKeyOf(secret), random);
  for (let at = 0; at < box.length; at += 7) {
    const changed = Uint8Array.from(box);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(openNotice(changed, secret).ok, false, `byte ${at}`);
  }
  fc.assert(fc.property(fc.uint8Array(), (bytes) => !openNotice(bytes, secret).ok));
});

test("addresses open for the members that they were sealed for, with the keys of the ledger", () => {
  const seeds = [random(32), random(32), random(32)];
  const [first, second] = seeds.map((seed, i) => ({ id: `m${i}`, key: publicKeyFromSeed(seed) }));
  assert.ok(first && second && seeds[0] && seeds[1]);
  const addresses: NoticeAddresses = {
    email: "anna@example.org",
    webhook: { url: "https://hooks.example.org/a?b=1", secret: random(32) },
    ntfy: { url: "https://ntfy.example.org/anna" },
  };
  const sealed = sealAddresses(addresses, [first, second], random);
  for (const [i, seed] of seeds.entries()) {
    const opened = openAddresses(sealed, { id: `m${i}`, seed });
    if (i < 2) assert.deepEqual(opened.ok && opened.addresses, addresses);
    else assert.equal(!opened.ok && opened.code, "notice.sealed-to-others");
  }
  const wrong = openAddresses(sealed, { id: "m0", seed: seeds[1] });
  assert.equal(!wrong.ok && wrong.code, "notice.not-for-us");
  const changed = { ...sealed, box: sealed.box.map((byte) => byte ^ 1) };
  const refused = openAddresses(changed, { id: "m0", seed: seeds[0] });
  assert.equal(!refused.ok && refused.code, "notice.addresses");
  for (const email of [
    "no address",
    "a@b@c",
    "a b@c.d",
    "a@b\nBcc: x@y.z",
    `a@${"b".repeat(260)}`,
  ]) {
    assert.throws(() => sealAddresses({ email }, [first], random), /expected text/);
  }
  for (const url of ["file:///etc/passwd", "https://a b", "ftp://x", "https://"]) {
    assert.throws(() => sealAddresses({ ntfy: { url } }, [first], random), /expected text/, url);
  }
});
