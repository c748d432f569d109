import { Failure } from "@busbar/protocol";

/** One hour's powers in kW: the company's sun and wind, its own load, and the users' load. */
export type HourPowers = {
  readonly pv: number;
  readonly wind: number;
  readonly own: number;
  readonly users: number;
};

/** One row of a day file. `hour` as the file counts them; `row` is the line in the file, for messages. */
export type DayHour = {
  readonly hour: string;
  readonly row: number;
  readonly real: HourPowers | undefined;
  readonly forecast: HourPowers | undefined;
};

/** The hours of one date, in the order of the file: 23 or 25 on days with a change of the clock. */
export type Day = { readonly date: string; readonly hours: readonly DayHour[] };

/** Hours of a day whose clock goes back one. */
const rowsOfDayMax = 25;
const kwMax = 1_000_000;
const quantities = ["pv", "wind", "own", "users"] as const;

/** How a file may name a quantity; real and forecast are told apart by `forecast`. */
const names: Readonly<Record<(typeof quantities)[number], RegExp>> = {
  pv: /^(pv|solar|photovoltaic)(_|$)/,
  wind: /^wind(_|$)/,
  own: /^(own|microgrid|company)(_|$)/,
  users: /^users?(_|$)/,
};
const forecastName = /(^|_)(forecast|fcst|predicted)(_|$)/;

const expectedColumns =
  "hour, pv, wind, own_load, users_load (kW), each also as …_real and …_forecast; date if there are several days";

/** How a row may name its hour: 7, 07:00, 2020-07-10T07:00, and 2A and 2B where the clock goes back. */
const hourName =
  /^(?:\d{4}-\d{2}-\d{2}[T ])?(\d{1,2})(?::00(?::00)?)?(?:[ab]|z|[+-]\d{2}:?\d{2})?$/i;

/** Problems that one message tells of; a file of another kind has one in each row. */
const problemsMax = 10;

/**
 * Reads a day, or several, of hourly powers from CSV (commas or semicolons, decimal points).
 * Throws: `Failure` `day-file.columns`, `day-file.value`, `day-file.empty`; a message tells of every problem, up
 * to ten, with the file, row, column, what was expected and what came.
 */
export function parseDays(text: string, file: string): Day[] {
  const name = file === "-" ? "standard input" : file;
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const { cells, columns } = headOf(lines[0] ?? "", name);
  const problems: string[] = [];
  const days = new Map<string, DayHour[]>();
  lines.forEach((line, i) => {
    if (i === 0 || line.trim() === "") return;
    const { date, hour } = hourAt({ row: i + 1, values: cells(line) }, columns, problems);
    const hours = days.get(date) ?? [];
    problems.push(...whyNotNext(hour, hours, date));
    hours.push(hour);
    days.set(date, hours);
  });
  if (problems.length > 0) throw failure("day-file.value", name, problems);
  if (days.size === 0) {
    throw failure("day-file.empty", name, ["expected at least one row below the header, got none"]);
  }
  return Array.from(days, ([date, hours]) => ({ date, hours }));
}

function failure(code: string, name: string, problems: readonly string[]): Failure {
  const shown = problems.slice(0, problemsMax).map((problem) => `${name}: ${problem}`);
  const more = problems.length - shown.length;
  if (more > 0) shown.push(`${name}: ${more} more of them`);
  return new Failure(code, shown.join("\n"), { retry: "never" });
}

/** The columns of a file, and how its lines are cut into cells. */
function headOf(head: string, name: string) {
  const separator = head.includes(";") && !head.includes(",") ? ";" : ",";
  const cells = (line: string) => line.split(separator).map((cell) => unquoted(cell.trim()));
  const header = cells(head).map((cell) => cell.toLowerCase().replaceAll(/[\s-]+/g, "_"));
  const columns = columnsOf(header);
  if (typeof columns !== "string") return { cells, columns };
  throw failure("day-file.columns", name, [`row 1: expected ${columns}`]);
}

type Line = { readonly row: number; readonly values: readonly string[] };

/** What a line says; what it says wrongly is added to the problems. */
function hourAt({ row, values }: Line, columns: Columns, problems: string[]) {
  const date = columns.date === undefined ? "" : (values[columns.date] ?? "");
  const hour = values[columns.hour] ?? "";
  if (values.length !== columns.count) {
    const expected = `${columns.count} cells as in row 1`;
    problems.push(problem({ row, column: undefined, expected, got: `${values.length}` }));
    return { date, hour: { hour, row, real: undefined, forecast: undefined } };
  }
  // A quarter of an hour that is taken for an hour would count four times its energy.
  if (!(Number(hourName.exec(hour)?.[1]) <= rowsOfDayMax)) {
    const expected = "an hour, as 7, 07:00 or 2B";
    problems.push(problem({ row, column: "hour", expected, got: hour }));
  }
  const of = (found: Found | undefined) => found && powersAt(found, { row, values }, problems);
  return { date, hour: { hour, row, real: of(columns.real), forecast: of(columns.forecast) } };
}

/** Why an hour cannot follow those of its date. */
function whyNotNext({ hour, row }: DayHour, hours: readonly DayHour[], date: string): string[] {
  const same = hours.find((other) => other.hour === hour);
  if (same !== undefined) {
    const expected = `an hour that row ${same.row} does not have too`;
    return [problem({ row, column: "hour", expected, got: hour })];
  }
  if (hours.length !== rowsOfDayMax) return [];
  const expected = `at most ${rowsOfDayMax} hours of a date`;
  return [problem({ row, column: "date", expected, got: date })];
}

/** Column and its name, of each quantity. */
type Found = Readonly<
  Record<(typeof quantities)[number], { readonly at: number; readonly name: string }>
>;

/** Where a file has what; `count` is the number of its columns. */
type Columns = {
  readonly count: number;
  readonly hour: number;
  readonly date: number | undefined;
  readonly real: Found | undefined;
  readonly forecast: Found | undefined;
};

/** The columns by their names, or in words what was expected of them and what came. */
function columnsOf(header: readonly string[]): Columns | string {
  let twice: string | undefined;
  const find = (wanted: RegExp, forecast: boolean) => {
    const [first, second] = header
      .map((name, at) => ({ at, name }))
      .filter(({ name }) => wanted.test(name) && forecastName.test(name) === forecast);
    if (second !== undefined) {
      twice ??= `one column of a kind; got ${printable(`${first?.name} and ${second.name}`)}`;
    }
    return first;
  };
  const all = (forecast: boolean): Found | undefined => {
    const [pv, wind, own, users] = quantities.map((quantity) => find(names[quantity], forecast));
    return pv && wind && own && users ? { pv, wind, own, users } : undefined;
  };
  const hour = header.findIndex((name) => name === "hour" || name === "time");
  const [real, forecast] = [all(false), all(true)];
  if (twice !== undefined) return twice;
  if (hour < 0 || (real === undefined && forecast === undefined)) {
    const got = header.join(", ").slice(0, 200);
    return `the columns ${expectedColumns}; got ${got === "" ? "nothing" : printable(got)}`;
  }
  const date = header.indexOf("date");
  return { count: header.length, hour, date: date < 0 ? undefined : date, real, forecast };
}

function powersAt(found: Found, { row, values }: Line, problems: string[]): HourPowers {
  const at = (quantity: (typeof quantities)[number]) => {
    const text = values[found[quantity].at] ?? "";
    const value = /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= 0 && value <= kwMax)) {
      const expected = `a number of kW from 0 to ${kwMax}`;
      problems.push(problem({ row, column: found[quantity].name, expected, got: text }));
    }
    return value;
  };
  return { pv: at("pv"), wind: at("wind"), own: at("own"), users: at("users") };
}

function unquoted(cell: string): string {
  return /^".*"$/.test(cell) ? cell.slice(1, -1).replaceAll('""', '"') : cell;
}

/** What came may be no text at all, and is to be printed. */
function printable(text: string): string {
  return text.replaceAll(/[\p{C}\uFFFD]/gu, "?");
}

function problem({
  row,
  column,
  expected,
  got,
}: {
  readonly row: number;
  readonly column: string | undefined;
  readonly expected: string;
  readonly got: string;
}): string {
  const where = column === undefined ? `row ${row}` : `row ${row}, column ${printable(column)}`;
  return `${where}: expected ${expected}, got ${printable(JSON.stringify(got.slice(0, 60)))}`;
}
