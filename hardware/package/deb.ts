import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { tarOf } from "./tar.ts";
import { inOrder, type Tree } from "./tree.ts";

/**
 * gzip without a time and without the name of the system that ran it: equal bytes in, equal bytes out.
 * Only another version of Node may press otherwise, and the project pins its own.
 */
export function gzip(bytes: Uint8Array, level = 9): Buffer {
  const pressed = gzipSync(bytes, { level });
  const osUnix = 3;
  pressed[9] = osUnix;
  return pressed;
}

/**
 * A Debian package.
 * @param control the tree of control files: control, md5sums, postinst …
 * @param data the pressed archive of what is installed, by `gzip(tarOf(…))`
 * Source: deb(5), ar in its common form.
 */
export function debOf(control: Tree, data: Uint8Array, mtime: number): Buffer {
  return Buffer.concat([
    Buffer.from("!<arch>\n"),
    ...member("debian-binary", Buffer.from("2.0\n"), mtime),
    ...member("control.tar.gz", gzip(tarOf(control, mtime)), mtime),
    ...member("data.tar.gz", data, mtime),
  ]);
}

function member(name: string, content: Uint8Array, mtime: number): Uint8Array[] {
  const fields = [
    name.padEnd(16),
    String(mtime).padEnd(12),
    "0".padEnd(6),
    "0".padEnd(6),
    "100644".padEnd(8),
    String(content.length).padEnd(10),
    "`\n",
  ];
  const filler = content.length % 2 === 1 ? Buffer.from("\n") : Buffer.alloc(0);
  return [Buffer.from(fields.join("")), content, filler];
}

/** What `dpkg --verify` compares installed files with. */
export const md5sums = (tree: Tree): string => sums(tree, "md5");

/** What `sha256sum -c` and the unit's self-test compare files with. */
export const sha256sums = (tree: Tree): string => sums(tree, "sha256");

function sums(tree: Tree, algorithm: string): string {
  return inOrder(tree)
    .flatMap(([path, entry]) =>
      entry.kind === "file"
        ? [`${createHash(algorithm).update(entry.content).digest("hex")}  ${path}\n`]
        : [],
    )
    .join("");
}
