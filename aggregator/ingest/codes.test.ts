import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { brokerCodes } from "../broker/codes.ts";
import { ingestCodes } from "./codes.ts";

const catalogue = { ...brokerCodes, ...ingestCodes };
const areas = "broker|guard|login|rights|ingest|pool";

function codesInSource(): ReadonlySet<string> {
  const files = ["broker", "ingest"].flatMap((folder) =>
    globSync(join(import.meta.dirname, "..", folder, "*.ts")),
  );
  const sources = files.filter(
    (file) => !file.endsWith(".test.ts") && basename(file) !== "codes.ts",
  );
  const literal = new RegExp(`"((?:${areas})\\.[a-z-]+)"`, "g");
  return new Set(
    sources.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(literal)].map(([, code = ""]) => code),
    ),
  );
}

test("each code that broker and ingest use is in the catalogue, and each there is used", () => {
  assert.deepEqual([...codesInSource()].sort(), Object.keys(catalogue).sort());
});

test("each code has the form area.reason, fits an answer, and has one line of explanation", () => {
  for (const [code, rule] of Object.entries(catalogue)) {
    assert.match(code, new RegExp(`^(?:${areas})\\.[a-z]+(-[a-z]+)*$`));
    assert.ok(code.length <= 64, code);
    assert.match(rule, /^[^\n]{10,100}$/, code);
  }
});
