import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { chinese } from "./chinese.ts";
import { t } from "./language.ts";
import { nameOf, packTexts, unpackTexts } from "./packed-texts.ts";
import { places } from "./route.ts";

const folder = import.meta.dirname;
const sources = globSync("**/*.{ts,tsx}", { cwd: folder })
  .filter((file) => !file.endsWith(".test.ts"))
  .map((file) => readFileSync(join(folder, file), "utf8"));

/** Texts as the code names them, in one piece. */
const asked = new Set([
  ...sources.flatMap((text) =>
    [...text.matchAll(/\bt\(\s*(?:[\w.]+ === "[^"]+"\s*\?\s*)?"((?:[^"\\]|\\.)*)"/g)].map(
      ([, name = ""]) => name,
    ),
  ),
  ...places.map(({ title }) => title),
]);

test("every text of the page has its Chinese one, and none is left over", () => {
  assert.ok(asked.size > 150, `${asked.size}`);
  const missing = [...asked].filter((name) => !(name in chinese));
  assert.deepEqual(missing, []);
});

test("a text and its Chinese one name the same values", () => {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const [english, other] of Object.entries(chinese)) {
    assert.deepEqual(names(other), names(english), english);
  }
});

test("the bundle's short form has every text, and none that was not packed", () => {
  const texts = unpackTexts(packTexts(chinese));
  for (const [english, other] of Object.entries(chinese))
    assert.equal(texts.get(nameOf(english)), other, english);
  assert.equal(texts.size, Object.keys(chinese).length);
  assert.equal(texts.get(nameOf("a text that nobody translated")), undefined);
  assert.throws(() => packTexts({ a: "one\ntwo" }), /one line/);
});

test("values are filled in; one that is not given stays as its name", () => {
  assert.equal(t("{n} min", { n: 3 }), "3 min");
  assert.equal(t("{n} min"), "{n} min");
});
