import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { inOrder, type Tree } from "./tree.ts";

/** Writes a tree below a folder that is there. */
export function unpack(tree: Tree, folder: string): void {
  for (const [path, entry] of inOrder(tree)) {
    const at = join(folder, path);
    switch (entry.kind) {
      case "folder":
        mkdirSync(at, { recursive: true });
        break;
      case "link":
        symlinkSync(entry.target, at);
        break;
      case "file":
        mkdirSync(dirname(at), { recursive: true });
        writeFileSync(at, entry.content, { mode: entry.executable ? 0o755 : 0o644 });
        break;
      default:
        entry satisfies never;
    }
  }
}
