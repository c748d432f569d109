import assert from "node:assert/strict";
import { test } from "node:test";
import { sealFrame, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { loginText, loginToken, type TokenWish } from "../../test/support/login-token.ts";
import {
  deviceIdentity,
  memoryRegistry,
  ownerIdentity,
  testSigner,
} from "../../test/support/memory-registry.ts";
import { brokerLimits } from "./limits.ts";
import { checkLogin, isClientIdOf, type LoginAttempt } from "./login.ts";
import { SpentTokens } from "./spent-tokens.ts";

const now = 1_800_000_000_000;
const chain = "site";
const [own, other] = [testSigner(1), testSigner(2)];
const registry = memoryRegistry([deviceIdentity("d1", own, "o1"), ownerIdentity("o1", other)]);

function grounds(spent = new SpentTokens(100)) {
  return { broker: "m1", chain, registry, verify, spent, limits: brokerLimits, now };
}

function token(wish: Partial<TokenWish> = {}): Uint8Array {
  return loginToken({ identity: "d1", signer: own, chain, at: utcMs(now), ...wish });
}

function attempt(wish: Partial<LoginAttempt> = {}): LoginAttempt {
  return { username: "d1", client: "d1", password: token(), ...wish };
}

function codeOf(wish: Partial<LoginAttempt>): string {
  const checked = checkLogin(attempt(wish), grounds());
  return checked.ok ? "ok" : checked.code;
}

test("a fresh token logs its identity in, as raw bytes and as text", () => {
  const checked = checkLogin(attempt(), grounds());
  assert.ok(checked.ok && checked.identity.id === "d1");
  const text = loginText({ identity: "d1", signer: own, chain, at: utcMs(now), broker: "m1" });
  assert.equal(codeOf({ password: Buffer.from(text) }), "ok");
});

test("a token used before is refused", () => {
  const known = grounds();
  assert.ok(checkLogin(attempt(), known).ok);
  const again = checkLogin(attempt(), known);
  assert.equal(again.ok ? "" : again.code, "login.replayed");
});

const mandate = {
  owner: "o1",
  device: "d1",
  version: 1,
  askMax: 0,
  askPriceMin: 0,
  bidMax: 0,
  bidPriceMax: 0,
  until: now,
};

/** The rule, the code, the attempt that breaks it. */
const refusals: readonly (readonly [rule: string, code: string, wish: Partial<LoginAttempt>])[] = [
  ["no user name", "login.missing", { username: undefined }],
  ["no password", "login.missing", { password: undefined }],
  ["nobody of that name", "login.unknown-identity", { username: "d9", client: "d9" }],
  ["a name of an object's own", "login.unknown-identity", { username: "__proto__" }],
  ["another one's client id", "login.client-id", { client: "o1" }],
  ["a client id that only begins like it", "login.client-id", { client: "d12" }],
  ["an empty label", "login.client-id", { client: "d1:" }],
  ["a label with a slash", "login.client-id", { client: "d1:a/b" }],
  ["no token at all", "login.malformed", { password: Buffer.from("secret") }],
  ["an empty password", "login.malformed", { password: new Uint8Array() }],
  ["a token cut short", "login.malformed", { password: token().subarray(0, -1) }],
  [
    "a signed message of another kind",
    "login.kind",
    {
      password: sealFrame("mandate", mandate as never, { chain, signer: own }),
    },
  ],
  ["another one's key", "login.wrong-key", { password: token({ signer: other }) }],
  [
    "the right key id over a foreign signature",
    "login.signature",
    { password: token({ signer: { ...own, sign: (message) => other.sign(message) } }) },
  ],
  ["a token of another chain", "login.signature", { password: token({ chain: "elsewhere" }) }],
  [
    "a token that names another identity",
    "login.identity",
    { password: token({ identity: "o1" }) },
  ],
  ["a token for another connection", "login.client", { password: token({ client: "d1:two" }) }],
  ["a token for another broker", "login.broker", { password: token({ broker: "m2" }) }],
  [
    "a token valid for more than a minute",
    "login.too-long",
    { password: token({ until: now + 60_001 }) },
  ],
  ["a token from the future", "login.not-yet", { password: token({ at: utcMs(now + 5_001) }) }],
  ["an expired token", "login.expired", { password: token({ at: utcMs(now - 65_001) }) }],
];

for (const [rule, code, wish] of refusals) {
  test(`${rule} is refused with ${code}`, () => assert.equal(codeOf(wish), code));
}

test("a client's clock may be five seconds off", () => {
  assert.equal(codeOf({ password: token({ at: utcMs(now + 5_000) }) }), "ok");
  assert.equal(codeOf({ password: token({ at: utcMs(now - 65_000) }) }), "ok");
});

test("a second connection of one identity has a label", () => {
  assert.equal(codeOf({ client: "d1:tool", password: token({ client: "d1:tool" }) }), "ok");
  assert.ok(isClientIdOf("d1", "d1") && !isClientIdOf("d1", `d1:${"a".repeat(32)}`));
});

test("any bytes as a password are refused without a throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const password of [bytes, Uint8Array.of(0x82, ...bytes)]) {
        const code = codeOf({ password });
        assert.match(code, /^login\./);
      }
    }),
  );
});

test("a token with any one byte changed is refused", () => {
  const good = token();
  fc.assert(
    fc.property(
      fc.nat({ max: good.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        const bad = Uint8Array.from(good);
        bad[at] = (bad[at] ?? 0) ^ change;
        assert.notEqual(codeOf({ password: bad }), "ok");
      },
    ),
    { numRuns: 200 },
  );
});

test("spent tokens are forgotten when they expire, and the table stays bounded", () => {
  const spent = new SpentTokens(3);
  assert.equal(spent.spend("a", 100, 0), true);
  assert.equal(spent.spend("a", 100, 100), false);
  assert.equal(spent.spend("a", 300, 101), true);
  for (let n = 0; n < 50; n++) spent.spend(`t${n}`, 1_000, 200);
  assert.equal(spent.size, 3);
});
