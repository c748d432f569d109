import { inOrder, type Tree } from "./tree.ts";

/** Processors that there is a package for, by Debian's names. */
export const architectures = ["arm64", "amd64"] as const;
export type Architecture = (typeof architectures)[number];

/** What npm and Node call a processor. */
export const cpuOf: Readonly<Record<Architecture, string>> = { arm64: "arm64", amd64: "x64" };

/** Which package is made. */
export type Release = {
  /** Of the program, as in package.json: 0.1.0. */
  readonly version: string;
  /** Of the package of that program, from 1 on. */
  readonly revision: number;
  readonly arch: Architecture;
  /** Of the Node inside. */
  readonly node: string;
  /** Of the sources; undefined outside of a repository. */
  readonly commit: string | undefined;
  /** The form of the journal that the program writes. */
  readonly journal: number;
};

/** 0.1.0-1: what dpkg compares. A hyphen of a preliminary version sorts before the version itself. */
export const debianVersion = ({ version, revision }: Release): string =>
  `${version.replaceAll("-", "~")}-${revision}`;

/** busbar-edge_0.1.0-1_arm64, without an ending. */
export const baseName = (release: Release): string =>
  `busbar-edge_${debianVersion(release)}_${release.arch}`;

/** The file `control`. `data` is what is installed. Source: deb-control(5), Debian Policy 5.3. */
export function controlText(release: Release, data: Tree): string {
  const bytes = inOrder(data).map(([, entry]) =>
    entry.kind === "file" ? entry.content.length : 0,
  );
  // Policy 5.6.20: kibibytes, each file rounded up to one, one for everything else.
  const installed = bytes.reduce((sum, size) => sum + Math.max(1, Math.ceil(size / 1024)), 0);
  return `Package: busbar-edge
Version: ${debianVersion(release)}
Architecture: ${release.arch}
Maintainer: Busbar <busbar@localhost>
Installed-Size: ${installed}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 10), systemd (>= 252), udev
Recommends: systemd-timesyncd | time-daemon, qrencode
Suggests: gpiod
Section: net
Priority: optional
Description: unit beside the meters of a local electricity market
 Reads electricity meters by Modbus, SunSpec, DL/T 645, SML, DSMR, IEC 62056-21,
 M-Bus and pulses, keeps and signs every reading, and brings it to the ledger of
 the site. It has its own Node ${release.node}.
`;
}
