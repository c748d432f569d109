import type { HorizonSkill } from "../market/forecast/skill.ts";

/** How one meter, class of parties or column was forecast. */
export type SeriesReport = {
  readonly name: string;
  readonly horizons: readonly HorizonSkill[];
  readonly real: readonly { readonly start: number; readonly netWh: number }[];
};

export type ForecastReport = { readonly source: string; readonly series: readonly SeriesReport[] };

/** One page by itself: no script, no request, readable on paper and in the dark. */
export function forecastPage(report: ForecastReport): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Forecasts: ${escaped(report.source)}</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: .6rem 0; } td, th { padding: .15rem .7rem; text-align: right; }
th { border-bottom: 1px solid; font-weight: 600; } td:first-child, th:first-child { text-align: left; }
svg { width: 100%; height: auto; } .band { fill: #4a90d9; opacity: .25; } .said { stroke: #2f6fb3; fill: none; stroke-width: 1.5; }
.real { stroke: currentColor; fill: none; stroke-width: 1.2; } .axis { stroke: currentColor; opacity: .3; } text { fill: currentColor; font-size: 11px; }
@media print { body { margin: 0; } section { break-inside: avoid; } }
</style></head><body>
<h1>How well slots are forecast</h1>
<p>${escaped(report.source)}: each forecast is made from what was known at its time. Skill is 1 less the ratio of the mean absolute error to that of persistence (the last known slot goes on): 0 is no better, 1 is perfect. Charts: what came (dark), day-ahead P50 (blue) and P10 to P90 (band).</p>
${report.series.map(section).join("\n")}
</body></html>
`;
}

function section(series: SeriesReport): string {
  const heads = [
    "gate",
    "slots",
    "persistence, Wh",
    "mix, Wh",
    "skill of the mix",
    ...modelNames(series).map((name) => `skill of ${name}`),
    "inside P10–P90",
  ];
  const rows = series.horizons.map((skill) =>
    cells(skill)
      .map((cell) => `<td>${escaped(cell)}</td>`)
      .join(""),
  );
  return `<section><h2>${escaped(series.name)}</h2>
<table><tr>${heads.map((head) => `<th>${escaped(head)}</th>`).join("")}</tr>
${rows.map((row) => `<tr>${row}</tr>`).join("\n")}</table>
${chart(series)}</section>`;
}

/** Names of the models that were mixed, as the report has them. */
export function modelNames({ horizons }: SeriesReport): readonly string[] {
  return Object.keys(horizons[0]?.models ?? {});
}

/** One horizon as a row of text. */
export function cells(skill: HorizonSkill): readonly string[] {
  const { horizon, slots, mix, models, persistence, covered } = skill;
  return [
    horizon,
    String(slots),
    persistence.maeWh.toFixed(0),
    mix.maeWh.toFixed(0),
    share(mix.skill),
    ...Object.values(models).map(({ skill }) => share(skill)),
    `${Math.round(covered * 100)} %`,
  ];
}

const share = (skill: number | null) => (skill === null ? "–" : skill.toFixed(2));

const [width, height, left, foot] = [960, 220, 62, 22];

function chart({ name, horizons, real }: SeriesReport): string {
  const said = horizons[0]?.said ?? [];
  const [first, last] = [said[0], said.at(-1)];
  if (first === undefined || last === undefined) return "";
  const shown = real.filter(({ start }) => start >= first.start && start <= last.start);
  const values = [
    ...said.flatMap(({ p10, p90 }) => [p10, p90]),
    ...shown.map(({ netWh }) => netWh),
  ];
  const [low, high] = [Math.min(0, ...values), Math.max(1, ...values)];
  const x = (time: number) =>
    (
      left +
      ((time - first.start) / Math.max(1, last.start - first.start)) * (width - left)
    ).toFixed(1);
  const y = (wh: number) => (((high - wh) / (high - low)) * (height - foot)).toFixed(1);
  const path = (points: readonly string[]) => (points.length === 0 ? "" : `M${points.join("L")}`);
  const upper = said.map(({ start, p90 }) => `${x(start)} ${y(p90)}`);
  const lower = said.map(({ start, p10 }) => `${x(start)} ${y(p10)}`).reverse();
  const ticks = ticksOf([0, high, low], (wh) => Math.max(letter, Number(y(wh))));
  const days = said.filter(({ start }) => start % 86_400_000 === 0);
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(name)}: day-ahead forecast and what came">
<line class="axis" x1="${left}" x2="${width}" y1="${y(0)}" y2="${y(0)}"/>
${ticks.map(({ at, label }) => `<text class="tick" x="0" y="${at}">${label}</text>`).join("")}
${days.map(({ start }) => `<text x="${x(start)}" y="${height - 4}">${new Date(start).toISOString().slice(5, 10)}</text>`).join("")}
<path class="band" d="${path([...upper, ...lower])}Z"/>
<path class="said" d="${path(said.map(({ start, p50 }) => `${x(start)} ${y(p50)}`))}"/>
<path class="real" d="${path(shown.map(({ start, netWh }) => `${x(start)} ${y(netWh)}`))}"/>
</svg>`;
}

/** Height of a label, and what two of them are apart at least. */
const [letter, apart] = [11, 14];

/** The values that can be written beside the axis without one label over another; the first go first. */
function ticksOf(values: readonly number[], place: (wh: number) => number) {
  const ticks: { readonly at: number; readonly label: string }[] = [];
  for (const wh of values) {
    const at = place(wh);
    if (ticks.some((other) => Math.abs(other.at - at) < apart)) continue;
    ticks.push({ at, label: `${(Math.round(wh / 1000) + 0).toFixed(0)} kWh` });
  }
  return ticks;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
