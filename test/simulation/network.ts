import type { Random } from "./random.ts";

/** Whether a message from one place reaches another now. */
export type Cut = (from: number, to: number) => boolean;

export type Weather = {
  readonly delayMsMax: number;
  readonly loss: number;
  readonly duplication: number;
};

type Item = { readonly at: number; readonly order: number; readonly run: () => void };

/** Virtual time: what happens, in order. Ties go by the order in which things were planned. */
export class Agenda {
  #heap: Item[] = [];
  #order = 0;
  now = 0;

  at(time: number, run: () => void): void {
    this.#order += 1;
    push(this.#heap, { at: Math.max(time, this.now), order: this.#order, run });
  }

  /** Runs what comes next; false when nothing is left. */
  next(): boolean {
    const item = pop(this.#heap);
    if (item === undefined) return false;
    this.now = item.at;
    item.run();
    return true;
  }

  /** Goes on until something holds; false when it does not within so much virtual time. */
  until(holds: () => boolean, msMax: number): boolean {
    const end = this.now + msMax;
    while (!holds()) {
      if (this.now >= end || !this.next()) return false;
    }
    return true;
  }
}

/** Links between places that delay, lose, double and cut. */
export class Network {
  weather: Weather = { delayMsMax: 5, loss: 0, duplication: 0 };
  cut: Cut = () => false;
  /** A place whose messages take so much longer. */
  slow: { readonly place: number; readonly ms: number } | undefined;
  readonly #agenda: Agenda;
  readonly #random: Random;
  sent = 0;

  constructor(agenda: Agenda, random: Random) {
    this.#agenda = agenda;
    this.#random = random;
  }

  send(from: number, to: number, deliver: () => void): void {
    this.sent += 1;
    const { delayMsMax, loss, duplication } = this.weather;
    const copies = this.#random.chance(duplication) ? 2 : 1;
    for (let i = 0; i < copies; i += 1) {
      if (this.#random.chance(loss)) continue;
      const lag = this.slow?.place === from ? this.slow.ms : 0;
      const delay = 0.1 + lag + this.#random.next() * delayMsMax;
      this.#agenda.at(this.#agenda.now + delay, () => {
        // Cut while under way is lost too.
        if (!this.cut(from, to)) deliver();
      });
    }
  }
}

function isBefore(a: Item, b: Item): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Item[], item: Item): void {
  let i = heap.length;
  heap.push(item);
  while (i > 0) {
    const up = (i - 1) >> 1;
    const parent = heap[up] as Item;
    if (!isBefore(item, parent)) break;
    heap[i] = parent;
    i = up;
  }
  heap[i] = item;
}

function pop(heap: Item[]): Item | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let i = 0;
  for (;;) {
    let down = 2 * i + 1;
    if (down >= heap.length) break;
    if (down + 1 < heap.length && isBefore(heap[down + 1] as Item, heap[down] as Item)) down += 1;
    if (!isBefore(heap[down] as Item, last)) break;
    heap[i] = heap[down] as Item;
    i = down;
  }
  heap[i] = last;
  return top;
}
