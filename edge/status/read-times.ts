import type { Source } from "../schedule/source.ts";

/** Upper bounds of the classes that reads are counted in, seconds; what is slower is counted beyond. */
export const readBounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** How long the reads of a meter took, from asking to the answer or the failure, the wait for its bus
 * included. `classes` has one more than `readBounds`. */
export type ReadTime = {
  readonly count: number;
  readonly sumSeconds: number;
  readonly lastSeconds: number;
  readonly classes: readonly number[];
};

type Times = { count: number; sumSeconds: number; lastSeconds: number; classes: number[] };

/** Measures reads where sources are asked. */
export class ReadTimes {
  readonly #times = new Map<string, Times>();

  /** The same source, its reads measured. */
  watch(source: Source): Source {
    const times = { count: 0, sumSeconds: 0, lastSeconds: 0, classes: readBounds.map(() => 0) };
    times.classes.push(0);
    this.#times.set(source.config.id, times);
    const read = async () => {
      const start = performance.now();
      try {
        return await source.read();
      } finally {
        note(times, (performance.now() - start) / 1000);
      }
    };
    return {
      config: source.config,
      registers: source.registers,
      get serial() {
        return source.serial;
      },
      read,
      doubt: () => source.doubt(),
      close: () => source.close(),
    };
  }

  of(meter: string): ReadTime | undefined {
    return this.#times.get(meter);
  }
}

function note(times: Times, seconds: number): void {
  const at = readBounds.findIndex((bound) => seconds <= bound);
  const place = at < 0 ? readBounds.length : at;
  times.count += 1;
  times.sumSeconds += seconds;
  times.lastSeconds = seconds;
  times.classes[place] = (times.classes[place] ?? 0) + 1;
}
