import { type Entry, inOrder, type Tree } from "./tree.ts";

const block = 512;
/** A ustar header holds a name of 100 bytes behind a prefix of 155, joined by a slash. */
const nameMax = 100;
const prefixMax = 155;
/** Eleven octal digits. */
const sizeMax = 8 ** 11 - 1;

/**
 * A tree as a tar archive: the same tree and time give the same bytes on every machine. Folders stand
 * before what is in them.
 * @param mtime seconds since 1970 that all entries carry
 * Throws: `RangeError` for a path, link or file that ustar cannot hold.
 * Source: POSIX.1-2017, pax, "ustar Interchange Format".
 */
export function tarOf(tree: Tree, mtime: number): Buffer {
  const parts: Uint8Array[] = [header("./", { kind: "folder" }, mtime)];
  for (const [path, entry] of inOrder(tree)) {
    parts.push(header(`./${path}${entry.kind === "folder" ? "/" : ""}`, entry, mtime));
    if (entry.kind !== "file") continue;
    parts.push(entry.content, Buffer.alloc(-entry.content.length & (block - 1)));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

function header(path: string, entry: Entry, mtime: number): Buffer {
  const size = entry.kind === "file" ? entry.content.length : 0;
  if (size > sizeMax) throw new RangeError(`${path}: expected at most ${sizeMax} bytes`);
  const { name, prefix } = split(path);
  const target = entry.kind === "link" ? entry.target : "";
  if (Buffer.byteLength(target) > nameMax) {
    throw new RangeError(`${path}: expected a link's target of at most ${nameMax} bytes`);
  }
  const head = Buffer.alloc(block);
  head.write(name, 0);
  head.write(octal(modeOf(entry), 8), 100);
  head.write(octal(0, 8), 108);
  head.write(octal(0, 8), 116);
  head.write(octal(size, 12), 124);
  head.write(octal(mtime, 12), 136);
  head.write(" ".repeat(8), 148);
  head.write({ file: "0", link: "2", folder: "5" }[entry.kind], 156);
  head.write(target, 157);
  head.write("ustar\x0000root", 257);
  head.write("root", 297);
  head.write(octal(0, 8), 329);
  head.write(octal(0, 8), 337);
  head.write(prefix, 345);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return head;
}

const modeOf = (entry: Entry): number => {
  if (entry.kind === "link") return 0o777;
  return entry.kind === "folder" || entry.executable ? 0o755 : 0o644;
};

/** Digits, and a zero byte that ends them. */
const octal = (value: number, width: number): string =>
  `${value.toString(8).padStart(width - 1, "0")}\0`;

/** A long path is parted at the last slash that leaves both parts short enough. */
function split(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= nameMax) return { name: path, prefix: "" };
  for (let at = path.length - 2; at > 0; at -= 1) {
    if (path[at] !== "/") continue;
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) > nameMax) break;
    if (Buffer.byteLength(prefix) <= prefixMax) return { name, prefix };
  }
  throw new RangeError(`expected a path that ustar can hold, got ${path}`);
}
