import { existsSync, readFileSync } from "node:fs";

/** This program's version: as it was packed, 0.1.0-2, or that of its sources. */
export const version: string = versionIn(
  ["../bundle.json", "./package.json"].map((name) => new URL(name, import.meta.url)),
);

function versionIn(files: readonly URL[]): string {
  const file = files.find((one) => existsSync(one));
  if (file === undefined) throw new Error("the program is not whole: edge/package.json is missing");
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
