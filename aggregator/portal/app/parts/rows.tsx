import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { t } from "../language.ts";
import { Refused, read } from "../request.ts";
import { Empty, Problem, Waiting } from "./loaded.tsx";

export type RowColumn<T> = {
  readonly head: string;
  readonly numeric?: boolean;
  readonly minor?: boolean;
  cell(row: T): ComponentChildren;
};

const rowHeight = 36;
/** Rows drawn beyond what is seen, above and below. */
const beyond = 10;
const pageRows = 200;

/**
 * A long list: rows are asked for page by page as they come near, and only those that are seen stand in the
 * document, so that 10⁵ of them are as light as ten.
 */
export function LongTable<T>({
  path,
  cursorOf,
  columns,
  caption,
  empty,
  again,
}: {
  /** Without `limit` and `before`. */
  readonly path: string;
  readonly cursorOf: (row: T) => number;
  readonly columns: readonly RowColumn<T>[];
  readonly caption: string;
  readonly empty: string;
  /** The newest rows are looked for when this changes. */
  readonly again?: unknown;
}) {
  const { rows, error, done, more, reload } = usePages<T>(path, cursorOf, again);
  const scroller = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState({ from: 0, to: 40 });
  const look = useCallback(() => {
    const at = scroller.current;
    if (at === null) return;
    const from = Math.max(0, Math.floor(at.scrollTop / rowHeight) - beyond);
    const to = from + Math.ceil(at.clientHeight / rowHeight) + 2 * beyond;
    setSeen((before) => (before.from === from && before.to === to ? before : { from, to }));
  }, []);
  useEffect(() => {
    if (!done && seen.to + beyond >= rows.length) more();
  }, [seen, rows.length, done, more]);
  if (error !== undefined) return <Problem error={error} retry={reload} />;
  if (rows.length === 0) return done ? <Empty title={empty} /> : <Waiting />;
  const shown = rows.slice(seen.from, seen.to);
  const below = Math.max(0, rows.length - seen.from - shown.length) * rowHeight;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll long" aria-label={caption} tabIndex={0} ref={scroller} onScroll={look}>
      <table aria-rowcount={done ? rows.length + 1 : -1}>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" class={classOf(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Space height={seen.from * rowHeight} columns={columns.length} />
          {shown.map((row, i) => (
            <tr key={cursorOf(row)} aria-rowindex={seen.from + i + 2}>
              {columns.map((column) => (
                <td key={column.head} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Space height={below} columns={columns.length} />
        </tbody>
      </table>
      {done ? null : <p class="quiet more">{t("Loading")} …</p>}
    </section>
  );
}

function Space({ height, columns }: { readonly height: number; readonly columns: number }) {
  if (height === 0) return null;
  return (
    <tr class="space">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  );
}

function classOf({ numeric, minor }: Pick<RowColumn<never>, "numeric" | "minor">): string {
  return `${numeric === true ? "num" : ""} ${minor === true ? "minor" : ""}`.trim();
}

type Pages<T> = { readonly rows: readonly T[]; readonly done: boolean; readonly error?: Refused };

function usePages<T>(path: string, cursorOf: (row: T) => number, again: unknown) {
  const [pages, setPages] = useState<Pages<T>>({ rows: [], done: false });
  const state = useRef({ busy: false, path, ...pages });
  state.current.rows = pages.rows;
  state.current.done = pages.done;
  const [count, setCount] = useState(0);
  const ask = useCallback(
    (before: number | undefined) => {
      const join = path.includes("?") ? "&" : "?";
      const below = before === undefined ? "" : `&before=${before}`;
      return read<readonly T[]>(`${path}${join}limit=${pageRows}${below}`);
    },
    [path],
  );
  const failed = useCallback((error: unknown) => {
    if (!(error instanceof Refused)) throw error;
    setPages((known) => ({ ...known, error }));
  }, []);
  const more = useCallback(() => {
    const now = state.current;
    if (now.busy) return;
    now.busy = true;
    const last = now.rows.at(-1);
    ask(last === undefined ? undefined : cursorOf(last))
      .then((page) => {
        if (state.current.path !== path) return;
        setPages((known) => {
          // What it goes on from may have been replaced by what is newer.
          if (known.rows.at(-1) !== last) return known;
          return { rows: [...known.rows, ...page], done: page.length < pageRows };
        });
      }, failed)
      .finally(() => {
        now.busy = false;
      });
  }, [ask, path, failed]);
  useEffect(() => {
    state.current = { busy: false, path, rows: [], done: false };
    setPages({ rows: [], done: false });
  }, [path, count]);
  useEffect(() => {
    const { busy, rows, done } = state.current;
    // The first page is on its way, and newer than this.
    if (busy || (rows.length === 0 && !done)) return;
    ask(undefined).then((page) => {
      if (state.current.path !== path) return;
      setPages((known) => withNewest(known, page, cursorOf));
    }, failed);
  }, [again]);
  return { ...pages, more, reload: () => setCount((before) => before + 1) };
}

/** The newest page before what was known: rows that changed since are taken from it. */
function withNewest<T>(
  known: Pages<T>,
  page: readonly T[],
  cursorOf: (row: T) => number,
): Pages<T> {
  const oldest = page.at(-1);
  if (oldest === undefined) return { rows: [], done: true };
  const older = known.rows.filter((row) => cursorOf(row) < cursorOf(oldest));
  // Further ahead than a page: what lies between is asked for by scrolling.
  const meets = known.rows.some((row) => cursorOf(row) >= cursorOf(oldest));
  return meets
    ? { ...known, rows: [...page, ...older] }
    : { rows: page, done: page.length < pageRows };
}
