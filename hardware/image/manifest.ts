import { debianVersion, type Release } from "../package/control.ts";

/**
 * What is in an image: the program's version and commit, its Node, and each Debian package with version,
 * processor and SHA-256. `lists` are lines of these four, of one archive each.
 */
export function manifestOf(release: Release, lists: readonly string[]): string {
  const lines = lists.flatMap((list) => list.split("\n").filter((line) => line !== ""));
  const packages = [...new Set(lines)].sort();
  return [
    `busbar-edge ${debianVersion(release)} ${release.arch} ${release.commit ?? "-"}`,
    `node ${release.node} ${release.arch} -`,
    ...packages,
    "",
  ].join("\n");
}
