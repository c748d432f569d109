/** What a quote asked for, and how the owner stood before it. */
export type Asked = {
  readonly slot: number;
  readonly gate: number;
  readonly quantityWh: number;
  readonly soldWh: number;
};

/** Where what was learned outlives a restart. */
export type DaringStore = { read(): string | undefined; write(text: string): void };

const first = 500;
/** Never quite all or nothing: what is never tried is never learned. */
const [least, most] = [50, 950];
/** Quotes whose outcome is waited for: more than three days of gates. */
const waitingMax = 2_000;

/**
 * How much a ramp dares, in permille: more after each quote that was taken, less after each that was not,
 * by the share of it. Quotes at a slot's last gate teach nothing: the bureau takes what is left there.
 */
export class Daring {
  readonly #store: DaringStore;
  readonly #learnPermille: number;
  readonly #waiting = new Map<number, Asked>();
  #permille: number;

  constructor(store: DaringStore, learnPermille: number) {
    this.#store = store;
    this.#learnPermille = learnPermille;
    const kept = Number(store.read() ?? first);
    this.#permille = Number.isInteger(kept) && kept >= least && kept <= most ? kept : first;
  }

  get permille(): number {
    return this.#permille;
  }

  /** A quote was given at a gate that is not its slot's last. */
  asked(quote: Asked): void {
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= waitingMax && oldest !== undefined) this.#waiting.delete(oldest);
    this.#waiting.set(quote.slot, quote);
  }

  /** A slot is at another gate: what the quote at the one before brought is known. */
  came({ slot, gate, soldWh }: Omit<Asked, "quantityWh">): void {
    const quote = this.#waiting.get(slot);
    if (quote === undefined || quote.gate >= gate) return;
    this.#waiting.delete(slot);
    const taken = Math.min(1, Math.abs(soldWh - quote.soldWh) / quote.quantityWh);
    const step = Math.round(this.#learnPermille * (2 * taken - 1));
    const learned = Math.max(least, Math.min(most, this.#permille + step));
    if (learned === this.#permille) return;
    this.#permille = learned;
    this.#store.write(String(learned));
  }
}
