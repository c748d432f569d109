import type { Change } from "./recording.ts";

/** Files as a power cut left them. */
export type Left = ReadonlyMap<string, Uint8Array>;

/** What became of a change that no fsync had confirmed when the power went. */
export type Fate = "done" | "lost" | "torn";
type Pending = Extract<Change, { kind: "write" | "truncate" }>;
type Inode = { durable: Uint8Array; pending: Pending[] };
type Entry = { readonly file: string; readonly inode: Inode | undefined };

/** Disks write whole sectors: what is torn is torn between two of them. */
const sectorBytes = 512;

/**
 * A disk with a volatile cache. Until a file is synced each of its changes may be done, lost or torn,
 * whatever became of those before and after it; until a folder is synced its newest names may be lost,
 * in order, as file systems with a log lose them.
 */
export class Disk {
  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  readonly #pendingNames: Entry[] = [];

  apply(change: Change): void {
    if (change.kind === "said") return;
    if (change.kind === "sync-folder") {
      for (const entry of this.#pendingNames.splice(0)) rename(this.#durableNames, entry);
      return;
    }
    if (change.kind === "create") {
      return this.#name({ file: change.file, inode: { durable: new Uint8Array(0), pending: [] } });
    }
    if (change.kind === "unlink") return this.#name({ file: change.file, inode: undefined });
    const inode = this.#names.get(change.file);
    if (inode === undefined) throw new Error(`${change.file} was not made`);
    if (change.kind === "sync") {
      for (const one of inode.pending.splice(0)) inode.durable = done(inode.durable, one);
    } else {
      inode.pending.push(change);
    }
  }

  /** How many changes of contents, and of names, are not confirmed. */
  get unconfirmed(): { readonly contents: number; readonly names: number } {
    const inodes = new Set([...this.#names.values(), ...this.#durableNames.values()]);
    const contents = [...inodes].reduce((n, { pending }) => n + pending.length, 0);
    return { contents, names: this.#pendingNames.length };
  }

  #name(entry: Entry): void {
    rename(this.#names, entry);
    this.#pendingNames.push(entry);
  }

  /** The files after a cut now: `fate` of each unconfirmed change, and how many names were kept. */
  cut(fate: (i: number) => Fate, namesKept: number, random: () => number): Left {
    const names = new Map(this.#durableNames);
    for (const entry of this.#pendingNames.slice(0, namesKept)) rename(names, entry);
    let i = 0;
    return new Map(
      [...names].map(([file, { durable, pending }]) => {
        let content = durable;
        for (const change of pending) {
          const what = fate(i++);
          if (what === "done") content = done(content, change);
          else if (what === "torn") content = torn(content, change, random);
        }
        return [file, content];
      }),
    );
  }
}

function rename(names: Map<string, Inode>, { file, inode }: Entry): void {
  if (inode === undefined) names.delete(file);
  else names.set(file, inode);
}

function done(content: Uint8Array, change: Pending): Uint8Array {
  if (change.kind === "truncate") return sized(content, change.size);
  const { offset, data } = change;
  const next = sized(content, Math.max(content.length, offset + data.length));
  next.set(data, offset);
  return next;
}

/** Some sectors of a write are on the disk, and the file may be as long as if all were. */
function torn(content: Uint8Array, change: Pending, random: () => number): Uint8Array {
  if (change.kind === "truncate") return random() < 0.5 ? content : done(content, change);
  const { file, offset, data } = change;
  let next =
    random() < 0.5 ? content : sized(content, Math.max(content.length, offset + data.length));
  for (let at = offset; at < offset + data.length; ) {
    const end = Math.min(offset + data.length, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    const part = data.subarray(at - offset, end - offset);
    if (random() < 0.5) next = done(next, { kind: "write", file, offset: at, data: part });
    at = end;
  }
  return next;
}

function sized(content: Uint8Array, size: number): Uint8Array {
  const next = new Uint8Array(size);
  next.set(content.subarray(0, size));
  return next;
}
