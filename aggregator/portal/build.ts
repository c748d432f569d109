/** Bundles the portal's page for the browser: `app/` → `dist/`. Same sources, same files. */
import { copyFileSync, globSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";
import { chinese } from "./app/chinese.ts";
import { packTexts } from "./app/packed-texts.ts";

const source = join(import.meta.dirname, "app");

/** What the rules of a bill take from Node, by what a browser has. */
const forBrowsers: Plugin = {
  name: "for-browsers",
  setup(build) {
    const sha256 = join(import.meta.dirname, "../../protocol/sha256.ts");
    build.onResolve({ filter: /^node:assert\/strict$/ }, () => ({
      path: join(source, "node/assert.ts"),
    }));
    build.onResolve({ filter: /\/sha256\.ts$/ }, () => ({ path: sha256 }));
    // The whole of it is half as heavy as the one that is fast, and opens a few boxes.
    build.onResolve({ filter: /^tweetnacl$/ }, () => ({
      path: fileURLToPath(import.meta.resolve("tweetnacl/nacl.min.js")),
    }));
    build.onLoad({ filter: /\/portal\/app\/translated\.ts$/ }, () => ({
      contents: `import { nameOf, unpackTexts } from "./packed-texts.ts";
const texts = unpackTexts(${JSON.stringify(packTexts(chinese))});
export const translated = (text) => texts.get(nameOf(text));`,
      loader: "js",
      resolveDir: source,
    }));
  },
};

const browsers = ["chrome111", "firefox114", "safari16.4"];

/** Writes the page to `dist/`. Throws esbuild's error where the page does not compile. */
export async function buildPortal(target = join(import.meta.dirname, "dist")): Promise<void> {
  const { build } = await import("esbuild");
  mkdirSync(target, { recursive: true });
  // Parts that are loaded later are named by what is in them.
  for (const old of globSync("*.js", { cwd: target })) rmSync(join(target, old));
  await build({
    entryPoints: [
      { in: join(source, "main.tsx"), out: "app" },
      { in: join(source, "page.css"), out: "app" },
    ],
    outdir: target,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    charset: "utf8",
    platform: "browser",
    jsx: "automatic",
    jsxImportSource: "preact",
    inject: [join(source, "node/buffer.ts")],
    plugins: [forBrowsers],
    target: browsers,
    logLevel: "warning",
  });
  // A worker is started by itself and as a classic script: an import in it, and no browser registers it.
  await build({
    entryPoints: [{ in: join(source, "push-worker.ts"), out: "push-worker" }],
    outdir: target,
    bundle: true,
    minify: true,
    format: "iife",
    charset: "utf8",
    platform: "browser",
    target: browsers,
    logLevel: "warning",
  });
  for (const file of ["index.html", "icon.svg"])
    copyFileSync(join(source, file), join(target, file));
}

if (import.meta.main) await buildPortal();
