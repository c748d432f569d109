import type { Decimal } from "./decimal.ts";
import { decodeValue, type ValueShape } from "./decode-value.ts";

/** What a row of a profile says of its value. */
type ValueRow = Omit<ValueShape, "wordOrder" | "factor">;

type Decoded = {
  readonly words: readonly number[];
  readonly factor: Decimal | undefined;
  readonly value: Decimal | undefined;
};

/** Decodes a meter's rows, each only when it shows something else than before: most show the same. */
export class RowDecoder<Row extends ValueRow> {
  readonly #wordOrder: ValueShape["wordOrder"];
  readonly #last = new Map<Row, Decoded>();

  constructor(wordOrder: ValueShape["wordOrder"]) {
    this.#wordOrder = wordOrder;
  }

  /** As `decodeValue`. Shape: a row that is given again is as it was. */
  value(
    row: Row,
    words: readonly number[],
    factor: Decimal | undefined,
  ): ReturnType<typeof decodeValue> {
    const last = this.#last.get(row);
    if (last !== undefined && isSame(last, { words, factor })) return last.value;
    const value = decodeValue(words, { ...row, wordOrder: this.#wordOrder, factor });
    this.#last.set(row, { words, factor, value });
    return value;
  }
}

function isSame(a: Decoded, b: Pick<Decoded, "words" | "factor">): boolean {
  const factor =
    a.factor?.mantissa === b.factor?.mantissa && a.factor?.exponent === b.factor?.exponent;
  return factor && a.words.length === b.words.length && a.words.every((w, i) => w === b.words[i]);
}
