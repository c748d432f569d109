import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ledgerCodes } from "../aggregator/ledger/codes.ts";
import { accessCodes } from "../aggregator/portal/access/codes.ts";
import { refusals } from "../aggregator/portal/app/texts/refusals.ts";
import { protocolCodes } from "../protocol/refusal-codes.ts";

/** The string literals of a room's code that look like codes of the given areas. */
function codesIn(folders: readonly string[], areas: readonly string[]): Set<string> {
  const literal = new RegExp(`"((?:${areas.join("|")})\\.[a-z-]+)"`, "g");
  const files = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`));
  const own = files.filter((file) => !/\.test\.ts$|codes\.ts$|node_modules/.test(file));
  return new Set(
    own.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(literal)].map(([, code]) => code ?? ""),
    ),
  );
}

const areasOf = (catalogue: object) => [
  ...new Set(Object.keys(catalogue).map((code) => code.split(".")[0] ?? "")),
];

test("every code that the ledger refuses with is catalogued, and every catalogued one is used", () => {
  const used = codesIn(["aggregator/ledger", "aggregator/market"], areasOf(ledgerCodes));
  assert.deepEqual([...used].sort(), Object.keys(ledgerCodes).sort());
});

test("the same holds for the protocol's codes", () => {
  const used = codesIn(["protocol"], areasOf(protocolCodes));
  // Made of two parts in one place: the filter says what is wrong, its caller with what.
  const composed = ["canonical", "low-order"].flatMap((fault) => [
    `key.${fault}`,
    `signature.${fault}`,
  ]);
  const files = ["key.malformed", "key.missing", "key.unreadable"]; // Failures of a file, not refusals
  const refused = [...used].filter((code) => !files.includes(code));
  assert.deepEqual(
    [...new Set([...refused, ...composed])].sort(),
    Object.keys(protocolCodes).sort(),
  );
});

test("no code stands in two catalogues", () => {
  const twice = Object.keys(ledgerCodes).filter((code) => code in protocolCodes);
  assert.deepEqual(twice, []);
});

/** What the portal's page hands in, asks for and checks. */
const ofPages =
  /^(access|admission|ballot|bill|cbor|certificate|demand|envelope|frame|ingest|key|message|motion|notice|payment|pool|portal|preferences|proof|quote|receipt|request|signature|tx)\./;

test("every refusal that the portal's page can show is said in Chinese too", () => {
  const literals = (folder: string, literal: RegExp) =>
    globSync(`aggregator/${folder}/**/*.ts`)
      .filter((file) => !file.endsWith(".test.ts") && !file.includes("portal/app/"))
      .flatMap((file) => [...readFileSync(file, "utf8").matchAll(literal)])
      .map(([, code = ""]) => code);
  const known = [
    ...Object.keys({ ...ledgerCodes, ...protocolCodes, ...accessCodes }),
    ...literals("settlement/bill", /"(bill\.(?!css|html)[a-z-]+)"/g),
    ...literals("portal", /code: "(portal\.[a-z-]+)"/g),
    ...literals("ingest", /"((?:ingest|pool)\.[a-z-]+)"/g),
  ].filter((code) => ofPages.test(code));
  const missing = [...new Set(known)].filter((code) => !(code in refusals)).sort();
  assert.deepEqual(missing, [], "to be added to aggregator/portal/app/texts/refusals.ts");
  for (const text of Object.values(refusals)) assert.match(text, /^[^{}]*[\u4e00-\u9fff][^{}]*$/);
});
