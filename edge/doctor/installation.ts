import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemDisk } from "../update/disk.ts";
import { type Finding, fault, ok, warning } from "./finding.ts";

/** The file in which a package or bundle lists the checksums of all its other files. */
export const sumsFile = "SHA256SUMS";

const anew = "a worn card spoils files: install the package or the bundle anew, on another card";

/** Whether each file of an installation is as it was packed; a checkout of the sources has no list. */
export function filesFinding(root: string): Finding {
  const check = "files";
  const list = join(root, sumsFile);
  if (!existsSync(list)) return ok(check, "not packed: nothing to compare with");
  const lines = readFileSync(list, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  const bad: string[] = [];
  for (const line of lines) {
    const [, sum, path] = /^([0-9a-f]{64}) {2}(\S.*)$/.exec(line) ?? [];
    if (sum === undefined || path === undefined) {
      return fault(
        check,
        `${list}: expected a checksum and a path, got ${JSON.stringify(line)}`,
        anew,
      );
    }
    if (sumOf(join(root, path)) !== sum) bad.push(path);
  }
  // A list that was cut off would find everything in order.
  if (lines.length === 0) return fault(check, `${list} is empty`, anew);
  if (bad.length === 0) return ok(check, `${lines.length} files are as they were packed`);
  const more = bad.length > 3 ? ` and ${bad.length - 3} more` : "";
  return fault(check, `not as packed: ${bad.slice(0, 3).join(", ")}${more}`, anew);
}

function sumOf(path: string): string | undefined {
  try {
    const hash = createHash("sha256");
    for (const piece of systemDisk.pieces(path)) hash.update(piece);
    return hash.digest("hex");
  } catch {
    // Gone, or unreadable on a worn card: not as it was packed, either way.
    return undefined;
  }
}

/** The Node that runs, beside the one that the project is made for. */
export function nodeFinding(version: string, sixtyFourBit: boolean): Finding {
  const check = "node";
  const major = Number(/^v(\d+)\./.exec(version)?.[1]);
  if (!sixtyFourBit) {
    return fault(
      check,
      "a 32-bit system",
      "install a 64-bit system: Node ended its 32-bit ARM builds",
    );
  }
  if (major === 24) return ok(check, version);
  const remedy = "use the Node that the package brings: /usr/bin/busbar-edge does";
  if (major > 24) return warning(check, `${version}, newer than what was tested (24)`, remedy);
  return fault(check, `${version}, expected 24`, remedy);
}
