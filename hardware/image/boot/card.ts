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

  /** As an installer makes it: by `busbar-edge flash`, with a file for its site. */
  static async flashed(
    path: string,
    {
      root,
      image,
      sha256,
      config,
      labels,
      mib,
    }: {
      readonly root: string;
      readonly image: string;
      readonly sha256: string;
      /** A `site.yaml`; left out, the card is for no site. */
      readonly config?: string;
      /** A sheet's `labels.json`, of which the unit's label seals what is secret. */
      readonly labels?: string;
      readonly mib: number;
    },
  ): Promise<Card> {
    const site = config === undefined ? [] : ["--config", config];
    const sheet = labels === undefined ? [] : ["--labels", labels];
    const from = ["--image", image, "--sha256", sha256, ...site, ...sheet];
    const cli = join(root, "edge/cli.ts");
    await tool(process.execPath, [cli, "flash", ...from, "--to-file", path, "--json"]);
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

  /** The first partition, byte by byte. */
  boot(): Buffer {
    const { first, count } = this.#partition(1);
    const bytes = Buffer.alloc(count * 512);
    const file = openSync(this.path, "r");
    try {
      readSync(file, bytes, 0, bytes.length, first * 512);
      return bytes;
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

  /** The text of a file of the first partition. */
  async read(name: string): Promise<string> {
    return tool("mtype", ["-i", this.#boot, `::${name}`], { mtime: 0 });
  }

  /** Copies a file of the first partition to another name there. */
  async copy(from: string, to: string): Promise<void> {
    await tool("mcopy", ["-o", "-i", this.#boot, `::${from}`, `::${to}`], { mtime: 0 });
  }

  async makeFolder(name: string): Promise<void> {
    await tool("mmd", ["-D", "s", "-i", this.#boot, `::${name}`], { mtime: 0 });
  }

  /** Copies a partition over another; both from 1 on, and of one size. */
  async copyPartition(from: number, to: number): Promise<void> {
    const [source, target] = [this.#partition(from), this.#partition(to)];
    const places = [`skip=${source.first / 2048}`, `seek=${target.first / 2048}`];
    const files = [`if=${this.path}`, `of=${this.path}`];
    const count = `count=${source.count / 2048}`;
    await tool("dd", [...files, "bs=1M", ...places, count, "conv=notrunc"]);
  }

  /** Makes zeros of a partition's first MiB, or of all of it. */
  async erase(n: number, { mib }: { readonly mib?: number } = {}): Promise<void> {
    const { first, count } = this.#partition(n);
    const length = mib === undefined ? count * 512 : mib * 1024 * 1024;
    const where = ["--offset", String(first * 512), "--length", String(length)];
    await tool("fallocate", ["--punch-hole", "--keep-size", ...where, this.path]);
  }

  /** Changes the last partition's file system by commands of debugfs, once its journal was replayed. */
  async change(...commands: readonly string[]): Promise<void> {
    const system = await this.#replayed();
    for (const command of commands) await tool("debugfs", ["-w", "-R", command, system]);
  }

  /** What is wrong with the last partition's file system; empty where nothing is. */
  async faults(): Promise<string> {
    return tool("e2fsck", ["-f", "-n", await this.#replayed()]).then(
      () => "",
      (error: Error) => error.message,
    );
  }

  /** The last partition, as e2fsprogs name it, once its journal was replayed. */
  async #replayed(): Promise<string> {
    const system = `${this.path}?offset=${this.#partition(4).first * 512}`;
    // It says by its exit code that it did; what cannot be read shows at the next step.
    await tool("e2fsck", ["-p", "-E", "journal_only", system]).catch(() => {});
    return system;
  }

  #partition(n: number): Partition {
    const partition = this.partitions()[n - 1];
    if (partition === undefined) throw new RangeError(`the card has no partition ${n}`);
    return partition;
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
    const last = this.#partition(4);
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
