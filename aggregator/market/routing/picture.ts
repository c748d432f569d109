import { escaped } from "../paper/chart.ts";
import { type Drawn, layOutFlows, usedOf } from "./layout.ts";
import type { LineFlow, Routing } from "./route.ts";

const kwh = (wh: number) => (wh / 1000).toFixed(3);
const row = (texts: readonly string[], wide: readonly number[]) =>
  texts
    .map((text, i) => (i < 2 ? text.padEnd(wide[i] ?? 12) : text.padStart(wide[i] ?? 10)))
    .join(" ")
    .trimEnd();

/** A slot's flows as lines of text: lines with flow, capacity and loss, then trades. */
export function* flowsText({ lines, trades }: Routing): Generator<string> {
  const wide = [16, 24, 10, 10, 8, 8];
  yield row(["line", "way", "kWh", "capacity", "used", "loss"], wide);
  for (const line of lines) {
    const [from, to] = line.flowWh < 0 ? [line.to, line.from] : [line.from, line.to];
    const capacity = line.capacity === undefined ? "–" : kwh(line.capacity);
    yield row(
      [
        line.id,
        `${from} → ${to}`,
        kwh(Math.abs(line.flowWh)),
        capacity,
        usedText(line),
        kwh(line.lossWh),
      ],
      wide,
    );
  }
  if (trades.length > 0) yield "";
  if (trades.length > 0) yield row(["trade", "sent", "cut", "loss"], [16, 10, 10, 10]);
  for (const { id, energy, cutWh, lossWh, reason = "" } of trades) {
    yield `${row([id, kwh(energy), kwh(cutWh), kwh(lossWh)], [16, 10, 10, 10])}  ${reason}`.trimEnd();
  }
}

function usedText(line: LineFlow): string {
  const used = usedOf(line);
  return used === undefined ? "–" : `${Math.round(100 * used)} %`;
}

const look = `
text { font: 13px system-ui, sans-serif; fill: #1b2733; paint-order: stroke; stroke: #faf8f4; stroke-width: 4px; stroke-linejoin: round; } .quiet { font-size: 11.5px; fill: #566573; }
.bus { fill: #fff; stroke: #1b2733; stroke-width: 1.6; } .line { stroke: #2a68a8; fill: none; } .idle { stroke: #b9c2ca; } .full { stroke: #a3241c; }
.arrow { fill: #2a68a8; } .arrow.full { fill: #a3241c; } .paper { fill: #faf8f4; }
@media screen and (prefers-color-scheme: dark) { text { fill: #e9eef2; stroke: #11171d; } .quiet { fill: #a3b1bd; } .bus { fill: #19222b; stroke: #e9eef2; }
.line { stroke: #6db1f2; } .idle { stroke: #45535f; } .full { stroke: #ff8f85; } .arrow { fill: #6db1f2; } .arrow.full { fill: #ff8f85; } .paper { fill: #11171d; } }
`;

/**
 * A slot's flows as one SVG that stands by itself: buses in rows by their distance from `root` (else the
 * first by name), each line as wide as what it carries, with an arrow, what flows, and its capacity.
 */
export function flowsSvg(
  { lines }: Routing,
  { title, root }: { readonly title: string; readonly root?: string },
): string {
  const { width, height, buses, lines: drawn } = layOutFlows(lines, root);
  const circles = buses.map(
    ({ bus, x, y }) =>
      `<circle class="bus" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="9"/><text x="${x.toFixed(1)}" y="${(y - 15).toFixed(1)}" text-anchor="middle">${escaped(bus)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height.toFixed(0)}" role="img" aria-label="${escaped(title)}">
<style>${look}</style><rect class="paper" width="${width}" height="${height.toFixed(0)}"/>
<text x="16" y="26">${escaped(title)}</text>
${[...drawn.flatMap((one) => lineOf(one, width)), ...circles].join("\n")}
</svg>
`;
}

function lineOf({ line, path, wide, middle, turn, kind }: Drawn, width: number): string[] {
  const look = kind === "flowing" ? "" : ` ${kind}`;
  const at = `${middle.x.toFixed(1)} ${middle.y.toFixed(1)}`;
  const arrow =
    line.flowWh === 0
      ? []
      : [
          `<path class="arrow${look}" transform="translate(${at}) rotate(${turn.toFixed(1)})" d="M-8 -8L9 0L-8 8Z"/>`,
        ];
  // Away from the middle, where other lines are.
  const [anchor, beside] = middle.x < width / 2 - 1 ? ["end", -12] : ["start", 12];
  const capacity = line.capacity === undefined ? "" : ` of ${kwh(line.capacity)}`;
  return [
    `<path class="line${look}" d="${path}" stroke-width="${wide.toFixed(1)}"/>`,
    ...arrow,
    `<text class="quiet" text-anchor="${anchor}" x="${(middle.x + beside).toFixed(1)}" y="${(middle.y - 8).toFixed(1)}">${escaped(line.id)}: ${kwh(Math.abs(line.flowWh))}${capacity} kWh</text>`,
  ];
}
