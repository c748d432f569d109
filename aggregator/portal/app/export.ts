import { read } from "./request.ts";

type Row = Readonly<Record<string, string | number | boolean | null>>;

const pageRows = 500;
/** A hundred thousand rows: a browser holds them, and an owner has them after years. */
const pagesMax = 200;

/** Rows as CSV (RFC 4180): instants as ISO 8601 UTC besides the numbers, everything else as the API says it. */
export function csvOf(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const head = names.map((name) => (name === "slot" ? "slot,utc" : name)).join(",");
  const lines = rows.map((row) =>
    names
      .map((name) => {
        const value = row[name] ?? "";
        const cell = cellOf(value);
        return name === "slot" ? `${cell},${new Date(Number(value)).toISOString()}` : cell;
      })
      .join(","),
  );
  return `${[head, ...lines].join("\r\n")}\r\n`;
}

/** Text that a spreadsheet would take for a formula is kept from being one (OWASP, CSV injection). */
function cellOf(value: string | number | boolean): string {
  const text =
    typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All rows of a list of the API, page by page, the newest first. Throws: `Refused`. */
export async function allRows(path: string, cursor: string): Promise<readonly Row[]> {
  const all: Row[] = [];
  for (let page = 0; page < pagesMax; page++) {
    const last = all.at(-1)?.[cursor];
    const before = last === undefined ? "" : `&before=${last}`;
    const rows = await read<readonly Row[]>(`${path}?limit=${pageRows}${before}`);
    all.push(...rows);
    if (rows.length < pageRows) break;
  }
  return all;
}

/** Hands a text to the browser as a file. */
export function download(name: string, text: string, type: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
