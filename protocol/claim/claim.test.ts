import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { nativeScrypt } from "../node/scrypt.ts";
import { utcMs } from "../units/brands.ts";
import { claimCodeText, labelUrl, newClaimCode, parseClaimCode } from "./code.ts";
import { claimCost, claimKeys } from "./keys.ts";
import { isSealedCard, openSealed, sealFiles } from "./sealed.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const codeOf = (text: string): string => {
  const parsed = parseClaimCode(text);
  return parsed.ok ? parsed.code : parsed.code;
};

test("a code is read however people write it down, and with the whole label around it", () => {
  for (let i = 0; i < 50; i++) {
    const code = newClaimCode(random);
    const shown = claimCodeText(code);
    assert.match(shown, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
    const sloppy = shown
      .toLowerCase()
      .replaceAll("0", "o")
      .replaceAll("1", i % 2 ? "l" : "I");
    for (const text of [code, shown, sloppy, ` ${shown.replaceAll("-", " – ")}\r\n`]) {
      assert.deepEqual(parseClaimCode(text), { ok: true, code, site: undefined }, text);
    }
    const url = labelUrl(code, { host: "anna", site: "elm" });
    assert.deepEqual(parseClaimCode(url), { ok: true, code, site: "elm" });
  }
});

test("each wrong character, each two and each swap is found, and a single one's place is told", () => {
  const code = newClaimCode((count) => Uint8Array.from({ length: count }, (_, i) => 37 * i + 5));
  const put = (text: string, at: number, char: string) =>
    text.slice(0, at) + char + text.slice(at + 1);
  let pairs = 0;
  for (let i = 0; i < 16; i++) {
    for (const char of alphabet) {
      if (char === code[i]) continue;
      const wrong = put(code, i, char);
      const parsed = parseClaimCode(wrong);
      assert.ok(!parsed.ok && parsed.code === "code.mistyped");
      const group = ["first", "second", "third", "fourth"][Math.floor(i / 4)] ?? "";
      assert.match(parsed.message, new RegExp(`${group} group of four again, at "${char}"`));
      for (let j = i + 1; j < 16; j++) {
        // Each third character is enough of all pairs.
        for (let k = j % 3; k < 32; k += 3) {
          const other = alphabet[k] ?? "";
          if (other === code[j]) continue;
          assert.equal(codeOf(put(wrong, j, other)), "code.mistyped");
          pairs += 1;
        }
      }
    }
    for (let j = 0; j < i; j++) {
      if (code[i] === code[j]) continue;
      const swapped = put(put(code, i, code[j] ?? ""), j, code[i] ?? "");
      assert.equal(codeOf(swapped), "code.mistyped");
    }
  }
  assert.ok(pairs > 30_000, `${pairs}`);
});

test("what is no code is refused in words, and nothing at all is thrown", () => {
  const cases = [
    ["", "code.length"],
    ["ABCD-EFGH", "code.length"],
    ["0000-0000-0000-000", "code.length"],
    ["0000-0000-0000-000U", "code.characters"],
    ["BUSBAR-REQUEST:ABC", "code.characters"],
    ["0000-0000-0000-0001", "code.mistyped"],
  ] as const;
  for (const [text, wanted] of cases) assert.equal(codeOf(text), wanted, text);
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
      const parsed = parseClaimCode(text);
      assert.ok(parsed.ok || parsed.message.length > 20);
    }),
    { numRuns: 300 },
  );
});

test("a code's keys follow from scrypt by its stated cost, from the code and the site alone", async () => {
  const code = newClaimCode(() => new Uint8Array(14));
  assert.equal(code, "0".repeat(16));
  const [here, there] = [await claimKeys(code, "elm"), await claimKeys(code, "oak")];
  assert.notDeepEqual(here.seed, there.seed);
  assert.notDeepEqual(here.seed, here.sealing);
  // Node's own scrypt and HKDF come to the same.
  assert.deepEqual(await claimKeys(code, "elm", nativeScrypt), here);
  const salt = Buffer.from("busbar/claim/1/elm");
  const master = new Uint8Array(await nativeScrypt(Buffer.from(code), salt, claimCost));
  const hkdf = await crypto.subtle.importKey("raw", master, "HKDF", false, ["deriveBits"]);
  const info = new TextEncoder().encode("label");
  const about = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
  assert.deepEqual(here.seed, new Uint8Array(await crypto.subtle.deriveBits(about, hkdf, 256)));
});

test("a sealed card opens with its own key alone, and a changed or cut one with none", () => {
  const key = random(32);
  const content = {
    device: "unit-1",
    until: utcMs(1_780_272_000_000),
    files: [
      { name: "owner.key", content: random(120) },
      { name: "empty.pem", content: new Uint8Array() },
    ],
  };
  const text = sealFiles(content, key, random);
  assert.ok(isSealedCard(text) && text.split("\n").every((line) => line.length <= 76));
  assert.deepEqual(openSealed(text, key), { ok: true, sealed: content });
  assert.notEqual(text, sealFiles(content, key, random), "a nonce is used once");
  const other = openSealed(text, random(32));
  assert.ok(!other.ok && other.code === "sealed.key");
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), (at, put) => {
      const broken = text.slice(0, at) + put + text.slice(at + 1);
      const opened = openSealed(broken, key);
      // Blanks within it say nothing.
      if (broken.replace(/\s/g, "") === text.replace(/\s/g, "")) return;
      assert.ok(!opened.ok && /^sealed\.(form|key)$/.test(opened.code), broken);
    }),
    { numRuns: 200 },
  );
  const bad = { ...content, files: [{ name: "../device.key", content: new Uint8Array() }] };
  assert.throws(() => sealFiles(bad, key, random), /expected text of 1 to 60 characters/);
});
