import type { BillDay } from "./document.ts";

const [width, height, foot, left] = [440, 150, 16, 62];

/** Energy drawn and given on each day, as bars beside each other. */
export function energyChart(days: readonly BillDay[]): string {
  const most = Math.max(1, ...days.flatMap(({ importWh, exportWh }) => [importWh, exportWh]));
  const y = (wh: number) => (wh / most) * (height - foot - 8);
  const bars = days.map(({ importWh, exportWh }, i) => {
    const [x, step] = place(i, days.length);
    const bar = (kind: string, wh: number, at: number) =>
      `<rect class="${kind}" x="${x + at}" y="${fixed(height - foot - y(wh))}" width="${fixed(step * 0.42)}" height="${fixed(y(wh))}"/>`;
    return bar("in", importWh, 0) + bar("out", exportWh, step * 0.44);
  });
  return framed(days, bars, `${(most / 1000).toFixed(most < 10_000 ? 1 : 0)} kWh`, height - foot);
}

/** What each day cost (downwards) or brought. */
export function moneyChart(days: readonly BillDay[], currency: string): string {
  const most = Math.max(1, ...days.map(({ money }) => Math.abs(money)));
  const zero = (height - foot) / 2 + 4;
  const bars = days.map(({ money }, i) => {
    const [x, step] = place(i, days.length);
    const size = (Math.abs(money) / most) * (zero - 10);
    const top = money < 0 ? zero : zero - size;
    return `<rect class="${money < 0 ? "pay" : "out"}" x="${x}" y="${fixed(top)}" width="${fixed(step * 0.8)}" height="${fixed(size)}"/>`;
  });
  return framed(days, bars, `${(most / 1e6).toFixed(2)} ${currency}`, zero);
}

function place(i: number, count: number): readonly [number, number] {
  const step = (width - left) / Math.max(1, count);
  return [Number(fixed(left + i * step)), step];
}

function framed(days: readonly BillDay[], bars: readonly string[], top: string, zero: number) {
  const ticks = days.flatMap(({ date }, i) => {
    const [x] = place(i, days.length);
    return i % 5 === 0
      ? [`<text class="tick" x="${x}" y="${height - 3}">${date.slice(8)}</text>`]
      : [];
  });
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img">`,
    `<line class="axis" x1="${left}" x2="${width}" y1="${fixed(zero)}" y2="${fixed(zero)}"/>`,
    `<text class="tick" x="0" y="10">${top}</text>`,
    ...bars,
    ...ticks,
    "</svg>",
  ].join("");
}

function fixed(value: number): string {
  return value.toFixed(1);
}
