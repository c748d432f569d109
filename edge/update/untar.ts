import { Failure } from "@busbar/protocol";

/** What an archive holds, in its order. `chunk`s of a file follow it. */
export type Part =
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly size: number;
      readonly executable: boolean;
    }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array };

const block = 512;
/** A program has some thousand files, and Node is the largest: an archive that swells is none. */
const limits = { entries: 50_000, fileBytes: 512 * 1024 * 1024, allBytes: 1024 * 1024 * 1024 };

/**
 * Reads a ustar archive as it comes, in chunks of any size. Refuses what could be written elsewhere than
 * below one folder: absolute paths, `..`, links that lead out, hard links and devices.
 * Throws: `Failure` `update.archive`.
 */
export async function* untar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  const source = new Blocks(chunks);
  let [entries, all] = [0, 0];
  for (;;) {
    const head = await source.take(block);
    if (head === undefined) throw bad("it ends before its end mark");
    if (head.every((byte) => byte === 0)) return;
    const { part, size } = entryOf(head);
    entries += 1;
    all += size;
    if (entries > limits.entries || all > limits.allBytes)
      throw bad("it is larger than any program");
    if (part !== undefined) yield part;
    for (let left = size; left > 0; ) {
      const bytes = await source.some(left);
      if (bytes === undefined) throw bad("it ends within a file");
      left -= bytes.length;
      yield { kind: "chunk", bytes };
    }
    const filler = -size & (block - 1);
    if (filler > 0 && (await source.take(filler)) === undefined) throw bad("it ends within a file");
  }
}

function entryOf(head: Uint8Array): { part: Part | undefined; size: number } {
  checkSum(head);
  const name = text(head, 0, 100);
  const prefix = text(head, 345, 155);
  const raw = prefix === "" ? name : `${prefix}/${name}`;
  const path = raw.replace(/^\.\//, "").replace(/\/$/, "");
  const type = String.fromCharCode(head[156] ?? 0);
  if (raw === "./") return { part: undefined, size: 0 };
  const parts = path.split("/");
  if (parts.some((one) => one === "" || one === "." || one === "..") || path.includes("\\")) {
    throw bad(`a path that leads elsewhere: ${JSON.stringify(raw)}`);
  }
  switch (type) {
    case "5":
      return { part: { kind: "folder", path }, size: 0 };
    case "2": {
      const target = text(head, 157, 100);
      if (leavesRoot(parts, target)) throw bad(`a link that leads out: ${path} → ${target}`);
      return { part: { kind: "link", path, target }, size: 0 };
    }
    case "0": {
      const size = octal(head, 124, 12);
      if (size > limits.fileBytes) throw bad(`${path} is larger than any file of a program`);
      const executable = (octal(head, 100, 8) & 0o100) !== 0;
      return { part: { kind: "file", path, size, executable }, size };
    }
    default:
      throw bad(`${path} is neither file, folder nor link (type ${JSON.stringify(type)})`);
  }
}

function leavesRoot(parts: readonly string[], target: string): boolean {
  if (target === "" || target.startsWith("/")) return true;
  let depth = parts.length - 1;
  for (const part of target.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "." && part !== "") depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

function checkSum(head: Uint8Array): void {
  const said = octal(head, 148, 8);
  const blank = head.map((byte, at) => (at >= 148 && at < 156 ? 32 : byte));
  const sum = blank.reduce((total, byte) => total + byte, 0);
  if (sum !== said || text(head, 257, 5) !== "ustar") throw bad("a head that is none");
}

function octal(head: Uint8Array, at: number, width: number): number {
  const digits = text(head, at, width).trim();
  if (!/^[0-7]{1,11}$/.test(digits)) throw bad("a number that is none");
  return Number.parseInt(digits, 8);
}

function text(head: Uint8Array, at: number, width: number): string {
  const bytes = head.subarray(at, at + width);
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8");
}

/** Bytes as they are wanted, whatever chunks they come in. */
class Blocks {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Between one byte and `max`; undefined at the end. */
  async some(max: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, max);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  /** Exactly so many; undefined where the end comes first. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const part = await this.some(count - at);
      if (part === undefined) return undefined;
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }
}

const bad = (what: string): Failure =>
  new Failure("update.archive", `the bundle's archive is refused: ${what}`, { retry: "never" });
