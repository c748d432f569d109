import { Failure } from "@busbar/protocol";

/** A line of a table: its number in the file (the first is 1) and its cells. */
export type CsvRow = { readonly line: number; readonly cells: readonly string[] };

/**
 * Reads comma-separated values (RFC 4180): quoted cells may hold commas, line breaks and doubled
 * quotes. Lines that are empty or begin with # are left out, blanks around a cell without quotes, too.
 * Throws: `Failure` `table.quote` for a quote that never ends or text after one.
 */
export function readCsv(name: string, text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let [line, at] = [1, text.startsWith("\uFEFF") ? 1 : 0];
  while (at < text.length) {
    const begin = line;
    const cells: string[] = [];
    let ended = false;
    while (!ended) {
      const cell = readCell(text, at, () => `${name}, row ${begin}, column ${cells.length + 1}`);
      line += text.slice(at, cell.end).split("\n").length - 1;
      cells.push(cell.value);
      ended = text[cell.end] !== ",";
      at = cell.end + 1;
      if (text[cell.end] === "\r" && text[at] === "\n") at += 1;
    }
    line += 1;
    const [first = ""] = cells;
    if ((cells.length > 1 || first !== "") && !first.startsWith("#"))
      rows.push({ line: begin, cells });
  }
  return rows;
}

/** The cell that begins at `from`, and where it ends: at a comma, a line's end, or the text's. */
function readCell(text: string, from: number, place: () => string): { value: string; end: number } {
  const plain = /[^,\r\n]*/y;
  plain.lastIndex = from;
  const [bare = ""] = plain.exec(text) ?? [];
  if (!bare.trimStart().startsWith('"')) return { value: bare.trim(), end: from + bare.length };
  const quoted = /\s*"((?:[^"]|"")*)"[ \t]*(?=[,\r\n]|$)/y;
  quoted.lastIndex = from;
  const found = quoted.exec(text);
  if (found === null) {
    const message = `${place()}: expected a quoted cell to end with a quote and then a comma or the line's end`;
    throw new Failure("table.quote", message, { retry: "never" });
  }
  return { value: (found[1] ?? "").replaceAll('""', '"'), end: from + found[0].length };
}
