import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { contractHash, contractSources } from "./sources.ts";
import { contractVersions } from "./versions.ts";

const root = join(import.meta.dirname, "../../..");
const sources = contractSources(root);

test("the newest version's hash is that of the sources as they are", () => {
  const newest = contractVersions.at(-1);
  assert.ok(newest);
  assert.equal(
    Buffer.from(newest.hash).toString("hex"),
    contractHash(root, sources),
    `the rules changed, and version ${newest.version} of the market's contract did not. While no release has that version: \
node aggregator/ledger/contract/write-versions.ts. After it: leave its line as it is, keep its rules for the slots that have it, \
and add a line for the next version`,
  );
});

test("versions count up from 1", () => {
  const numbers = contractVersions.map(({ version }) => version);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i + 1),
  );
});

test("the sources are all that decides a slot, and nothing that does not", () => {
  const inside = [
    "aggregator/ledger/execution.ts",
    "aggregator/ledger/accounts.ts",
    "aggregator/ledger/slots.ts",
    "aggregator/ledger/rules/readings.ts",
    "aggregator/ledger/rules/cases/carry-out-correction.ts",
    "aggregator/ledger/rules/market/opening.ts",
    "aggregator/market/colony/colony.ts",
    "aggregator/market/clearing/clearing.ts",
    "aggregator/market/kdtree/kd-tree.ts",
    "aggregator/settlement/settle.ts",
    "protocol/units/money.ts",
    "protocol/messages/market.ts",
    "protocol/cbor/encode.ts",
  ];
  for (const file of inside) assert.ok(sources.includes(file), file);
  const outside =
    /\.test\.ts$|rules\/members|versions\.ts$|ledger\/store|consensus|portal|commands|^edge/;
  assert.deepEqual(
    sources.filter((file) => outside.test(file)),
    [],
  );
});

test("nothing in the sources may differ between machines", () => {
  // ECMAScript leaves these to the machine, or they ask it: only + − × ÷ and √ are exact.
  const differs =
    /\bMath\.(?:acosh?|asinh?|atan[2h]?|cbrt|cosh?|exp|expm1|hypot|log\w*|pow|random|sinh?|tanh?)\b|\*\*|\bDate\.|\bDate\(\)|\bIntl\b|toLocale|localeCompare|performance\./;
  const code = (file: string) =>
    readFileSync(join(root, file), "utf8")
      .replaceAll(/\/\*[\s\S]*?\*\//g, "")
      .replaceAll(/(^|[^:])\/\/.*$/gm, "$1")
      // Small whole powers of 2 and 10 are whole numbers, exact everywhere.
      .replaceAll(/\b(?:2|10) \*\* /g, "");
  const found = sources.flatMap((file) => {
    const [match] = differs.exec(code(file)) ?? [];
    return match === undefined ? [] : [`${file}: ${match}`];
  });
  assert.deepEqual(found, []);
  assert.match("a ** b", differs);
  assert.ok(
    !sources.includes("aggregator/market/game/printed.ts"),
    "as printed is to compare only",
  );
});

test("a changed, a renamed and a newly imported source each make another hash", (t) => {
  const copy = mkdtempSync(join(tmpdir(), "busbar-contract-"));
  t.after(() => rmSync(copy, { recursive: true }));
  const entrances = ["index.ts", "schema/index.ts", "forecast/index.ts"];
  for (const file of [...sources, ...entrances.map((name) => `protocol/${name}`)]) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  const plain = contractHash(root, sources);
  assert.equal(contractHash(copy), plain, "the hash knows no place");
  const settle = join(copy, "aggregator/settlement/settle.ts");
  const text = readFileSync(settle, "utf8");
  writeFileSync(settle, `${text}\n`);
  assert.notEqual(contractHash(copy), plain);
  writeFileSync(join(dirname(settle), "more.ts"), "export const more = 1;\n");
  writeFileSync(settle, `import { more } from "./more.ts";\n${text}\nexport const all = more;\n`);
  assert.ok(contractSources(copy).includes("aggregator/settlement/more.ts"));
  writeFileSync(settle, text);
  assert.equal(contractHash(copy), plain);
  const renamed = sources.map((file) => (file === "protocol/sha256.ts" ? "protocol/sha.ts" : file));
  cpSync(join(copy, "protocol/sha256.ts"), join(copy, "protocol/sha.ts"));
  assert.notEqual(contractHash(copy, renamed), plain);
});
