import { type Entry, inOrder, type Tree } from "../package/tree.ts";

/**
 * A tree as the kernel wants its first root: a cpio archive of the form "newc", the same bytes for the
 * same tree. Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */
export function cpioOf(tree: Tree, mtime: number): Buffer {
  const entries = inOrder(tree);
  const parts = entries.flatMap(([path, entry], n) => member(path, entry, { ino: n + 1, mtime }));
  return Buffer.concat([
    ...parts,
    ...member("TRAILER!!!", { kind: "folder" }, { ino: 0, mtime: 0 }),
  ]);
}

function member(
  path: string,
  entry: Entry,
  { ino, mtime }: { readonly ino: number; readonly mtime: number },
): Uint8Array[] {
  const isEnd = path === "TRAILER!!!";
  const content = contentOf(entry);
  const fields = [
    ino,
    isEnd ? 0 : modeOf(entry),
    0,
    0,
    1,
    mtime,
    content.length,
    ...[0, 0, 0, 0],
    Buffer.byteLength(path) + 1,
    0,
  ];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${path}\0`;
  return [...padded(Buffer.from(head)), ...padded(content)];
}

function contentOf(entry: Entry): Uint8Array {
  if (entry.kind === "file") return entry.content;
  return entry.kind === "link" ? Buffer.from(entry.target) : new Uint8Array(0);
}

function modeOf(entry: Entry): number {
  switch (entry.kind) {
    case "folder":
      return 0o040755;
    case "link":
      return 0o120777;
    case "file":
      return entry.executable ? 0o100755 : 0o100644;
    default:
      return entry satisfies never;
  }
}

const padded = (bytes: Uint8Array): Uint8Array[] => [bytes, new Uint8Array(-bytes.length & 3)];
