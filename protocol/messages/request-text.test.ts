import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AdmissionRequest,
  parseRequestText,
  requestPrefix,
  requestText,
} from "./request-text.ts";

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
const key = (n: number) => new Uint8Array(32).fill(n);
const request: AdmissionRequest = {
  owner: { id: "anna", party: "user", name: "Anna Müller 安娜", key: key(1), boxKey: key(2) },
  device: {
    id: "unit-1",
    owner: "anna",
    key: key(3),
    meters: [{ id: "anna-grid", role: "connection", feeder: "main" }],
  },
};
const word = requestText(request, sha256);
const codeOf = (text: string) => {
  const parsed = parseRequestText(text, sha256);
  return parsed.ok ? "ok" : parsed.code;
};

test("a request comes back from its text, however it was wrapped or written", () => {
  assert.match(word, /^BUSBAR-REQUEST:[A-Z2-7]+$/);
  assert.ok(word.length < 420);
  const lines = word.replace(/(.{40})/g, "$1\r\n  ").toLowerCase();
  for (const text of [word, ` ${lines}\n`]) {
    const parsed = parseRequestText(text, sha256);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.request, request);
  }
});

test("a letter that was copied wrong, lost or doubled is noticed", () => {
  for (let i = requestPrefix.length; i < word.length; i++) {
    const other = word[i] === "A" ? "B" : "A";
    assert.notEqual(codeOf(word.slice(0, i) + other + word.slice(i + 1)), "ok", `${i}`);
    assert.notEqual(codeOf(word.slice(0, i) + word.slice(i + 1)), "ok", `${i}`);
  }
  assert.equal(codeOf(word.slice(0, -8)), "request.copied-wrong");
});

test("what is no request is refused and never thrown at", () => {
  for (const text of ["", requestPrefix, `${requestPrefix}AAAA`, "{}", `${requestPrefix}0189`]) {
    assert.equal(codeOf(text), "request.text", text);
  }
  fc.assert(fc.property(fc.string(), (text) => void codeOf(requestPrefix + text)));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void codeOf(text)));
});
