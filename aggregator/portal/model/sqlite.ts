import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Ask, Asking, Reader } from "./asking.ts";
import { intOf } from "./int.ts";
import { bound, type Name, textOf, type Value } from "./statements.ts";

/** Runs it at once, on the caller's connection and in its transaction. */
class SqliteReader implements Reader<"sqlite"> {
  readonly #db: DatabaseSync;
  /** Prepared once for each database. */
  readonly #prepared = new Map<Name, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  read<T>(asking: Asking<T>): T {
    let step = asking.next();
    while (step.done !== true) step = asking.next(this.#run(step.value));
    return step.value;
  }

  #run({ name, values, answers }: Ask): readonly unknown[] {
    const statement = this.#prepared.get(name) ?? this.#prepare(name);
    const inputs = bound(name, values);
    if (answers) return rowsOf(statement, inputs);
    statement.run(...inputs);
    return none;
  }

  #prepare(name: Name): StatementSync {
    const made = this.#db.prepare(textOf(name, "sqlite"));
    this.#prepared.set(name, made);
    return made;
  }
}

const none: readonly unknown[] = [];

function rowsOf(statement: StatementSync, inputs: readonly Value[]): readonly unknown[] {
  try {
    return statement.all(...inputs);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_OUT_OF_RANGE") throw error;
    // An integer beyond 2⁵³: all of them are asked for as they are, which takes longer.
    statement.setReadBigInts(true);
    try {
      return statement.all(...inputs).map(exactRow);
    } finally {
      statement.setReadBigInts(false);
    }
  }
}

function exactRow(row: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === "bigint" ? intOf(value) : value,
    ]),
  );
}

const readers = new WeakMap<DatabaseSync, SqliteReader>();

/** The read model in an SQLite database: always the same reader for the same database. */
export function sqliteReader(db: DatabaseSync): Reader<"sqlite"> {
  const known = readers.get(db) ?? new SqliteReader(db);
  readers.set(db, known);
  return known;
}
