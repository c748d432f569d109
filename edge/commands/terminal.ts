import type { WriteStream } from "node:tty";

type Output = NodeJS.WriteStream | WriteStream;

/** Width to write text for: of the terminal, of COLUMNS elsewhere, else 80. */
export function columnsOf(stream: Output): number {
  const said = Number(process.env.COLUMNS);
  const columns = stream.isTTY === true ? stream.columns : said;
  return columns >= 40 ? columns : 80;
}

/** Whether to use bold and dim: on a terminal that can, unless NO_COLOR says no. */
export function hasStyle(stream: Output): boolean {
  const { NO_COLOR = "", TERM = "" } = process.env;
  return stream.isTTY === true && NO_COLOR === "" && TERM !== "dumb" && TERM !== "";
}

/** Whether lines can be drawn over: a terminal that is no plain printer. */
export function canRedraw(stream: Output): boolean {
  const { TERM = "" } = process.env;
  return stream.isTTY === true && TERM !== "dumb" && TERM !== "";
}

/**
 * Text in lines of at most `width`, each after the first begun with `indent`. A word that is longer
 * than a line, such as a path, is left whole: it can be copied. Lines that `text` has stay apart.
 */
export function wrap(text: string, width: number, indent = ""): string {
  const [first = "", ...more] = text.split("\n");
  return [
    wrapLine(first, width, indent),
    ...more.map((it) => wrapLine(indent + it, width, indent)),
  ].join("\n");
}

function wrapLine(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  const start = /^ */.exec(text)?.[0] ?? "";
  for (const [i, word] of text.slice(start.length).split(" ").entries()) {
    const longer = i === 0 ? start + word : `${line} ${word}`;
    if (line.trim() !== "" && longer.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line].join("\n");
}

/** A line on standard error that is drawn over; what is written meanwhile goes above it. */
export class StatusLine {
  readonly #stream: Output;
  #text = "";

  constructor(stream: Output = process.stderr) {
    this.#stream = stream;
  }

  show(text: string): void {
    this.#text = text.slice(0, columnsOf(this.#stream) - 1);
    this.#stream.write(`\r\u001b[K${this.#text}`);
  }

  /** Runs what writes lines, with the status line out of its way. */
  above(write: () => void): void {
    const text = this.#text;
    this.clear();
    write();
    if (text !== "") this.show(text);
  }

  clear(): void {
    if (this.#text !== "") this.#stream.write("\r\u001b[K");
    this.#text = "";
  }
}

/** "40 s", "3 min": rounded up, for a wait. */
export function waitText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
