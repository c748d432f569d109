import { Failure } from "@busbar/protocol";
import type { Heights, OlderBlocks } from "../projection.ts";
import { Archives, type Range } from "./archive.ts";

/**
 * The blocks that pruning moved to a folder, as far back as its files follow each other without a gap.
 * Throws: `Failure` `archive.file` where one is damaged.
 */
export function olderIn(folder: string): OlderBlocks {
  return (base, use) => {
    const archives = new Archives(folder);
    try {
      let from = base;
      // Newest first: each file ends where the next one begins. One may reach beyond what has left the store.
      for (const file of [...archives.files].reverse()) {
        if (file.from <= from && file.to >= from) from = file.from - 1;
      }
      const block = (height: number) => {
        const found = archives.block(height);
        if (found !== undefined) return found;
        const message = `${folder}: block ${height} is missing in its file; bring the file back from a copy`;
        throw new Failure("archive.file", message, { retry: "never" });
      };
      return use({ from, missing: missingUpTo(base, archives.files), block });
    } finally {
      archives.close();
    }
  };
}

/** Heights up to `base` that no file has. */
export function missingUpTo(base: number, files: readonly Range[]): readonly Heights[] {
  const missing: Heights[] = [];
  let next = 1;
  for (const { from, to } of [...files].sort((a, b) => a.from - b.from)) {
    if (from > next && next <= base) missing.push({ from: next, to: Math.min(from - 1, base) });
    next = Math.max(next, to + 1);
  }
  return next <= base ? [...missing, { from: next, to: base }] : missing;
}
