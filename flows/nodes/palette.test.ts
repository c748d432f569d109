import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { expandEditor } from "../build/editor.ts";
import { mergeLocales } from "../build/locales.ts";
import { freshPalette, languages, nodeNames } from "../build.ts";
import { checkCodes } from "../check/finding.ts";
import { flowsCodes } from "../codes.ts";
import manifest from "../package.json" with { type: "json" };

const root = join(import.meta.dirname, "..");
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const types = Object.keys(manifest["node-red"].nodes);

/** Catalogue entries as `busbar.status.silent` → text, as the editor gets them. */
function catalogue(name: string, language: string): Map<string, string> {
  const flat = new Map<string, string>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value === "string") return void flat.set(path, value);
    for (const [key, inner] of Object.entries(value as object)) walk(inner, `${path}.${key}`);
  };
  walk(JSON.parse(read("dist/nodes", name, "locales", language, `${name}.json`)).busbar, "busbar");
  return flat;
}

/** Examples that need a further palette stand in a folder that says which. */
const further = { "with FlowFuse Dashboard": /^ui-[a-z]+$/ };

const examples = globSync("examples/**/*.json", { cwd: root }).map((file) => ({
  file,
  further: Object.entries(further).find(([folder]) => file.split("/").includes(folder))?.[1],
  nodes: JSON.parse(read(file)) as ({ id: string; type: string } & Record<string, unknown>)[],
}));

before(freshPalette);

test("the package follows Node-RED's packaging rules", () => {
  assert.match(manifest.name, /^@[a-z-]+\/node-red-/);
  assert.ok(manifest.keywords.includes("node-red"));
  assert.equal(manifest.license, "Apache-2.0");
  assert.match(manifest["node-red"].version, /^>=4/);
  assert.match(manifest.engines.node, /^>=\d+/);
  const installed = Object.keys(manifest.dependencies);
  assert.ok(installed.length <= 6 && installed.every((name) => !name.startsWith("@busbar/")));
  assert.equal(new Set(types).size, types.length);
  assert.ok(types.every((type) => /^busbar-[a-z]+$/.test(type)));
  for (const file of manifest.files) assert.ok(existsSync(join(root, file)), file);
});

test("each node is compiled, with template, help, locales and icon beside it", () => {
  for (const [type, file] of Object.entries(manifest["node-red"].nodes)) {
    const html = read(file.replace(/js$/, "html"));
    assert.ok(read(file).includes(`"${type}"`), file);
    assert.ok(html.includes(`data-template-name="${type}"`), type);
    assert.ok(!html.includes("<busbar-row") && !html.includes("data-busbar"), type);
    const icon = /look\("([^"]+)"/.exec(html)?.[1];
    if (type !== "busbar-site") assert.ok(existsSync(join(root, file, "..", "icons", icon ?? "?")));
  }
  assert.ok(globSync("dist/hardware/meters/*.yaml", { cwd: root }).length > 20);
  assert.match(read("dist/LICENCES.txt"), /modbus-serial .*\(ISC\)/);
});

test("every label, output and status is said in every language, with the same keys", () => {
  for (const name of nodeNames) {
    const [english, ...others] = languages.map((language) => catalogue(name, language));
    for (const other of others) {
      // The check itself speaks English.
      const keys = [...other.keys()].filter((key) => !key.startsWith(found));
      assert.deepEqual(keys.sort(), [...(english ?? []).keys()].sort(), name);
    }
    const source = globSync(
      [`nodes/${name}/*.ts`, `nodes/link/*.ts`, `dist/nodes/${name}/*.html`],
      { cwd: root },
    )
      .filter((file) => !file.endsWith(".test.ts"))
      .map((file) => read(file))
      .join("\n");
    for (const [key] of source.matchAll(/busbar\.[a-z-]+\.[\w-]+(?=["\]])/g)) {
      assert.ok(english?.has(key), `${name}: no text for ${key}`);
    }
    for (const [, of] of source.matchAll(/data-i18n="(?:\[placeholder\])?(busbar\.[\w.-]+)"/g)) {
      assert.ok(english?.has(of ?? ""), `${name}: no text for ${of}`);
    }
  }
});

const found = "busbar.check.found.";

test("each kind of finding of the check has its sentence and its remedy in the other languages", () => {
  for (const language of languages.slice(1)) {
    const texts = catalogue("site", language);
    const said = [...texts.keys()].filter((key) => key.startsWith(found));
    const due = Object.keys(checkCodes).flatMap((code) => [
      `${found}${code}.what`,
      `${found}${code}.remedy`,
    ]);
    assert.deepEqual(said.sort(), due.sort());
    assert.ok(said.every((key) => (texts.get(key) ?? "").length > 5));
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
      const help = read("dist/nodes", name, "locales", language, `${name}.html`);
      assert.ok(help.includes(`data-help-name="busbar-${name}"`));
      const found = [...help.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, heading]) => heading ?? "");
      const places = found.map((heading) => order.indexOf(heading));
      assert.ok(found.length > 0 && !places.includes(-1), `${name} ${language}: ${found}`);
      assert.deepEqual(places, [...places].sort());
    }
  }
});

test("every node is in an example; examples name no secret, share no id and load nothing else", () => {
  const core = [
    "tab",
    "comment",
    "function",
    "rbe",
    "switch",
    "debug",
    "inject",
    "catch",
    "template",
  ];
  const allowed = new Set([...core, "http in", "http response"]);
  const seen = new Set<string>();
  const ids = examples.flatMap(({ nodes }) => nodes.map(({ id }) => id));
  assert.equal(new Set(ids).size, ids.length);
  for (const { file, further, nodes } of examples) {
    for (const { type } of nodes) {
      if (further === undefined) seen.add(type);
      const known = allowed.has(type) || types.includes(type) || further?.test(type);
      assert.ok(known, `${file}: ${type}`);
    }
    assert.ok(!JSON.stringify(nodes).includes("credentials"));
    const [tab] = nodes;
    assert.ok(String(tab?.info).length > 40 && String(tab?.label).length > 5, file);
  }
  assert.deepEqual(
    types.filter((type) => !seen.has(type)),
    [],
  );
});

test("every code of our own is catalogued, and every catalogued one is used", () => {
  const files = globSync("{nodes,runtime,commands,replay,check,generate}/**/*.ts", {
    cwd: root,
  }).concat("cli.ts");
  const used = files
    .filter((file) => !file.endsWith(".test.ts"))
    .flatMap((file) =>
      [...read(file).matchAll(/"(flows\.[a-z-]+)"/g)].map(([, code]) => code ?? ""),
    );
  // A file and a right of Node-RED's that look like codes.
  const others = ["flows.json", "flows.read"];
  const codes = new Set(used.filter((name) => !others.includes(name)));
  assert.deepEqual([...codes].sort(), Object.keys(flowsCodes).sort());
});

test("a row of an unknown kind, or without a property, stops the build", () => {
  assert.match(expandEditor('  <busbar-row of="a" icon="b">\n', ""), /id="node-input-a"/);
  assert.throws(() => expandEditor('  <busbar-row of="a" as="strange">\n', ""), /strange/);
  assert.throws(() => expandEditor('  <busbar-row icon="b">\n', ""));
  assert.deepEqual(mergeLocales({ a: { b: "1", c: "2" } }, { a: { b: "3" } }), {
    a: { b: "3", c: "2" },
  });
});
