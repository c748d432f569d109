/**
 * Compiles the palette: Node-RED loads CommonJS `.js` with its `.html`, locales and icons beside it.
 * Files are written over, never removed first: a Node-RED that runs from `dist` keeps its icons.
 */
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expandEditor } from "./build/editor.ts";
import { licencesOf } from "./build/licences.ts";
import { type Catalogue, mergeLocales } from "./build/locales.ts";
import manifest from "./package.json" with { type: "json" };

const root = import.meta.dirname;
const source = join(root, "nodes");
const dist = join(root, "dist");
const target = join(dist, "nodes");

/** The palette's nodes: a folder each in `nodes/`. */
export const nodeNames: readonly string[] = Object.keys(manifest["node-red"].nodes).map((type) =>
  type.replace(/^busbar-/, ""),
);

/** Languages that every text is said in. */
export const languages = ["en-US", "zh-CN"] as const;

/** Writes `dist/`. Throws esbuild's error where a node does not compile. */
export async function buildPalette(): Promise<void> {
  mkdirSync(target, { recursive: true });
  writeFileSync(join(dist, "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  const bundled = [...(await bundleNodes()), ...(await bundleCommand())];
  writeFileSync(join(dist, "LICENCES.txt"), licencesOf(bundled));
  for (const name of nodeNames) writeEditor(name);
  copyProfiles();
  const now = new Date();
  utimesSync(join(dist, "package.json"), now, now);
}

/** What the palette is made of, beside the packages of the lock file. */
const made = [
  "flows/{*.ts,package.json,build/**,nodes/**,check/**,replay/**,generate/**,runtime/**,commands/**}",
  "{edge,protocol}/**/*.{ts,json}",
  "hardware/meters/*.yaml",
  "package-lock.json",
];

/** Writes `dist/` where something that it is made of is younger: each of many tests wants it. */
export async function freshPalette(): Promise<void> {
  const built = statSync(join(dist, "package.json"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = globSync(made, { cwd: join(root, ".."), exclude: ["**/node_modules/**"] });
  const isOld = sources.some((file) => statSync(join(root, "..", file)).mtimeMs >= built);
  if (isOld) await buildPalette();
}

/** Installed beside the palette; everything of ours, and what our drivers are made of, goes in. */
const installed = Object.keys(manifest.dependencies);

async function bundleNodes(): Promise<string[]> {
  const { build } = await import("esbuild");
  const { metafile } = await build({
    entryPoints: nodeNames.map((name) => join(source, name, `${name}.ts`)),
    outdir: target,
    outbase: source,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node22",
    external: installed,
    metafile: true,
    // Drivers find the meter profiles beside them, wherever the palette was installed.
    define: { "import.meta.url": "busbarModuleUrl" },
    banner: { js: 'const busbarModuleUrl = require("node:url").pathToFileURL(__filename).href;' },
    logLevel: "warning",
  });
  return Object.keys(metafile.inputs);
}

/** `busbar-flows` for an installed package; in a checkout the sources run. */
async function bundleCommand(): Promise<string[]> {
  const { build } = await import("esbuild");
  const { metafile } = await build({
    entryPoints: [join(root, "cli.ts")],
    outfile: join(dist, "cli.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node22",
    external: [...installed, "esbuild", "node-red", "./build.ts"],
    metafile: true,
    banner: {
      js: 'import { createRequire as busbarRequire } from "node:module"; const require = busbarRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  return Object.keys(metafile.inputs);
}

function writeEditor(name: string): void {
  const helpers = readFileSync(join(source, "link", "editor.js"), "utf8");
  // What the editor shows beside the node's own form stands in files of its own.
  const pages = globSync("*.html", { cwd: join(source, name) }).sort();
  const page = pages.map((file) => readFileSync(join(source, name, file), "utf8")).join("\n");
  mkdirSync(join(target, name), { recursive: true });
  writeFileSync(join(target, name, `${name}.html`), expandEditor(page, helpers));
  for (const language of languages) writeLocale(name, language);
  const icons = join(source, name, "icons");
  if (existsSync(icons)) cpSync(icons, join(target, name, "icons"), { recursive: true });
}

function writeLocale(name: string, language: string): void {
  const from = join(source, name, "locales", language);
  const to = join(target, name, "locales", language);
  mkdirSync(to, { recursive: true });
  const json = (file: string) => JSON.parse(readFileSync(file, "utf8")) as Catalogue;
  const shared = json(join(source, "link", "locales", `${language}.json`));
  const merged = mergeLocales(shared, json(join(from, `${name}.json`)));
  writeFileSync(join(to, `${name}.json`), JSON.stringify(merged));
  const help = join(from, `${name}.html`);
  if (existsSync(help)) cpSync(help, join(to, `${name}.html`));
}

/** At the place where the drivers look for them from `dist/nodes/<name>/`. */
function copyProfiles(): void {
  const from = join(root, "..", "hardware", "meters");
  const to = join(dist, "hardware", "meters");
  mkdirSync(to, { recursive: true });
  for (const file of globSync("*.yaml", { cwd: from })) cpSync(join(from, file), join(to, file));
}

if (import.meta.main) await buildPalette();
