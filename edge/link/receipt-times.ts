/** How long receipts took, in wall ms; `recent` are the newest, oldest first. */
export type ReceiptTimesView = {
  readonly count: number;
  readonly sumMs: number;
  readonly recent: readonly number[];
};

const recentMax = 32;

/** How long receipts take. */
export class ReceiptTimes {
  #count = 0;
  #sumMs = 0;
  #recent: number[] = [];

  note(ms: number): void {
    this.#count += 1;
    this.#sumMs += ms;
    this.#recent = [...this.#recent, ms].slice(-recentMax);
  }

  view(): ReceiptTimesView {
    return { count: this.#count, sumMs: this.#sumMs, recent: this.#recent };
  }
}
