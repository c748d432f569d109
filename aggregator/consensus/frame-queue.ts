import { namesOf } from "./frame-name.ts";

/** A frame that stands in no block. */
export type Waiting = {
  readonly name: string;
  readonly hash: Uint8Array;
  readonly frame: Uint8Array;
  /** Since when it is here, monotonic ms. */
  readonly since: number;
  /** The member that told of it; undefined: it came to this one, and is on its disk. */
  readonly from: string | undefined;
};

/** What stands in a proposal that may become a block. */
type UnderWay = { readonly frames: readonly Uint8Array[] };

export type Amount = { readonly frames: number; readonly bytes: number };

const nothing: Amount = { frames: 0, bytes: 0 };

/** Frames that wait, in order of arrival, and which of them a leader could propose now. */
export class FrameQueue {
  readonly #all = new Map<string, Waiting>();
  /** In no proposal under way. */
  #free = new Map<string, Waiting>();
  #freeBytes = 0;
  #underWay: readonly UnderWay[] = [];
  #taken: ReadonlySet<string> = new Set();
  /** By who brought them; `undefined` for what is on this member's disk. */
  readonly #amounts = new Map<string | undefined, Amount>();

  get size(): number {
    return this.#all.size;
  }

  get(name: string): Waiting | undefined {
    return this.#all.get(name);
  }

  /** What one member brought, or (`undefined`) what is on this one's disk. */
  amount(from: string | undefined): Amount {
    return this.#amounts.get(from) ?? nothing;
  }

  /** Adds a frame at the end; one that is here already keeps its place and may change its keeper. */
  add(entry: Waiting): void {
    const known = this.#all.get(entry.name);
    const kept = known === undefined ? entry : { ...entry, since: known.since };
    if (known !== undefined) this.#charge(known, -1);
    this.#charge(kept, 1);
    this.#all.set(kept.name, kept);
    if (this.#taken.has(kept.name)) return;
    if (!this.#free.has(kept.name)) this.#freeBytes += kept.frame.length;
    this.#free.set(kept.name, kept);
  }

  delete(name: string): void {
    const entry = this.#all.get(name);
    if (entry === undefined) return;
    this.#takeFree(name);
    this.#charge(entry, -1);
    this.#all.delete(name);
  }

  /** By age. */
  values(): Iterable<Waiting> {
    return this.#all.values();
  }

  /** Says which proposals are under way: their frames are not free, those of others are again. */
  setUnderWay(proposals: readonly UnderWay[]): void {
    const before = this.#underWay;
    if (
      proposals.length === before.length &&
      proposals.every((proposal, i) => proposal === before[i])
    )
      return;
    this.#underWay = proposals;
    this.#taken = new Set(proposals.flatMap(({ frames }) => namesOf(frames)));
    for (const { frames } of proposals.filter((one) => !before.includes(one))) {
      for (const name of namesOf(frames)) this.#takeFree(name);
    }
    const gone = before.filter((one) => !proposals.includes(one));
    const isFreeAgain = (name: string) => this.#all.has(name) && !this.#taken.has(name);
    if (gone.some(({ frames }) => namesOf(frames).some(isFreeAgain))) this.#sortFree();
  }

  /** Whether what is free fills a block. */
  fills({ frames, bytes }: Amount): boolean {
    return this.#free.size >= frames || this.#freeBytes >= bytes;
  }

  /** Since when the oldest free frame waits. */
  freeSince(): number | undefined {
    for (const { since } of this.#free.values()) return since;
    return undefined;
  }

  /** The oldest free frames, as many as fit. */
  free(limit: Amount): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    for (const { frame } of this.#free.values()) {
      bytes += frame.length;
      if (frames.length === limit.frames || bytes > limit.bytes) break;
      frames.push(frame);
    }
    return frames;
  }

  #takeFree(name: string): void {
    this.#freeBytes -= this.#free.get(name)?.frame.length ?? 0;
    this.#free.delete(name);
  }

  /** Frames of a proposal that came to nothing take their old places. */
  #sortFree(): void {
    this.#free = new Map([...this.#all].filter(([name]) => !this.#taken.has(name)));
    this.#freeBytes = 0;
    for (const { frame } of this.#free.values()) this.#freeBytes += frame.length;
  }

  #charge({ from, frame }: Waiting, sign: 1 | -1): void {
    const { frames, bytes } = this.amount(from);
    const amount = { frames: frames + sign, bytes: bytes + sign * frame.length };
    if (amount.frames === 0) this.#amounts.delete(from);
    else this.#amounts.set(from, amount);
  }
}
