import type { Engine, Name, RowOf, Values, ValuesOf } from "./statements.ts";

/** One statement that is to be run. `answers`: whether its rows are waited for. */
export type Ask = { readonly name: Name; readonly values: Values; readonly answers: boolean };

/**
 * Work on the read model that says what it needs and does not know who runs it: in SQLite it runs through
 * at once, inside of the block's own transaction too; in PostgreSQL each answer comes by and by.
 */
export type Asking<T> = Generator<Ask, T, readonly unknown[]>;

/** At once, or by and by. */
export type Answer<E extends Engine, T> = E extends "sqlite" ? T : Promise<T>;

/** Runs what asks. All that one work reads is of one moment. */
export interface Reader<E extends Engine> {
  read<T>(asking: Asking<T>): Answer<E, T>;
}

/** All rows of a statement. */
export function* all<N extends Name>(name: N, values: ValuesOf<N>): Asking<readonly RowOf<N>[]> {
  return (yield { name, values: values as Values, answers: true }) as readonly RowOf<N>[];
}

/** The first row. */
export function* first<N extends Name>(name: N, values: ValuesOf<N>): Asking<RowOf<N> | undefined> {
  const [row] = (yield { name, values: values as Values, answers: true }) as readonly RowOf<N>[];
  return row;
}

/** Changes something. What comes after it sees that. */
export function* change<N extends Name>(name: N, values: ValuesOf<N>): Asking<void> {
  yield { name, values: values as Values, answers: false };
}
