import { closeSync, openSync, readSync, truncateSync } from "node:fs";
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

  /** The first partition, as mtools name it. */
  get #boot(): string {
    return `${this.path}@@${(this.partitions()[0]?.first ?? 0) * 512}`;
  }
}
