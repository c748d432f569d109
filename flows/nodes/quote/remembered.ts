/** Openings of gates that one message is quoted at: what is older says nothing of the slots to come. */
export const openingsMax = 3;
/** Gates that are remembered as opened. */
const gatesMax = 1_000;

type Gate = { readonly slot: number; readonly gate: number };

/** The last message of a node that quotes by itself. One that nothing follows grows stale. */
export class Remembered<T> {
  #last: { readonly msg: T; openings: number } | undefined;
  #opened = new Set<string>();

  take(msg: T): void {
    this.#last = { msg, openings: 0 };
  }

  /**
   * The message to quote at gates that are open; `stale` once, then nothing. It is counted where one of
   * them has opened since: the site tells of them again and again.
   */
  forOpening(gates: readonly Gate[]): { readonly msg: T } | "stale" | undefined {
    const keys = gates.map(({ slot, gate }) => `${slot}/${gate}`);
    const opens = keys.some((key) => !this.#opened.has(key));
    if (this.#opened.size > gatesMax) this.#opened.clear();
    for (const key of keys) this.#opened.add(key);
    const last = this.#last;
    if (last === undefined) return undefined;
    if (opens) last.openings += 1;
    if (last.openings <= openingsMax) return last;
    this.#last = undefined;
    return "stale";
  }
}
