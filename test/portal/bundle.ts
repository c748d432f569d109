import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { buildPortal, libraries } from "../../aggregator/portal/build.ts";
import { dist } from "./scene.ts";

const limit = 150_000;

const read = (file: string, folder = dist) => readFileSync(join(folder, file), "utf8");
const weight = (files: Iterable<string>, folder = dist) =>
  [...files].reduce((sum, file) => sum + gzipSync(read(file, folder), { level: 9 }).length, 0);
const partsIn = (folder: string) =>
  readdirSync(folder).filter((file) => /\.(?:js|css)$/.test(file));

test("our own bundle weighs at most 150 kB compressed: all parts, in both languages", async (t) => {
  const own = join(dist, "../own");
  await buildPortal(own, { outside: libraries });
  const ours = weight(partsIn(own), own);
  t.diagnostic(`own: ${ours} bytes`);
  assert.ok(ours <= limit, `${ours} bytes in ${partsIn(own).join(", ")}`);
  assert.ok(!partsIn(own).some((file) => /uPlot\.|preact\.options/.test(read(file, own))));
  // Libraries with it, and the texts of one language alone, as browsers load them.
  const all = partsIn(dist);
  const besides = { english: /^chinese|^decode-/, chinese: /^english-[A-Z]|^decode-/ };
  for (const [language, other] of Object.entries(besides)) {
    assert.ok(
      all.some((file) => other.test(file)),
      all.join(", "),
    );
    t.diagnostic(`${language}: ${weight(all.filter((file) => !other.test(file)))} bytes`);
  }
  t.diagnostic(
    `reading QR codes: ${weight(all.filter((file) => file.startsWith("decode-")))} bytes`,
  );
});

test("what is loaded before anything is shown weighs at most 120 kB, and is asked for at once", (t) => {
  const page = read("index.html");
  const named = [...page.matchAll(/(?:src|href)="\/([\w-]+\.(?:js|css))"/g)].map(
    ([, file = ""]) => file,
  );
  const first = new Set(named);
  for (const file of first)
    for (const [, next = ""] of read(file).matchAll(/(?:from|import)"\.\/([\w-]+\.js)"/g))
      first.add(next);
  t.diagnostic(`${weight(first)} bytes in ${[...first].join(", ")}`);
  assert.ok(weight(first) <= 120_000, `${weight(first)} bytes in ${[...first].join(", ")}`);
  assert.deepEqual([...first].sort(), [...new Set(named)].sort());
});
