/** One class of a histogram: what is above `from` and at most `to`, ms. */
export type TimeClass = { readonly from: number; readonly to: number; readonly count: number };

/** Upper bounds of classes, ms: each a good half more than the one before. */
const bounds = [1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500, 800, 1200, 2000] as const;

/** Times in classes, from the first that holds one to the last, with the empty ones between them. */
export function classesOf(times: readonly number[]): readonly TimeClass[] {
  const all = [...bounds, Number.POSITIVE_INFINITY].map((to, i) => {
    const from = i === 0 ? 0 : (bounds[i - 1] ?? 0);
    const count = times.filter((ms) => (ms > from || i === 0) && ms <= to).length;
    return { from, to, count };
  });
  const first = all.findIndex(({ count }) => count > 0);
  const last = all.findLastIndex(({ count }) => count > 0);
  return first < 0 ? [] : all.slice(first, last + 1);
}

/** "  12 … 20 ms  ########## 14". */
export function histogramLines(classes: readonly TimeClass[], width: number): readonly string[] {
  const most = Math.max(...classes.map(({ count }) => count));
  const places = Math.max(8, width - 30);
  return classes.map(({ from, to, count }) => {
    const bar = "#".repeat(Math.ceil((places * count) / most));
    return `${rangeText(from, to).padStart(16)}  ${bar === "" ? "" : `${bar} `}${count}`;
  });
}

/** The same as inline SVG that needs nothing from elsewhere. `label` must be escaped. */
export function histogramSvg(classes: readonly TimeClass[], label: string): string {
  if (classes.length === 0) return "";
  const [barHeight, gap, left, room] = [12, 3, 96, 120];
  const most = Math.max(...classes.map(({ count }) => count));
  const rows = classes.map(({ from, to, count }, i) => {
    const y = i * (barHeight + gap);
    const width = Math.round((room * count) / most);
    const text = `<text x="${left - 6}" y="${y + barHeight - 2}" text-anchor="end">${rangeText(from, to)}</text>`;
    const bar = `<rect class="bar" x="${left}" y="${y}" width="${width}" height="${barHeight}"/>`;
    return `${text}${bar}<text x="${left + width + 4}" y="${y + barHeight - 2}">${count}</text>`;
  });
  const height = classes.length * (barHeight + gap);
  return `<svg class="times" viewBox="0 0 260 ${height}" role="img" aria-label="${label}">${rows.join("")}</svg>`;
}

const rangeText = (from: number, to: number): string =>
  Number.isFinite(to) ? `${shown(from)} … ${shown(to)}` : `above ${shown(from)}`;

const shown = (ms: number): string => (ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`);
