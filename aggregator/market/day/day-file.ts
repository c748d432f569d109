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

/**
 * Reads a day, or several, of hourly powers from CSV (commas or semicolons, decimal points).
 * Throws: `Failure` `day-file.columns`, `day-file.value`, `day-file.empty`; a message names the file, row,
 * column, what was expected and what came.
 */
export function parseDays(text: string, file: string): Day[] {
  try {
    return daysOf(text);
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    throw new Failure(cause.code, `${file === "-" ? "standard input" : file}: ${cause.message}`, {
      retry: "never",
      cause,
    });
  }
}

function daysOf(text: string): Day[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const head = lines[0] ?? "";
  const separator = head.includes(";") && !head.includes(",") ? ";" : ",";
  const cells = (line: string) => line.split(separator).map((cell) => unquoted(cell.trim()));
  const columns = columnsOf(
    cells(head).map((name) => name.toLowerCase().replaceAll(/[\s-]+/g, "_")),
  );
  const days = new Map<string, DayHour[]>();
  lines.forEach((line, i) => {
    if (i === 0 || line.trim() === "") return;
    const row = i + 1;
    const values = cells(line);
    if (values.length !== columns.count) {
      bad(row, undefined, `${columns.count} cells as in row 1`, `${values.length}`);
    }
    const date = columns.date === undefined ? "" : (values[columns.date] ?? "");
    const hour = values[columns.hour] ?? "";
    // A quarter of an hour that is taken for an hour would count four times its energy.
    if (!(Number(hourName.exec(hour)?.[1]) <= rowsOfDayMax)) {
      bad(row, "hour", "an hour, as 7, 07:00 or 2B", hour);
    }
    const hours = days.get(date) ?? [];
    const same = hours.find((other) => other.hour === hour);
    if (same !== undefined)
      bad(row, "hour", `an hour that row ${same.row} does not have too`, hour);
    if (hours.length === rowsOfDayMax)
      bad(row, "date", `at most ${rowsOfDayMax} hours of a date`, date);
    const of = (found: Found | undefined) => found && powersAt(found, values, row);
    hours.push({ hour, row, real: of(columns.real), forecast: of(columns.forecast) });
    days.set(date, hours);
  });
  if (days.size === 0) {
    throw new Failure("day-file.empty", "expected at least one row below the header, got none", {
      retry: "never",
    });
  }
  return Array.from(days, ([date, hours]) => ({ date, hours }));
}

/** Column and its name, of each quantity. */
type Found = Readonly<
  Record<(typeof quantities)[number], { readonly at: number; readonly name: string }>
>;

function columnsOf(header: readonly string[]) {
  const find = (wanted: RegExp, forecast: boolean) => {
    const [first, second] = header
      .map((name, at) => ({ at, name }))
      .filter(({ name }) => wanted.test(name) && forecastName.test(name) === forecast);
    if (second === undefined) return first;
    return badColumns(`one column of a kind; got ${first?.name} and ${second.name}`);
  };
  const all = (forecast: boolean): Found | undefined => {
    const [pv, wind, own, users] = quantities.map((quantity) => find(names[quantity], forecast));
    return pv && wind && own && users ? { pv, wind, own, users } : undefined;
  };
  const hour = header.findIndex((name) => name === "hour" || name === "time");
  const [real, forecast] = [all(false), all(true)];
  if (hour < 0 || (real === undefined && forecast === undefined)) {
    const got = header.join(", ").slice(0, 200);
    badColumns(`the columns ${expectedColumns}; got ${got === "" ? "nothing" : printable(got)}`);
  }
  const date = header.indexOf("date");
  return { count: header.length, hour, date: date < 0 ? undefined : date, real, forecast };
}

function powersAt(found: Found, values: readonly string[], row: number): HourPowers {
  const at = (quantity: (typeof quantities)[number]) => {
    const text = values[found[quantity].at] ?? "";
    const value = /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= 0 && value <= kwMax)) {
      bad(row, found[quantity].name, `a number of kW from 0 to ${kwMax}`, text);
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

function badColumns(expected: string): never {
  throw new Failure("day-file.columns", `row 1: expected ${expected}`, { retry: "never" });
}

function bad(row: number, column: string | undefined, expected: string, got: string): never {
  const where = column === undefined ? `row ${row}` : `row ${row}, column ${column}`;
  const message = `${where}: expected ${expected}, got ${JSON.stringify(got.slice(0, 60))}`;
  throw new Failure("day-file.value", message, { retry: "never" });
}
