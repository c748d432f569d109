import { Failure } from "@busbar/protocol";
import type { OlderBlocks } from "../projection.ts";
import { Archives } from "./archive.ts";

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
      return use({ from, block });
    } finally {
      archives.close();
    }
  };
}
