import { closeSync, openSync, readSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { type Partition, readMasterBootRecord } from "../mbr.ts";
import { tool } from "../tools.ts";

/** A card with the image on it: a file, larger than the image as cards are. */
export class Card {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async of(image: string, path: string, { mib }: { readonly mib: number }): Promise<Card> {
    await tool("cp", ["--sparse=always", image, path]);
    truncateSync(path, mib * 1024 * 1024);
    return new Card(path);
  }

  partitions(): Partition[] {
    const file = openSync(this.path, "r");
    try {
      const sector = Buffer.alloc(512);
      readSync(file, sector, 0, 512, 0);
      return readMasterBootRecord(sector).partitions;
    } finally {
      closeSync(file);
    }
  }

  /** Puts a file on the first partition, as an installer does in an office. */
  async put(from: string, name: string): Promise<void> {
    await tool("mcopy", ["-o", "-i", this.#boot, from, `::${name}`], { mtime: 0 });
  }

  async take(name: string, to: string): Promise<void> {
    await tool("mcopy", ["-n", "-i", this.#boot, `::${name}`, to], { mtime: 0 });
  }

  /** Names in a folder of the first partition. */
  async list(folder: string): Promise<string[]> {
    const said = await tool("mdir", ["-b", "-i", this.#boot, `::${folder}`], { mtime: 0 });
    return said.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  }

  /** Copies a folder of what is kept out of the last partition, mended as the next start would. */
  async takeKept(
    folder: string,
    { scratch, to }: { readonly scratch: string; readonly to: string },
  ): Promise<void> {
    const [, , , last] = this.partitions();
    if (last === undefined) throw new RangeError("the card has no fourth partition");
    const copy = join(scratch, "kept.ext4");
    const where = [`skip=${last.first / 2048}`, `count=${last.count / 2048}`];
    await tool("dd", [`if=${this.path}`, `of=${copy}`, "bs=1M", ...where, "conv=sparse"]);
    // It says by its exit code that it replayed the journal; what cannot be read shows at the next step.
    await tool("e2fsck", ["-p", "-f", copy]).catch(() => {});
    await tool("debugfs", ["-R", `rdump ${folder} ${to}`, copy]);
  }

  /** The first partition, as mtools name it. */
  get #boot(): string {
    return `${this.path}@@${(this.partitions()[0]?.first ?? 0) * 512}`;
  }
}
