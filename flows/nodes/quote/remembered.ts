/** Openings of gates that one message is quoted at: what is older says nothing of the slots to come. */
export const openingsMax = 3;

/** The last message of a node that quotes by itself. One that nothing follows grows stale. */
export class Remembered<T> {
  #last: { readonly msg: T; openings: number } | undefined;

  take(msg: T): void {
    this.#last = { msg, openings: 0 };
  }

  /** The message to quote at gates that opened now; `stale` once, then nothing. */
  forOpening(): { readonly msg: T } | "stale" | undefined {
    const last = this.#last;
    if (last === undefined) return undefined;
    last.openings += 1;
    if (last.openings <= openingsMax) return last;
    this.#last = undefined;
    return "stale";
  }
}
