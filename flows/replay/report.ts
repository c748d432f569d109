import type { EndComparison, EndSummary } from "./compare.ts";
import type { Point, Replayed } from "./headless.ts";

/** The comparison as lines of text, for a terminal. */
export function reportLines(ends: readonly EndComparison[]): string[] {
  const rows = [
    ["", "messages", "mean", "least", "most", "hours on", "hours apart", "first apart"],
    ...ends.map(({ end, before, after, hoursApart, firstApart }) => [
      end,
      both(before, after, ({ messages }) => String(messages)),
      both(before, after, ({ mean }) => short(mean)),
      both(before, after, ({ least }) => short(least)),
      both(before, after, ({ most }) => short(most)),
      both(before, after, ({ hoursOn }) => hoursOn.toFixed(2)),
      hoursApart.toFixed(2),
      firstApart === undefined ? "never" : iso(firstApart),
    ]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

const both = (
  before: EndSummary | undefined,
  after: EndSummary | undefined,
  of: (summary: EndSummary) => string,
): string => {
  const [old, now] = [before, after].map((one) => (one === undefined ? "none" : of(one)));
  return old === now ? String(now) : `${old} → ${now}`;
};

const short = (value: number | undefined): string =>
  value === undefined ? "-" : Number(value.toPrecision(5)).toString();

const iso = (time: number): string => new Date(time).toISOString().slice(0, 16).concat("Z");

/** What a page shows: both flows over one day. */
export type Page = {
  readonly title: string;
  readonly ends: readonly EndComparison[];
  readonly before: Replayed;
  readonly after: Replayed;
  readonly from: number;
  readonly until: number;
};

/** The comparison as one HTML page: table and a chart of each end, nothing loaded from elsewhere. */
export function reportPage(page: Page): string {
  const rows = page.ends.map(({ end, before, after, hoursApart, firstApart }) => {
    const cells = [
      both(before, after, ({ messages }) => String(messages)),
      both(before, after, ({ mean }) => short(mean)),
      both(before, after, ({ hoursOn }) => hoursOn.toFixed(2)),
      hoursApart.toFixed(2),
      firstApart === undefined ? "never" : iso(firstApart),
    ];
    return `<tr><th scope="row">${escaped(end)}</th>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
  });
  const heads = ["", "messages", "mean", "hours on", "hours apart", "first apart"];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escaped(page.title)}</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; --old: #8a8f98; --new: #1f8a5b }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #8884 }
th:first-child { text-align: left } svg { width: 100%; height: auto } .old { stroke: var(--old) } .new { stroke: var(--new) }
path { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke } text { font-size: 11px; fill: currentColor }
</style>
<h1>${escaped(page.title)}</h1>
<p>${iso(page.from)} to ${iso(page.until)}. Grey: the flow as it was; green: the new one.</p>
<table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table>
${page.ends.map(({ end }) => chart(end, page)).join("\n")}
</html>
`;
}

const size = { width: 800, height: 160, left: 56, bottom: 20, top: 8 };

function chart(end: string, { before, after, from, until }: Page): string {
  const [old, now] = [before, after].map(({ ends }) => numbersOf(ends.get(end) ?? []));
  const all = [...(old ?? []), ...(now ?? [])].map(({ value }) => value);
  if (all.length === 0) return "";
  const [least, most] = [Math.min(0, ...all), Math.max(0, ...all)];
  const span = most - least || 1;
  const { width, height, left, bottom, top } = size;
  const x = (at: number) => left + ((width - left) * (at - from)) / Math.max(1, until - from);
  const y = (value: number) => top + (height - top - bottom) * (1 - (value - least) / span);
  const path = (points: readonly Step[] = []) =>
    points
      .map(
        ({ at, value }, i) =>
          `${i === 0 ? "M" : "H"}${x(at).toFixed(1)}${i === 0 ? " " : "V"}${y(value).toFixed(1)}`,
      )
      .join("") + (points.length > 0 ? `H${width}` : "");
  const ticks = [least, most].map(
    (value) => `<text x="0" y="${y(value) + 4}">${short(value)}</text>`,
  );
  const hours = [from, until].map(
    (at, i) =>
      `<text x="${i === 0 ? left : width}" y="${height - 4}" text-anchor="${i === 0 ? "start" : "end"}">${iso(at)}</text>`,
  );
  return `<h2>${escaped(end)}</h2>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(end)} over the day">
<path class="old" d="${path(old)}"/><path class="new" d="${path(now)}"/>${ticks.join("")}${hours.join("")}</svg>`;
}

type Step = { readonly at: number; readonly value: number };

function numbersOf(points: readonly Point[]): Step[] {
  return points.flatMap(({ at, value }) => {
    const number = typeof value === "boolean" ? Number(value) : value;
    return typeof number === "number" && Number.isFinite(number) ? [{ at, value: number }] : [];
  });
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
