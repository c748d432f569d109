import { createHash } from "node:crypto";
import { openFrame } from "@busbar/protocol";
import { entriesIn } from "../support/stores.ts";
import type { StoredBlock } from "./ledger-file.ts";

/** What the chains of all members hold, as far as it was looked at, and what is wrong with them. */
export class Audit {
  readonly problems: string[] = [];
  readonly #hashes = new Map<number, { readonly hash: string; readonly member: string }>();
  /** SHA-256 of each reading, by "meter number": as a unit's journal or the first ledger had it. */
  readonly #readings = new Map<string, string>();
  readonly #taken = new Map<string, number>();
  readonly #ledgers = new Map<string, Ledger>();

  /** Height up to which a member's chain was looked at; 0 at first. */
  heightOf(member: string): number {
    return this.#ledgers.get(member)?.height ?? 0;
  }

  /** Blocks that some member has. */
  get blocks(): number {
    return this.#hashes.size;
  }

  /** Readings that were signed, by all journals. */
  get readings(): number {
    return [...this.#taken.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Number of each meter's newest reading in a journal. */
  get taken(): ReadonlyMap<string, number> {
    return this.#taken;
  }

  /** A ledger that was lost is looked at anew: from its first block, or from the snapshot it begins at. */
  forget(member: string): void {
    this.#ledgers.delete(member);
  }

  /** A reading that a unit has in its journal: no ledger may hold another one in its place. */
  journal(payload: Uint8Array): void {
    for (const { meter, seq, bytes } of entriesIn(payload)) {
      this.#same(meter, seq, { bytes, where: "its unit's journal" });
      this.take(meter, seq);
    }
  }

  /** A meter's journal goes up to this number. */
  take(meter: string, seq: number): void {
    this.#taken.set(meter, Math.max(seq, this.#taken.get(meter) ?? 0));
  }

  /** A member's next block. */
  block(member: string, { height, hash, frames }: StoredBlock): void {
    const ledger = this.#ledgers.get(member) ?? { height: height - 1, next: new Map() };
    if (height !== ledger.height + 1)
      this.#wrong(`${member}: block ${height} follows ${ledger.height}`);
    this.#ledgers.set(member, { ...ledger, height });
    const known = this.#hashes.get(height);
    if (known === undefined) this.#hashes.set(height, { hash, member });
    else if (known.hash !== hash) {
      this.#wrong(`block ${height}: ${member} has ${hash}, ${known.member} has ${known.hash}`);
    }
    for (const frame of frames) this.#frame(member, ledger.next, frame);
  }

  /** What is wrong when all has ended: each reading of the journals has to stand on each ledger. */
  end(): string[] {
    return [...this.#ledgers].flatMap(([member, { next }]) =>
      [...this.#taken].flatMap(([meter, taken]) => {
        const last = (next.get(meter) ?? 1) - 1;
        return last === taken ? [] : [`${member}: ${meter} has ${last} readings of ${taken}`];
      }),
    );
  }

  #frame(member: string, next: Map<string, number>, bytes: Uint8Array): void {
    const opened = openFrame(bytes);
    if (!opened.ok)
      return this.#wrong(`${member}: a frame of a block does not open (${opened.message})`);
    if (opened.frame.kind !== "readings") return;
    for (const { meter, seq, bytes: entry } of entriesIn(opened.frame.envelope.payload)) {
      // A ledger that began at a snapshot holds the rest of each chain.
      const expected = next.get(meter) ?? seq;
      if (seq !== expected)
        this.#wrong(`${member}: ${meter} has reading ${seq} after ${expected - 1}`);
      next.set(meter, seq + 1);
      this.#same(meter, seq, { bytes: entry, where: member });
    }
  }

  #same(
    meter: string,
    seq: number,
    { bytes, where }: { readonly bytes: Uint8Array; readonly where: string },
  ): void {
    const key = `${meter} ${seq}`;
    const hash = createHash("sha256").update(bytes).digest("hex");
    const known = this.#readings.get(key);
    if (known === undefined) this.#readings.set(key, hash);
    else if (known !== hash) this.#wrong(`reading ${key} is another one in ${where}`);
  }

  #wrong(problem: string): void {
    this.problems.push(problem);
  }
}

type Ledger = {
  readonly height: number;
  /** Number that each meter's next reading must have. */
  readonly next: Map<string, number>;
};
