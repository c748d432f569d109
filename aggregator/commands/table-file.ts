import { readFileSync } from "node:fs";
import { Failure, nearest } from "@busbar/protocol";
import { readCsv } from "./csv.ts";

/**
 * What a column's cells are: reads one, or gives undefined where it is none; `expected` says in words
 * what it should be. A column with `absent` may be missing, and its cells may be empty.
 */
export type Column<T> = {
  readonly read: (text: string) => T | undefined;
  readonly expected: string;
  readonly absent?: T;
};

export type Columns = Readonly<Record<string, Column<unknown>>>;

/** A row by its columns' names, and where it stands. */
export type RowOf<C extends Columns> = {
  readonly [K in keyof C]: C[K] extends Column<infer T> ? T : never;
} & { readonly row: number };

/** Problems that one message tells of; a file of another kind has one in each row. */
const problemsMax = 10;

/**
 * Reads a table from a CSV file with a header, or from a JSON file (`-`: from standard input): a list of
 * objects, alone or under the name `list`. Rows of CSV are counted as lines of the file, those of JSON from 1.
 * Throws: `Failure` `table.file`, `table.quote`, `table.form`: each message names row, column, what was
 * expected and what came.
 */
export function readTable<C extends Columns>(path: string, list: string, columns: C): RowOf<C>[] {
  const text = contentOf(path);
  const isJson = path.endsWith(".json") || /^\s*[[{]/.test(text);
  const rows = isJson ? jsonRows(path, text, list) : csvRows(path, text, columns);
  const problems: string[] = [];
  const read = rows.map(({ row, cells }) => {
    const values: Record<string, unknown> = { row };
    for (const [name, column] of Object.entries(columns)) {
      const cell = cells.get(name) ?? "";
      const value = cell === "" ? column.absent : column.read(cell);
      if (value === undefined && !(cell === "" && "absent" in column)) {
        const got = cell === "" ? "nothing" : JSON.stringify(cell);
        problems.push(`row ${row}, column ${name}: expected ${column.expected}, got ${got}`);
      }
      values[name] = value;
    }
    if (isJson) problems.push(...unknownIn(cells.keys(), columns, row));
    return values as RowOf<C>;
  });
  if (problems.length > 0) throw wrongForm(path, problems);
  return read;
}

/** How a message names what a path names; `-` is standard input. */
export const nameOf = (path: string) => (path === "-" ? "standard input" : path);

/** A failure of a table's form that names the file before each problem. */
export function wrongForm(path: string, problems: readonly string[]): Failure {
  const name = nameOf(path);
  const shown = problems.slice(0, problemsMax).map((problem) => `${name}: ${problem}`);
  const more = problems.length - shown.length;
  if (more > 0) shown.push(`${name}: ${more} more of them`);
  return new Failure("table.form", shown.join("\n"), { retry: "never" });
}

function contentOf(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    const message =
      path === "-"
        ? "standard input: cannot be read; pipe CSV or JSON into it"
        : `${path}: cannot read this file; name a CSV or JSON file, or - for standard input`;
    throw new Failure("table.file", message, { retry: "never", cause });
  }
}

type Row = { readonly row: number; readonly cells: ReadonlyMap<string, string> };

function csvRows(path: string, text: string, columns: Columns): Row[] {
  const [header, ...rows] = readCsv(nameOf(path), text);
  if (header === undefined) {
    throw wrongForm(path, ["row 1: expected a header with the columns' names, got an empty file"]);
  }
  const names = header.cells;
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  const missing = Object.entries(columns).filter(
    ([name, column]) => !("absent" in column || names.includes(name)),
  );
  const problems = [
    ...twice.map((name) => `row ${header.line}: column ${JSON.stringify(name)} appears twice`),
    ...unknownIn(names, columns, header.line),
    ...missing.map(([name, { expected }]) => {
      return `row ${header.line}: expected a column ${name}, of ${expected}; the header lacks it`;
    }),
  ];
  if (problems.length > 0) throw wrongForm(path, problems);
  return rows.map(({ line, cells }) => {
    if (cells.length !== names.length) {
      const got = `expected ${names.length} cells as in the header, got ${cells.length}`;
      throw wrongForm(path, [`row ${line}: ${got}`]);
    }
    return { row: line, cells: new Map(names.map((name, i) => [name, cells[i] ?? ""])) };
  });
}

function jsonRows(path: string, text: string, list: string): Row[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    const message = `${nameOf(path)}: expected JSON, got: ${cause instanceof Error ? cause.message : cause}`;
    throw new Failure("table.form", message, { retry: "never", cause });
  }
  const rows = isObject(content) ? content[list] : content;
  if (!Array.isArray(rows)) {
    throw wrongForm(path, [`expected a list, or an object with a list "${list}"`]);
  }
  return rows.map((entry: unknown, i) => {
    if (isObject(entry)) return { row: i + 1, cells: cellsOf(entry) };
    throw wrongForm(path, [`row ${i + 1}: expected an object, got ${JSON.stringify(entry)}`]);
  });
}

/** Cells as text; null is an empty one. */
function cellsOf(entry: Readonly<Record<string, unknown>>): Map<string, string> {
  const text = (value: unknown) => {
    if (value === null || value === undefined) return "";
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
  return new Map(Object.entries(entry).map(([name, value]) => [name, text(value)]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownIn(names: Iterable<string>, columns: Columns, row: number): string[] {
  const known = Object.keys(columns);
  return [...names]
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = nearest(name, known);
      const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean ${near}?`;
      return `row ${row}: unknown column ${JSON.stringify(name)}; ${hint}`;
    });
}

/**
 * A decimal number as an integer of its last place: "0.25" with 6 places is 250 000. Undefined for
 * more places than that, other notations, and what is outside least … most.
 */
export function decimal(places: number, range: { least: number; most: number }) {
  return (text: string): number | undefined => {
    const parts = /^(-?)(\d{1,12})(?:\.(\d+))?$/.exec(text);
    if (parts === null || (parts[3]?.length ?? 0) > places) return undefined;
    const digits = `${parts[2]}${(parts[3] ?? "").padEnd(places, "0")}`;
    const size = Number(digits);
    const value = parts[1] === "-" && size !== 0 ? -size : size;
    return Number.isSafeInteger(value) && value >= range.least && value <= range.most
      ? value
      : undefined;
  };
}
