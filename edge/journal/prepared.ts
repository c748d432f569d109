import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";

const statements = new WeakMap<DatabaseSync, Map<string, StatementSync>>();

/**
 * The statement of a text, compiled once for each database: what a unit asks many times a second.
 * Texts are those of the program, so there are few. Not for `iterate`, which a second use would end.
 */
export function prepared(database: DatabaseSync, sql: string): StatementSync {
  let known = statements.get(database);
  if (known === undefined) {
    known = new Map();
    statements.set(database, known);
  }
  let statement = known.get(sql);
  if (statement === undefined) {
    statement = database.prepare(sql);
    known.set(sql, statement);
  }
  return statement;
}

/**
 * The first row that a changing statement returns. `get` would stop at that row: the commit then
 * comes with the statement's reset, and where the disk refuses it nobody is told.
 */
export function changed(
  statement: StatementSync,
  ...values: readonly SQLInputValue[]
): Record<string, SQLOutputValue> | undefined {
  return statement.all(...values)[0];
}
