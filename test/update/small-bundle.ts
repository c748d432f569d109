import { writeFileSync } from "node:fs";
import { debianVersion, type Release } from "../../hardware/package/control.ts";
import { gzip } from "../../hardware/package/deb.ts";
import { sealed } from "../../hardware/package/layout.ts";
import { tarOf } from "../../hardware/package/tar.ts";
import { type Entry, file, type Tree, under } from "../../hardware/package/tree.ts";

/** The program of a bundle whose Node is a script around this one. */
export function smallProgram(release: Release, files: Iterable<readonly [string, Entry]>): Tree {
  const program = new Map<string, Entry>([
    ["bundle.json", file(JSON.stringify(described(release)))],
    ["node_modules/.bin/node", { kind: "link", target: "../node/bin/node" }],
    [
      "node_modules/node/bin/node",
      file(`#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { executable: true }),
    ],
    ...files,
  ]);
  return sealed(program);
}

const described = (release: Release) => ({
  name: "busbar-edge",
  version: debianVersion(release),
  arch: release.arch,
  node: release.node,
  journal: release.journal,
});

/** A package's tarball with such a program in it, and a file of the system. */
export function smallTarball(path: string, program: Tree): void {
  const tree = new Map([
    ...under("opt/busbar", program),
    ["usr/bin/busbar-edge", file("#!/bin/sh\n", { executable: true })] as const,
  ]);
  writeFileSync(path, gzip(tarOf(tree, 1)));
}
