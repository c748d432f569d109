const width = 240;
const height = 48;

/**
 * Power over time as inline SVG, at most `points.length` numbers: a line with breaks where nothing is
 * known, above or below a line at zero where that is in sight. `label` must be escaped.
 */
export function sparkline(points: readonly (number | undefined)[], label: string): string {
  const known = points.filter((value) => value !== undefined);
  if (known.length < 2) return "";
  const [low, high] = [Math.min(0, ...known), Math.max(0, ...known)];
  const span = high - low || 1;
  const x = (i: number) => round((i * width) / (points.length - 1));
  const y = (value: number) => round(2 + ((high - value) * (height - 4)) / span);
  const zero = y(0);
  const runs = runsOf(points);
  const lines = runs.map((run) => run.map(([i, value]) => `${x(i)} ${y(value)}`).join("L"));
  const areas = runs.map((run) => {
    const [first, last] = [run[0]?.[0] ?? 0, run.at(-1)?.[0] ?? 0];
    const top = run.map(([i, value]) => `${x(i)} ${y(value)}`).join("L");
    return `M${x(first)} ${zero}L${top}L${x(last)} ${zero}Z`;
  });
  return `<svg class="spark" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}"><path class="area" d="${areas.join("")}"/><path class="zero" d="M0 ${zero}H${width}"/><path class="line" d="${lines.map((line) => `M${line}`).join("")}"/></svg>`;
}

/** Points that follow each other without a gap; a lone one becomes a short dash. */
function runsOf(points: readonly (number | undefined)[]) {
  const runs: [number, number][][] = [];
  const run: [number, number][] = [];
  for (const [i, value] of points.entries()) {
    if (value !== undefined) run.push([i, value]);
    else if (run.length > 0) runs.push(run.splice(0));
  }
  if (run.length > 0) runs.push(run);
  return runs.map((known) => {
    const [only] = known;
    return known.length > 1 || only === undefined
      ? known
      : ([
          [only[0] - 0.4, only[1]],
          [only[0] + 0.4, only[1]],
        ] as [number, number][]);
  });
}

const round = (value: number) => Math.round(value * 10) / 10;
