import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { buildPalette, nodeNames } from "../build.ts";
import manifest from "../package.json" with { type: "json" };

const root = join(import.meta.dirname, "..");
const languages = ["en-US", "zh-CN"];
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");

/** Catalogue entries as `busbar.status.silent` → text. */
function catalogue(name: string, language: string): Map<string, string> {
  const flat = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value === "string") return void flat.set(path, value);
    for (const [key, inner] of Object.entries(value as object)) walk(inner, `${path}.${key}`);
  };
  walk(JSON.parse(read("nodes", name, "locales", language, `${name}.json`)).busbar, "busbar");
  return flat;
}

before(buildPalette);

test("the package follows Node-RED's packaging rules", () => {
  assert.match(manifest.name, /^@[a-z-]+\/node-red-/);
  assert.ok(manifest.keywords.includes("node-red"));
  assert.ok(manifest["node-red"].version && manifest.engines.node);
  assert.ok(Object.keys(manifest.dependencies).length <= 6);
  assert.deepEqual(
    Object.keys(manifest["node-red"].nodes),
    nodeNames.map((name) => `busbar-${name}`),
  );
});

test("each node is compiled, with template, locales and icon beside it", () => {
  for (const [type, file] of Object.entries(manifest["node-red"].nodes)) {
    assert.ok(existsSync(join(root, file)), file);
    const html = read(file.replace(/js$/, "html"));
    assert.ok(html.includes(`data-template-name="${type}"`), type);
    const icon = /icon: "([^"]+)"/.exec(html)?.[1];
    if (type !== "busbar-site") assert.ok(existsSync(join(root, file, "..", "icons", icon ?? "?")));
  }
});

test("every label, output and status is said in every language, with the same keys", () => {
  for (const name of nodeNames) {
    const [english, ...others] = languages.map((language) => catalogue(name, language));
    for (const other of others) assert.deepEqual([...other.keys()], [...(english ?? []).keys()]);
    const source = globSync(`{nodes/${name},nodes/link}/*.{ts,html}`, { cwd: root })
      .filter((file) => !file.endsWith(".test.ts"))
      .map((file) => read(file))
      .join("\n");
    // The site node has no status of its own: those keys belong to the nodes that use it.
    for (const [key] of source.matchAll(/busbar\.[a-z-]+(?:\.[\w-]+)?(?=["\]])/g)) {
      if (name === "site" && key.startsWith("busbar.status")) continue;
      assert.ok(english?.has(key), `${name}: no text for ${key}`);
    }
  }
});

test("status texts are shorter than 20 characters", () => {
  for (const name of nodeNames) {
    for (const language of languages) {
      for (const [key, text] of catalogue(name, language)) {
        if (key.startsWith("busbar.status.")) assert.ok(text.length < 20, `${key}: ${text}`);
      }
    }
  }
});

test("help stands in Node-RED's order, in every language", () => {
  const headings = {
    "en-US": ["Inputs", "Outputs", "Details", "References"],
    "zh-CN": ["输入", "输出", "详细", "参考"],
  };
  for (const name of nodeNames) {
    for (const [language, order] of Object.entries(headings)) {
      const help = read("nodes", name, "locales", language, `${name}.html`);
      assert.ok(help.includes(`data-help-name="busbar-${name}"`));
      const found = [...help.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, heading]) => heading ?? "");
      const places = found.map((heading) => order.indexOf(heading));
      assert.ok(found.length > 0 && !places.includes(-1), `${name} ${language}: ${found}`);
      assert.deepEqual(places, [...places].sort());
    }
  }
});

test("the example shows every node, names no secret and loads nothing else", () => {
  const nodes = JSON.parse(read("examples", "price-and-meter.json")) as { type: string }[];
  const types = new Set(nodes.map(({ type }) => type));
  for (const type of Object.keys(manifest["node-red"].nodes)) assert.ok(types.has(type), type);
  const core = ["tab", "comment", "function", "rbe", "switch", "debug"];
  for (const type of types) assert.ok(core.includes(type) || type.startsWith("busbar-"), type);
  assert.ok(!JSON.stringify(nodes).includes("credentials"));
});
