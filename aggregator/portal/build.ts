/** Bundles the portal's page for the browser: `app/` → `dist/`. Same sources, same files. */
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Metafile, Plugin } from "esbuild";
import { chinese } from "./app/chinese.ts";
import { packTexts } from "./app/packed-texts.ts";

const source = join(import.meta.dirname, "app");

/** What the rules of a bill take from Node, by what a browser has; and as much of uPlot as the page uses. */
const forBrowsers: Plugin = {
  name: "for-browsers",
  setup(build) {
    const sha256 = join(import.meta.dirname, "../../protocol/sha256.ts");
    build.onResolve({ filter: /^node:assert\/strict$/ }, () => ({
      path: join(source, "node/assert.ts"),
    }));
    build.onResolve({ filter: /\/sha256\.ts$/ }, () => ({ path: sha256 }));
    build.onLoad({ filter: /\/uPlot\.esm\.js$/ }, ({ path }) => ({ contents: lighter(path) }));
    build.onLoad({ filter: /\/portal\/app\/chinese-texts\.ts$/ }, () => ({
      contents: `import { nameOf, unpackTexts } from "./packed-texts.ts";
const texts = unpackTexts(${JSON.stringify(packTexts(chinese))});
export const inChinese = (text) => texts.get(nameOf(text));`,
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

/** What others wrote of the page. */
export const libraries = ["preact", "preact/*", "uplot", "@noble/*", "qr/*", "tweetnacl"];

/**
 * Writes the page to `dist/`. `outside`: libraries that are left out of it, to see what it weighs without them. Throws
 * esbuild's error where the page does not compile.
 */
export async function buildPortal(
  target = join(import.meta.dirname, "dist"),
  { outside = [] }: { readonly outside?: readonly string[] } = {},
): Promise<void> {
  const { build } = await import("esbuild");
  mkdirSync(target, { recursive: true });
  // Parts that are loaded later are named by what is in them.
  for (const old of globSync("*.js", { cwd: target })) rmSync(join(target, old));
  const { metafile } = await build({
    entryPoints: [
      { in: join(source, "main.ts"), out: "app" },
      { in: join(source, "page.css"), out: "app" },
    ],
    outdir: target,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    charset: "utf8",
    platform: "browser",
    // Half a kilobyte less than the automatic one, whose calls pass each element's children by name.
    jsx: "transform",
    jsxFactory: "h",
    jsxFragment: "Fragment",
    tsconfigRaw: {},
    inject: [join(source, "node/buffer.ts"), join(source, "node/jsx.ts")],
    plugins: [forBrowsers],
    external: [...outside],
    target: browsers,
    metafile: true,
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
  copyFileSync(join(source, "icon.svg"), join(target, "icon.svg"));
  const page = readFileSync(join(source, "index.html"), "utf8");
  writeFileSync(join(target, "index.html"), withPreloads(page, metafile));
}

/** What the page begins with is asked for at once, not when the part before it has come. */
function withPreloads(page: string, { outputs }: Metafile): string {
  const begin = Object.entries(outputs).find(([, { entryPoint }]) =>
    entryPoint?.endsWith("app/start.tsx"),
  );
  if (begin === undefined) throw new Error("expected start.tsx to be a part of the bundle");
  const files = new Set([begin[0]]);
  for (const file of files)
    for (const { kind, path, external } of outputs[file]?.imports ?? [])
      if (kind === "import-statement" && external !== true) files.add(path);
  const links = [...files].map((file) => `<link rel="modulepreload" href="/${basename(file)}">\n`);
  return page.replace("</head>", `${links.join("")}</head>`);
}

if (import.meta.main) await buildPortal();
