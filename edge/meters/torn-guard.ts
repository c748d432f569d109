import type { Span } from "../planner/plan.ts";
import type { BlockReader, RowWords } from "./block-reader.ts";

/** A value of several registers: its row, and where in the row's words it lies. */
export type WideValue<Row> = {
  readonly row: Row;
  readonly at: number;
  readonly words: number;
  readonly wordOrder: "msw" | "lsw";
};

/** Further looks at a value; two in a row must agree. */
const looksMax = 3;

/**
 * Tells values whose registers changed while the meter answered: words of two instants make a number
 * that the meter never showed. That can only happen when a carry passes from the lowest word to those
 * above it, so a value whose upper words are others than in the last reading is read again, until two
 * looks in a row have the same ones. What does not come to rest is left out: unknown, not wrong.
 *
 * A value that fell for it (upper words of before, lowest of after) is less than it was, which whoever
 * reads a register again and again finds out. What is left: the first reading of a process, and a
 * meter that shows words of two instants for as long as two questions take.
 */
export class TornGuard<Row extends Span> {
  readonly #upper = new WeakMap<Row, string>();

  /** The answers with values that came to rest. Throws: as `BlockReader.one`. */
  async settle(
    answers: ReadonlyMap<Row, RowWords>,
    values: readonly WideValue<Row>[],
    reader: Pick<BlockReader<Row>, "one">,
  ): Promise<ReadonlyMap<Row, RowWords>> {
    const settled = new Map(answers);
    for (const value of values) {
      const { row } = value;
      const answer = answers.get(row);
      if (answer === undefined || value.words < 2) continue;
      const last = this.#upper.get(row);
      const same = last === undefined || last === upperOf(value, answer);
      const rested = same ? answer : await this.#rested(value, answer, reader);
      if (rested === undefined) settled.delete(row);
      else {
        settled.set(row, rested);
        this.#upper.set(row, upperOf(value, rested));
      }
    }
    return settled;
  }

  async #rested(
    value: WideValue<Row>,
    first: RowWords,
    reader: Pick<BlockReader<Row>, "one">,
  ): Promise<RowWords | undefined> {
    let before = first;
    for (let look = 0; look < looksMax; look += 1) {
      const again = await reader.one(value.row);
      if (again === undefined) return undefined;
      if (upperOf(value, again) === upperOf(value, before)) return again;
      before = again;
    }
    return undefined;
  }
}

function upperOf({ at, words, wordOrder }: WideValue<unknown>, answer: RowWords): string {
  const [from, to] = wordOrder === "msw" ? [at, at + words - 1] : [at + 1, at + words];
  return answer.words.slice(from, to).join();
}
