import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

/** Which top-level folder may import which others; its own is always allowed. */
const ladder: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  edge: ["protocol"],
  aggregator: ["protocol"],
  flows: ["protocol", "edge"],
  hardware: ["protocol"],
  test: ["protocol", "edge", "aggregator", "flows", "hardware"],
};

const packages: Readonly<Record<string, string>> = {
  "@busbar/protocol": "protocol",
  "@busbar/edge": "edge",
  "@busbar/aggregator": "aggregator",
  "@busbar/node-red-busbar": "flows",
};

const files = Object.keys(ladder)
  .flatMap((folder) => globSync(`${folder}/**/*.{ts,tsx}`))
  .filter((file) => !/node_modules|\/dist\//.test(file));

type Import = { readonly from: string; readonly specifier: string };

const imports: readonly Import[] = files.flatMap((from) => {
  const text = readFileSync(from, "utf8");
  const found = text.matchAll(
    /^\s*(?:import|export)\b[^;"'`]*?from\s+["']([^"']+)["']|^import\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm,
  );
  return [...found].map((match) => ({ from, specifier: match[1] ?? match[2] ?? match[3] ?? "" }));
});

const isTest = (file: string) => file.endsWith(".test.ts");
const room = (file: string) => file.split("/")[0] ?? "";

function target({ from, specifier }: Import): string | undefined {
  if (specifier.startsWith(".")) return normalize(join(dirname(from), specifier));
  const name = Object.keys(packages).find(
    (pkg) => specifier === pkg || specifier.startsWith(`${pkg}/`),
  );
  if (name === undefined) return undefined;
  return `${packages[name]}/${specifier.slice(name.length + 1) || "index"}`;
}

test("the tree was read", () => {
  assert.ok(
    files.length > 40 && imports.length > 100,
    `${files.length} files, ${imports.length} imports`,
  );
});

test("rooms import only down the ladder; tests may use test/support besides", () => {
  for (const entry of imports) {
    const to = target(entry);
    if (to === undefined) continue;
    const [here, there] = [room(entry.from), room(to)];
    if (here === there || ladder[here]?.includes(there)) continue;
    if (isTest(entry.from) && to.startsWith("test/")) continue;
    assert.fail(`${entry.from} imports ${entry.specifier}: ${here} may not use ${there}`);
  }
});

test("other packages are imported by name, never by path", () => {
  for (const entry of imports) {
    if (!entry.specifier.startsWith(".")) continue;
    const to = target(entry) ?? "";
    const testSupport = to.startsWith("test/") && isTest(entry.from);
    const inTests = room(entry.from) === "test";
    if (inTests || testSupport) continue;
    assert.equal(room(to), room(entry.from), `${entry.from} reaches into ${to}`);
  }
});

test("the protocol's public entry needs no Node", () => {
  const reached = new Set<string>(["protocol/index.ts"]);
  for (const file of reached) {
    for (const entry of imports.filter(({ from }) => from === file)) {
      const bare = entry.specifier.replace(/^node:/, "").split("/")[0] ?? "";
      assert.ok(
        !entry.specifier.startsWith("node:") && !builtinModules.includes(bare),
        `${file} imports ${entry.specifier}`,
      );
      const to = target(entry);
      if (to !== undefined) reached.add(to);
    }
  }
  assert.ok(reached.size > 20);
});

test("no import cycle, type imports included", () => {
  const edges = new Map<string, string[]>();
  for (const entry of imports) {
    const to = target(entry);
    if (to === undefined) continue;
    const file = entry.specifier.startsWith(".")
      ? to
      : `${to}${to.endsWith("index") ? ".ts" : "/index.ts"}`;
    edges.set(entry.from, [...(edges.get(entry.from) ?? []), file]);
  }
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) assert.fail(`import cycle: ${[...path.slice(at), file].join(" → ")}`);
    if (done.has(file)) return;
    path.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
});

test("CI installs each Debian package that a test asks for", () => {
  const list = /^packages=\((.*)\)$/m.exec(readFileSync(".ci/run", "utf8"))?.[1]?.split(" ") ?? [];
  // On every Debian system (Essential: yes).
  const always = ["dash", "bsdutils", "util-linux", "perl-base", "dpkg", "tar"];
  const asked = files
    .filter((file) => !file.endsWith("programs.test.ts"))
    .flatMap((file) => [
      ...readFileSync(file, "utf8").matchAll(
        /(?<![.\w])program\(\s*"[^"]+",\s*"([a-z0-9.+-]+)",?\s*\)/g,
      ),
    ])
    .map((match) => match[1] ?? "");
  assert.ok(list.length > 5 && asked.length > 5);
  assert.deepEqual(
    asked.filter((name) => !list.includes(name) && !always.includes(name)),
    [],
  );
});

test("protocol's public entry loads hashes and nothing else from outside", () => {
  const seen = new Set<string>();
  const outside = new Set<string>();
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const entry of imports.filter(({ from }) => from === file)) {
      if (entry.specifier.startsWith(".")) follow(target(entry) ?? "");
      else outside.add(entry.specifier.split("/").slice(0, 2).join("/"));
    }
  };
  follow("protocol/index.ts");
  assert.ok(seen.size > 20);
  assert.deepEqual([...outside], ["@noble/hashes"]);
});
