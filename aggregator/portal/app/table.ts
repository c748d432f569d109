import { html, setAttributes, setText } from "./dom.ts";

/** What stands in a cell: text, or an element that is made once and updated. */
export type Cell = {
  readonly text: string;
  readonly title?: string;
  readonly tone?: string;
  /** Share of the widest bar, −1 … 1: left of the middle is negative. */
  readonly bar?: number;
};

export type Column<T> = {
  readonly head: string;
  readonly numeric?: boolean;
  /** Left out on a phone. */
  readonly minor?: boolean;
  cell(row: T): Cell;
};

/** A table that keeps its rows: a row is made once for each key and then only changed. */
export class Table<T> {
  readonly #columns: readonly Column<T>[];
  readonly #keyOf: (row: T) => string;
  readonly #body = html("tbody");
  readonly #rows = new Map<string, HTMLTableRowElement>();
  readonly #empty: string;

  constructor(
    table: HTMLElement,
    options: {
      readonly caption: string;
      readonly empty: string;
      readonly columns: readonly Column<T>[];
      readonly keyOf: (row: T) => string;
    },
  ) {
    this.#columns = options.columns;
    this.#keyOf = options.keyOf;
    this.#empty = options.empty;
    // What scrolls must be reachable by keyboard; not every browser sees to that by itself.
    if (table.parentElement !== null) table.parentElement.tabIndex = 0;
    const heads = options.columns.map((column) =>
      html("th", { scope: "col", class: classOf(column) }, column.head),
    );
    table.replaceChildren(
      html("caption", { class: "visually-hidden" }, options.caption),
      html("thead", {}, html("tr", {}, ...heads)),
      this.#body,
    );
  }

  /** Shows these rows in this order. Rows that were not there before are marked as new. */
  show(rows: readonly T[]): void {
    if (rows.length === 0) {
      this.#rows.clear();
      const cell = html("td", { class: "empty", colspan: this.#columns.length }, this.#empty);
      this.#body.replaceChildren(html("tr", {}, cell));
      return;
    }
    const first = this.#rows.size === 0;
    const keys = new Set(rows.map(this.#keyOf));
    for (const [key, element] of this.#rows) if (!keys.has(key)) this.#drop(key, element);
    if (first) this.#body.replaceChildren();
    for (const [i, row] of rows.entries()) {
      const element = this.#rowFor(row, !first);
      if (this.#body.children[i] !== element)
        this.#body.insertBefore(element, this.#body.children[i] ?? null);
      this.#fill(element, row);
    }
  }

  #drop(key: string, element: Element): void {
    element.remove();
    this.#rows.delete(key);
  }

  #rowFor(row: T, isNew: boolean): HTMLTableRowElement {
    const key = this.#keyOf(row);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const cells = this.#columns.map((column) => html("td", { class: classOf(column) }));
    const element = html("tr", { class: isNew ? "new" : undefined }, ...cells);
    this.#rows.set(key, element);
    return element;
  }

  #fill(element: HTMLTableRowElement, row: T): void {
    for (const [i, column] of this.#columns.entries()) {
      const cell = element.cells[i];
      if (cell === undefined) continue;
      const { text, title, tone, bar } = column.cell(row);
      setAttributes(cell, { title, "data-tone": tone });
      if (bar === undefined) setText(cell, text);
      else fillBar(cell, text, bar);
    }
  }
}

/** A bar to the left or right of the cell's middle, with its figure beside it. */
function fillBar(cell: Element, text: string, share: number): void {
  if (cell.firstElementChild === null) {
    cell.append(
      html("span", { class: "power" }),
      html("span", { class: "track", "aria-hidden": "true" }, html("span", { class: "fill" })),
    );
  }
  const [figure, track] = cell.children;
  const fill = track?.firstElementChild;
  if (figure !== undefined) setText(figure, text);
  if (!(fill instanceof HTMLElement)) return;
  const width = Math.min(1, Math.abs(share)) * 50;
  fill.style.width = `${width}%`;
  fill.style.left = share < 0 ? `${50 - width}%` : "50%";
  fill.dataset.side = share < 0 ? "given" : "drawn";
}

function classOf({ numeric, minor }: Pick<Column<never>, "numeric" | "minor">): string | undefined {
  const names = [numeric === true ? "num" : "", minor === true ? "minor" : ""].filter(Boolean);
  return names.length === 0 ? undefined : names.join(" ");
}
