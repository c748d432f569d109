import { readFileSync } from "node:fs";
import { join } from "node:path";
import { debianVersion, type Release } from "./control.ts";
import { sha256sums } from "./deb.ts";
import { gather } from "./gather.ts";
import { keptOfMeters, keptOfRoom } from "./kept.ts";
import { type Entry, file, inOrder, type Tree, under } from "./tree.ts";

const here = import.meta.dirname;

/**
 * All that is installed, by its path from the root: the program below /opt/busbar, and what tells the
 * system of it. `modules` are entries below `node_modules/`.
 */
export function layoutOf(
  root: string,
  release: Release,
  modules: Iterable<readonly [string, Entry]>,
): Tree {
  const program = programOf(root, release, modules);
  return new Map([...under("opt/busbar", program), ...systemFiles(root)]);
}

/** What stands below /opt/busbar, with the checksums of all of it: the same in a package and a bundle. */
export function programOf(
  root: string,
  release: Release,
  modules: Iterable<readonly [string, Entry]>,
): Tree {
  const program = new Map<string, Entry>([
    ["package.json", file(rootPackage(release))],
    ["bundle.json", file(bundleText(release))],
    ["LICENSE", fileOf(root, "LICENSE")],
    ...under("edge", gather(join(root, "edge"), keptOfRoom)),
    ...under("protocol", gather(join(root, "protocol"), keptOfRoom)),
    ...under("hardware/meters", gather(join(root, "hardware/meters"), keptOfMeters)),
    ["hardware/systemd/README.md", fileOf(root, "hardware/systemd/README.md")],
    ["system/configure", script("system/configure")],
    ["system/remove", script("system/remove")],
    ...modules,
  ]);
  return sealed(program);
}

/** A program with the lists of its links and of its files' checksums. */
export function sealed(program: Tree): Tree {
  const all = new Map(program).set("LINKS", file(linksText(program)));
  all.delete("SHA256SUMS");
  return all.set("SHA256SUMS", file(sha256sums(all)));
}

/** Each link with its target: checksums are of files alone. */
function linksText(tree: Tree): string {
  return inOrder(tree)
    .flatMap(([path, entry]) => (entry.kind === "link" ? [`${path}\t${entry.target}\n`] : []))
    .join("");
}

function systemFiles(root: string): [string, Entry][] {
  return [
    ["usr/bin/busbar-edge", script("system/busbar-edge")],
    [
      "usr/lib/systemd/system/busbar-edge.service",
      fileOf(root, "hardware/systemd/busbar-edge.service"),
    ],
    ["usr/lib/sysusers.d/busbar.conf", fileOf(root, "hardware/systemd/sysusers.conf")],
    ["usr/lib/udev/rules.d/70-busbar.rules", fileOf(root, "hardware/udev/70-busbar.rules")],
    ["usr/share/doc/busbar-edge/copyright", file(copyright(root))],
  ];
}

/** The control files of the package, beside `control` itself. */
export function maintainerScripts(): [string, Entry][] {
  return ["postinst", "prerm", "postrm"].map((name) => [name, script(`scripts/${name}`)]);
}

const script = (path: string): Entry => file(readFileSync(join(here, path)), { executable: true });
const fileOf = (root: string, path: string): Entry => file(readFileSync(join(root, path)));

/** Says that what is here are modules; the rooms have their own, with what they need. */
const rootPackage = ({ version }: Release): string =>
  json({ name: "busbar", version, private: true, type: "module", license: "Apache-2.0" });

/** What the unit says of itself. */
const bundleText = (release: Release): string =>
  json({
    name: "busbar-edge",
    version: debianVersion(release),
    arch: release.arch,
    node: release.node,
    journal: release.journal,
    ...(release.commit === undefined ? {} : { commit: release.commit }),
  });

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

function copyright(root: string): string {
  return `Busbar, a local electricity market. The modules below /opt/busbar/node_modules have licences of their own,
each in its folder.

${readFileSync(join(root, "LICENSE"), "utf8")}`;
}
