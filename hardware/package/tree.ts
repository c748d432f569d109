import { compareBytes } from "@busbar/protocol";

/** What stands at one path of a tree. Everything belongs to root. */
export type Entry =
  | { readonly kind: "file"; readonly content: Uint8Array; readonly executable: boolean }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "folder" };

/** Entries by path from the root, without a slash at the beginning: `opt/busbar/package.json`. */
export type Tree = ReadonlyMap<string, Entry>;

export const file = (content: Uint8Array | string, { executable = false } = {}): Entry => ({
  kind: "file",
  content: typeof content === "string" ? new TextEncoder().encode(content) : content,
  executable,
});

/** The tree below a folder. */
export function under(folder: string, tree: Iterable<readonly [string, Entry]>): [string, Entry][] {
  return [...tree].map(([path, entry]) => [`${folder}/${path}`, entry]);
}

/** A tree's entries with all folders above them, each before what is in it, in the order of bytes. */
export function inOrder(tree: Tree): readonly (readonly [string, Entry])[] {
  const all = new Map<string, Entry>();
  for (const [path, entry] of tree) {
    const parts = path.split("/");
    if (parts.some((part) => part === "" || part === "." || part === "..")) {
      throw new RangeError(`expected a plain path below the root, got ${JSON.stringify(path)}`);
    }
    for (let n = 1; n < parts.length; n += 1) {
      const above = parts.slice(0, n).join("/");
      if ((tree.get(above)?.kind ?? "folder") !== "folder") {
        throw new RangeError(`${path}: ${above} is no folder`);
      }
      all.set(above, { kind: "folder" });
    }
    all.set(path, entry);
  }
  const bytes = (path: string) => new TextEncoder().encode(path);
  return [...all].sort(([a], [b]) => compareBytes(bytes(a), bytes(b)));
}
