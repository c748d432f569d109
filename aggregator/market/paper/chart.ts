/** Charts as SVG text: no script, no outside request; colours are the page's, by class. */

/** One line or one colour of bars. `hollow` marks points that decide nothing; undefined is a gap. */
export type Series = {
  readonly name: string;
  readonly values: readonly (number | undefined)[];
  /** Picks colour and dash: `c1` … `c6`, in `style.ts`. */
  readonly look: string;
  readonly dashed?: boolean;
  readonly hollow?: readonly boolean[];
};

export type Chart = {
  readonly id: string;
  readonly title: string;
  /** What a reader who does not see it should know. */
  readonly description: string;
  readonly labels: readonly string[];
  readonly xName: string;
  readonly yName: string;
  readonly series: readonly Series[];
  /** `grouped`: bars side by side, from 0 up or down. */
  readonly kind: "lines" | "stacked" | "grouped" | "logarithmic";
  /** A limit to be drawn across. */
  readonly limit?: { readonly name: string; readonly value: number };
  /** Whether the axis begins at 0; prices do not. */
  readonly fromZero: boolean;
};

const [width, height] = [760, 320];
const [left, right, top, bottom] = [64, 16, 14, 44];
const [plotWidth, plotHeight] = [width - left - right, height - top - bottom];
/** On a logarithmic axis smaller values stand at the bottom. */
const least = 1e-16;

/** The chart as one `<svg>` element with title and description. */
export function svgOf(chart: Chart): string {
  const scale = scaleOf(chart);
  const parts = [...grid(chart, scale), ...drawn(chart, scale), ...limitLine(chart, scale)];
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${chart.id}-t ${chart.id}-d">
<title id="${chart.id}-t">${escaped(chart.title)}</title>
<desc id="${chart.id}-d">${escaped(chart.description)}</desc>
${parts.join("\n")}
</svg>`;
}

function drawn(chart: Chart, scale: Scale): string[] {
  switch (chart.kind) {
    case "stacked":
      return bars(chart, scale);
    case "grouped":
      return groups(chart, scale);
    case "lines":
    case "logarithmic":
      return lines(chart, scale);
    default:
      return chart.kind satisfies never;
  }
}

/** The key to a chart's colours and dashes, as a list. */
export function legendOf({ series }: Chart): string {
  const items = series.map(({ name, look, dashed, hollow }) => {
    const dash = dashed ? " dashed" : "";
    const line = `<svg viewBox="0 0 28 10" aria-hidden="true"><line class="${look}${dash}" x1="1" x2="27" y1="5" y2="5"/></svg>`;
    const note = hollow?.some(Boolean) ? " (hollow: no energy)" : "";
    return `<li>${line}${escaped(name)}${note}</li>`;
  });
  return `<ul class="legend">${items.join("")}</ul>`;
}

/** The chart's numbers as a table, for those who want them or cannot see it. */
export function tableOf({ labels, xName, series, kind }: Chart): string {
  const shown = (value: number | undefined) =>
    value === undefined ? "–" : kind === "logarithmic" ? value.toExponential(1) : plain(value);
  const head = [xName, ...series.map(({ name }) => name)];
  const rows = labels.map((label, i) => [label, ...series.map(({ values }) => shown(values[i]))]);
  return `<table><thead>${row(head, "th")}</thead><tbody>${rows.map((cells) => row(cells, "td")).join("")}</tbody></table>`;
}

export function row(cells: readonly string[], tag: "th" | "td"): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
}

export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

type Scale = {
  readonly ticks: readonly number[];
  readonly y: (value: number) => number;
  readonly x: (index: number) => number;
  readonly step: number;
};

function scaleOf(chart: Chart): Scale {
  const { labels, kind } = chart;
  const count = Math.max(labels.length, 1);
  const isBars = kind === "stacked" || kind === "grouped";
  const step = plotWidth / (isBars ? count : Math.max(count - 1, 1));
  const x = (i: number) => left + (isBars ? (i + 0.5) * step : i * step);
  const values = valuesOf(chart);
  if (kind === "logarithmic") {
    const exponent = (value: number) => Math.log10(Math.max(value, least));
    const low = Math.floor(Math.min(-1, ...values.map(exponent)));
    const high = Math.ceil(Math.max(low + 1, ...values.map(exponent)));
    const every = Math.ceil((high - low) / 8);
    const ticks = [];
    for (let e = low; e <= high; e += every) ticks.push(10 ** e);
    const y = (value: number) => top + ((high - exponent(value)) / (high - low)) * plotHeight;
    return { ticks, y, x, step };
  }
  const all = kind === "grouped" ? [0, ...values] : values;
  const ticks = niceTicks(chart.fromZero ? 0 : Math.min(...all), Math.max(...all));
  const [low, high] = [ticks[0] ?? 0, ticks.at(-1) ?? 1];
  return { ticks, y: (value) => top + ((high - value) / (high - low)) * plotHeight, x, step };
}

function valuesOf({ series, kind, labels, limit }: Chart): number[] {
  const known = (value: number | undefined): value is number => value !== undefined;
  const limits = limit === undefined ? [] : [limit.value];
  const values =
    kind === "stacked"
      ? labels.map((_, i) => series.reduce((sum, { values: own }) => sum + (own[i] ?? 0), 0))
      : series.flatMap(({ values: own }) => own.filter(known));
  const all = [...values, ...limits];
  return all.length === 0 ? [0, 1] : all;
}

/** Five to ten round numbers from below `low` to above `high`. */
function niceTicks(low: number, high: number): number[] {
  const span = high > low ? high - low : Math.max(Math.abs(high), 1);
  const rough = span / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const [first, last] = [
    Math.floor(low / step),
    Math.ceil((high > low ? high : low + span) / step),
  ];
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function grid({ labels, xName, yName, kind }: Chart, { ticks, y, x }: Scale): string[] {
  const across = ticks.map((tick) => {
    const at = y(tick).toFixed(1);
    const name = kind === "logarithmic" ? tick.toExponential(0) : plain(tick);
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/><text class="tick" x="${left - 8}" y="${at}" dy="0.32em" text-anchor="end">${name}</text>`;
  });
  const every = Math.ceil(labels.length / 13);
  const along = labels.flatMap((label, i) =>
    i % every === 0
      ? [
          `<text class="tick" x="${x(i).toFixed(1)}" y="${height - bottom + 17}" text-anchor="middle">${escaped(label)}</text>`,
        ]
      : [],
  );
  const middle = top + plotHeight / 2;
  return [
    ...across,
    ...along,
    `<text class="axis" x="${left + plotWidth / 2}" y="${height - 6}" text-anchor="middle">${escaped(xName)}</text>`,
    `<text class="axis" transform="rotate(-90 14 ${middle})" x="14" y="${middle}" text-anchor="middle">${escaped(yName)}</text>`,
  ];
}

function lines({ series, labels }: Chart, { x, y }: Scale): string[] {
  return series.flatMap(({ values, look, dashed, hollow }) => {
    const at = (i: number) => `${x(i).toFixed(1)},${y(values[i] ?? 0).toFixed(1)}`;
    const runs: number[][] = [];
    values.forEach((value, i) => {
      if (value === undefined || hollow?.[i]) return;
      const last = runs.at(-1);
      if (last !== undefined && last.at(-1) === i - 1) last.push(i);
      else runs.push([i]);
    });
    const style = dashed ? `${look} dashed` : look;
    const paths = runs
      .filter((run) => run.length > 1)
      .map((run) => `<polyline class="${style}" points="${run.map(at).join(" ")}"/>`);
    const dots =
      labels.length > 60
        ? []
        : values.flatMap((value, i) => {
            if (value === undefined) return [];
            const [cx, cy] = at(i).split(",");
            return [
              `<circle class="${look}${hollow?.[i] ? " hollow" : ""}" cx="${cx}" cy="${cy}" r="2.6"/>`,
            ];
          });
    return [...paths, ...dots];
  });
}

function bars({ series, labels }: Chart, { x, y, step }: Scale): string[] {
  return labels.flatMap((_, i) => {
    let below = 0;
    return series.flatMap(({ values, look }) => {
      const value = values[i] ?? 0;
      if (value <= 0) return [];
      const [from, to] = [y(below), y(below + value)];
      below += value;
      const at = (x(i) - 0.38 * step).toFixed(1);
      return [
        `<rect class="${look}" x="${at}" y="${to.toFixed(1)}" width="${(0.76 * step).toFixed(1)}" height="${(from - to).toFixed(1)}"/>`,
      ];
    });
  });
}

function groups({ series, labels }: Chart, { x, y, step }: Scale): string[] {
  const wide = (0.8 * step) / Math.max(series.length, 1);
  return labels.flatMap((_, i) =>
    series.flatMap(({ values, look }, s) => {
      const value = values[i];
      if (value === undefined) return [];
      const [from, to] = [y(0), y(value)];
      const at = (x(i) - 0.4 * step + s * wide).toFixed(1);
      return [
        `<rect class="${look}" x="${at}" y="${Math.min(from, to).toFixed(1)}" width="${wide.toFixed(1)}" height="${Math.abs(from - to).toFixed(1)}"/>`,
      ];
    }),
  );
}

function limitLine({ limit }: Chart, { y }: Scale): string[] {
  if (limit === undefined) return [];
  const at = y(limit.value).toFixed(1);
  return [
    `<line class="limit" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`,
    `<text class="tick" x="${width - right - 4}" y="${at}" dy="-0.4em" text-anchor="end">${escaped(limit.name)}</text>`,
  ];
}

function plain(value: number): string {
  return String(Number(value.toPrecision(6)));
}
