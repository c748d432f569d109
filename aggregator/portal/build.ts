/** Bundles the portal's page for the browser: `app/` → `dist/`. Same sources, same files. */
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { chinese } from "./app/chinese.ts";
import { packTexts } from "./app/packed-texts.ts";

const source = join(import.meta.dirname, "app");

/** What the rules of a bill take from Node, by what a browser has; and as much of a library as the page uses. */
const forBrowsers: Plugin = {
  name: "for-browsers",
  setup(build) {
    const sha256 = join(import.meta.dirname, "../../protocol/sha256.ts");
    build.onResolve({ filter: /^node:assert\/strict$/ }, () => ({
      path: join(source, "node/assert.ts"),
    }));
    build.onResolve({ filter: /\/sha256\.ts$/ }, () => ({ path: sha256 }));
    build.onResolve({ filter: /^tweetnacl$/ }, () => ({ path: join(source, "node/nacl.ts") }));
    build.onLoad({ filter: /\/uPlot\.esm\.js$/ }, ({ path }) => ({ contents: lighter(path) }));
    build.onLoad({ filter: /\/portal\/app\/translated\.ts$/ }, () => ({
      contents: `import { nameOf, unpackTexts } from "./packed-texts.ts";
const texts = unpackTexts(${JSON.stringify(packTexts(chinese))});
export const translated = (text) => texts.get(nameOf(text));`,
      loader: "js",
      resolveDir: source,
    }));
  },
};

/** uPlot without the ways to draw that no chart here asks for: it names them, so esbuild cannot leave them out. */
function lighter(path: string): string {
  return ["stepped", "bars", "spline"].reduce(
    (source, name) => {
      const named = new RegExp(`^\\s*\\(paths\\.${name}\\s*= \\w+\\);$`, "m");
      if (!named.test(source)) throw new Error(`${path}: expected it to name paths.${name}`);
      return source.replace(named, "");
    },
    readFileSync(path, "utf8"),
  );
}

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
