import { escaped } from "../paper/chart.ts";
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

/** The part of its capacity that a line carries; undefined without one. */
function usedOf({ flowWh, capacity }: LineFlow): number | undefined {
  if (capacity === undefined) return undefined;
  return capacity === 0 ? 1 : Math.abs(flowWh) / capacity;
}

const [width, rowHeight, margin] = [760, 120, 60];

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
  const places = placesOf(lines, root);
  const rows = Math.max(1, ...[...places.values()].map(({ y }) => y / rowHeight));
  const height = rows * rowHeight + 2 * margin;
  const most = Math.max(1, ...lines.map(({ flowWh }) => Math.abs(flowWh)));
  const twins = new Map<string, number>();
  const drawn = lines.flatMap((line) => {
    const pair = [line.from, line.to].sort().join(" ");
    const nth = twins.get(pair) ?? 0;
    twins.set(pair, nth + 1);
    return lineOf(line, { places, most, bend: nth });
  });
  const circles = [...places].map(
    ([bus, { x, y }]) =>
      `<circle class="bus" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="9"/><text x="${x.toFixed(1)}" y="${(y - 15).toFixed(1)}" text-anchor="middle">${escaped(bus)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height.toFixed(0)}" role="img" aria-label="${escaped(title)}">
<style>${look}</style><rect class="paper" width="${width}" height="${height.toFixed(0)}"/>
<text x="16" y="26">${escaped(title)}</text>
${[...drawn, ...circles].join("\n")}
</svg>
`;
}

type Place = { readonly x: number; readonly y: number };

function placesOf(lines: readonly LineFlow[], root?: string): Map<string, Place> {
  const buses = [...new Set(lines.flatMap(({ from, to }) => [from, to]))].sort();
  const depths = new Map<string, number>();
  const start = buses.find((bus) => bus === root) ?? buses[0];
  let deepest = -1;
  // Islands follow below what was reached before.
  for (const first of start === undefined ? [] : [start, ...buses]) {
    if (depths.has(first)) continue;
    const waiting = [{ bus: first, depth: deepest + 1 }];
    for (const { bus, depth } of waiting) {
      if (depths.has(bus)) continue;
      depths.set(bus, depth);
      deepest = Math.max(deepest, depth);
      for (const { from, to } of lines) {
        if (from === bus) waiting.push({ bus: to, depth: depth + 1 });
        if (to === bus) waiting.push({ bus: from, depth: depth + 1 });
      }
    }
  }
  const places = new Map<string, Place>();
  for (let depth = 0; depth <= deepest; depth += 1) {
    const own = buses.filter((bus) => depths.get(bus) === depth);
    for (const [i, bus] of own.entries()) {
      const x = margin + ((i + 0.5) / own.length) * (width - 2 * margin);
      places.set(bus, { x, y: margin + depth * rowHeight + 10 });
    }
  }
  return places;
}

function lineOf(
  line: LineFlow,
  {
    places,
    most,
    bend,
  }: { readonly places: ReadonlyMap<string, Place>; readonly most: number; readonly bend: number },
): string[] {
  const [a, b] = [places.get(line.from), places.get(line.to)];
  if (a === undefined || b === undefined) return [];
  const { flowWh } = line;
  const [from, to] = flowWh < 0 ? [b, a] : [a, b];
  const isFull = (usedOf(line) ?? 0) >= 1;
  const kind = isFull ? " full" : flowWh === 0 ? " idle" : "";
  const long = Math.max(1, Math.hypot(to.x - from.x, to.y - from.y));
  // Parallel lines, and lines within a row, are bent apart.
  const aside = (a.y === b.y ? 26 : 0) + 34 * bend;
  const side = { x: (-(b.y - a.y) / long) * aside, y: ((b.x - a.x) / long) * aside };
  const middle = { x: (a.x + b.x) / 2 + side.x, y: (a.y + b.y) / 2 + side.y };
  const path = `M${a.x.toFixed(1)} ${a.y.toFixed(1)}Q${(middle.x + side.x).toFixed(1)} ${(middle.y + side.y).toFixed(1)} ${b.x.toFixed(1)} ${b.y.toFixed(1)}`;
  const wide = (1.5 + (7 * Math.abs(flowWh)) / most).toFixed(1);
  const turn = ((Math.atan2(to.y - from.y, to.x - from.x) * 180) / Math.PI).toFixed(1);
  const at = `${middle.x.toFixed(1)} ${middle.y.toFixed(1)}`;
  const arrow =
    flowWh === 0
      ? []
      : [
          `<path class="arrow${kind}" transform="translate(${at}) rotate(${turn})" d="M-8 -8L9 0L-8 8Z"/>`,
        ];
  // Away from the middle, where other lines are.
  const [anchor, beside] = middle.x < width / 2 - 1 ? ["end", -12] : ["start", 12];
  const capacity = line.capacity === undefined ? "" : ` of ${kwh(line.capacity)}`;
  return [
    `<path class="line${kind}" d="${path}" stroke-width="${wide}"/>`,
    ...arrow,
    `<text class="quiet" text-anchor="${anchor}" x="${(middle.x + beside).toFixed(1)}" y="${(middle.y - 8).toFixed(1)}">${escaped(line.id)}: ${kwh(Math.abs(flowWh))}${capacity} kWh</text>`,
  ];
}
