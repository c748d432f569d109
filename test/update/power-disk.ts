import type { Disk, Kind } from "../../edge/update/disk.ts";

type File = { readonly kind: "file"; content: Uint8Array; durable: Uint8Array };
type Link = { readonly kind: "link"; readonly target: string };
type Folder = {
  readonly kind: "folder";
  readonly names: Map<string, Node>;
  readonly durable: Map<string, Node>;
  /** Changes of names that no sync of this folder confirmed, oldest first. */
  pending: Change[];
};
type Node = File | Link | Folder;
type Change = { readonly name: string; readonly node: Node | undefined; readonly from?: string };

/** Thrown by the write at which the power goes; nothing after it happens. */
export class PowerCut extends Error {}

const folder = (): Folder => ({
  kind: "folder",
  names: new Map(),
  durable: new Map(),
  pending: [],
});

/**
 * A disk in memory that forgets: until a file is synced its bytes may be lost or cut short, until a folder
 * is synced its newest names may be, each folder and file for itself.
 */
export class PowerDisk implements Disk {
  root: Folder = folder();
  /** Writes so far, and at which one the power goes. */
  writes = 0;
  cutAt = Number.POSITIVE_INFINITY;

  kind(path: string): Kind | undefined {
    return this.#at(path)?.kind;
  }

  read(path: string): Uint8Array {
    const node = this.#at(path);
    if (node?.kind !== "file") throw new Error(`ENOENT: ${path}`);
    return node.content;
  }

  pieces(path: string): Iterable<Uint8Array> {
    return [this.read(path)];
  }

  list(path: string): readonly string[] {
    const node = this.#at(path);
    return node?.kind === "folder" ? [...node.names.keys()].sort() : [];
  }

  target(path: string): string {
    const node = this.#at(path);
    if (node?.kind !== "link") throw new Error(`EINVAL: ${path}`);
    return node.target;
  }

  makeFolder(path: string): void {
    this.#name(path, folder());
  }

  create(path: string): void {
    this.#name(path, { kind: "file", content: new Uint8Array(0), durable: new Uint8Array(0) });
  }

  link(path: string, target: string): void {
    this.#name(path, { kind: "link", target });
  }

  append(path: string, bytes: Uint8Array): void {
    this.#write();
    const node = this.#at(path);
    if (node?.kind !== "file") throw new Error(`ENOENT: ${path}`);
    node.content = Buffer.concat([node.content, bytes]);
  }

  sync(path: string): void {
    this.#write();
    const node = this.#at(path);
    if (node === undefined) throw new Error(`ENOENT: ${path}`);
    if (node.kind === "file") node.durable = node.content;
    if (node.kind !== "folder") return;
    for (const change of node.pending) apply(node.durable, change);
    node.pending = [];
  }

  rename(from: string, to: string): void {
    const node = this.#at(from);
    if (node === undefined) throw new Error(`ENOENT: ${from}`);
    const [above, name] = this.#place(to);
    const [other, old] = this.#place(from);
    if (above !== other) throw new Error("names move within one folder here");
    this.#change(above, { name, node, from: old });
  }

  remove(path: string): void {
    if (this.#at(path) === undefined) return;
    const [above, name] = this.#place(path);
    this.#change(above, { name, node: undefined });
  }

  /**
   * The disk after the power went now. `random` below 1 decides what of the unconfirmed was kept; always 0
   * keeps nothing, always just below 1 keeps all.
   */
  after(random: () => number): PowerDisk {
    const left = new PowerDisk();
    left.root = survivor(this.root, random) as Folder;
    return left;
  }

  #name(path: string, node: Node): void {
    const [above, name] = this.#place(path);
    if (above.names.has(name)) throw new Error(`EEXIST: ${path}`);
    this.#change(above, { name, node });
  }

  #change(above: Folder, change: Change): void {
    this.#write();
    apply(above.names, change);
    above.pending.push(change);
  }

  /** What is about to be written is not, when the power goes at it. */
  #write(): void {
    if (this.writes >= this.cutAt) throw new PowerCut();
    this.writes += 1;
  }

  #place(path: string): [Folder, string] {
    const at = path.lastIndexOf("/");
    const above = this.#at(path.slice(0, at));
    if (above?.kind !== "folder") throw new Error(`ENOENT: ${path}`);
    return [above, path.slice(at + 1)];
  }

  #at(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of path.split("/").filter((part) => part !== "")) {
      node = node?.kind === "folder" ? node.names.get(name) : undefined;
    }
    return node;
  }
}

function apply(names: Map<string, Node>, { name, node, from }: Change): void {
  if (from !== undefined) names.delete(from);
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function survivor(node: Node, random: () => number): Node {
  if (node.kind === "link") return node;
  if (node.kind === "file") {
    const lost = node.content.length - node.durable.length;
    const isKept = random() >= 0.5;
    // A file only grows here: what is kept of it is a beginning.
    const length = isKept ? node.content.length : node.durable.length + Math.floor(random() * lost);
    const content = node.content.slice(0, length);
    return { kind: "file", content, durable: content };
  }
  const names = new Map(node.durable);
  const kept = Math.round(random() * node.pending.length);
  for (const change of node.pending.slice(0, kept)) apply(names, change);
  const left = [...names].map(([name, one]): [string, Node] => [name, survivor(one, random)]);
  return { kind: "folder", names: new Map(left), durable: new Map(left), pending: [] };
}
