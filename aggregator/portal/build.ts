/** Bundles the portal's page for the browser: `app/` → `dist/`. Same sources, same files. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const source = join(import.meta.dirname, "app");

/** Writes the page to `dist/`. Throws esbuild's error where the page does not compile. */
export async function buildPortal(target = join(import.meta.dirname, "dist")): Promise<void> {
  const { build } = await import("esbuild");
  mkdirSync(target, { recursive: true });
  await build({
    entryPoints: [
      { in: join(source, "main.tsx"), out: "app" },
      { in: join(source, "page.css"), out: "app" },
    ],
    outdir: target,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    jsx: "automatic",
    jsxImportSource: "preact",
    target: ["chrome111", "firefox114", "safari16.4"],
    logLevel: "warning",
  });
  for (const file of ["index.html", "icon.svg"])
    copyFileSync(join(source, file), join(target, file));
}

if (import.meta.main) await buildPortal();
