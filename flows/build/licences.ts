import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The licences of the packages that bundled files are of, as one text. `inputs` as esbuild names them. */
export function licencesOf(inputs: readonly string[]): string {
  const packages = new Set(inputs.flatMap((input) => packageOf(input) ?? []));
  const texts = [...packages].sort().map((folder) => {
    const { name, version, license } = JSON.parse(
      readFileSync(join(folder, "package.json"), "utf8"),
    ) as { name: string; version: string; license?: string };
    const [file] = globSync("{LICEN[SC]E,licen[sc]e,COPYING}*", { cwd: folder });
    const text = file === undefined ? "" : `\n\n${readFileSync(join(folder, file), "utf8").trim()}`;
    return `${name} ${version} (${license ?? "see below"})${text}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

/** The folder of the installed package that a file is of; undefined for our own. */
function packageOf(input: string): string | undefined {
  if (!input.includes("node_modules/")) return undefined;
  for (let folder = dirname(input); folder !== "."; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && "name" in JSON.parse(readFileSync(file, "utf8"))) return folder;
  }
  return undefined;
}
