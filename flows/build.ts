/**
 * Compiles the palette: Node-RED loads CommonJS `.js` with its `.html`, locales and icons beside it.
 * Files are written over, never removed first: a Node-RED that runs from `dist` keeps its icons.
 */
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The palette's nodes: a folder each in `nodes/`. */
export const nodeNames = ["site", "meter", "price", "trade"] as const;

/** Writes `dist/`. Throws esbuild's error where a node does not compile. */
export async function buildPalette(): Promise<void> {
  const { build } = await import("esbuild");
  const source = join(import.meta.dirname, "nodes");
  const target = join(import.meta.dirname, "dist", "nodes");
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, "..", "package.json"), `${JSON.stringify({ type: "commonjs" })}\n`);
  await build({
    entryPoints: nodeNames.map((name) => join(source, name, `${name}.ts`)),
    outdir: target,
    outbase: source,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    // Installed beside the palette; everything of ours goes into the file.
    external: ["mqtt", "tweetnacl"],
    logLevel: "warning",
  });
  for (const name of nodeNames) {
    for (const part of [`${name}.html`, "locales", "icons"]) {
      const from = join(source, name, part);
      if (existsSync(from)) cpSync(from, join(target, name, part), { recursive: true });
    }
  }
}

if (import.meta.main) await buildPalette();
