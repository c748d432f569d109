/** Lines of a log that are kept in memory, for who may ask from afar. */
const linesMax = 500;
const lineCharsMax = 400;

/** The newest lines of a log. */
export class LogRing {
  readonly #lines: string[] = [];

  write(line: string): void {
    this.#lines.push(line.trimEnd().slice(0, lineCharsMax));
    if (this.#lines.length > linesMax) this.#lines.shift();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}
