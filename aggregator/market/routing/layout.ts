import type { LineFlow } from "./route.ts";

/** Where a bus is drawn. */
export type Place = { readonly x: number; readonly y: number };

/** A line as it is drawn: from where its energy comes to where it goes. */
export type Drawn = {
  readonly line: LineFlow;
  readonly path: string;
  readonly wide: number;
  /** Where its arrow is, and its turn in degrees. */
  readonly middle: Place;
  readonly turn: number;
  readonly kind: "flowing" | "idle" | "full";
};

export type Layout = {
  readonly width: number;
  readonly height: number;
  readonly buses: readonly (Place & { readonly bus: string })[];
  readonly lines: readonly Drawn[];
};

const [width, rowHeight, margin] = [760, 120, 60];

/** The part of its capacity that a line carries; undefined without one. */
export function usedOf({ flowWh, capacity }: LineFlow): number | undefined {
  if (capacity === undefined) return undefined;
  return capacity === 0 ? 1 : Math.abs(flowWh) / capacity;
}

/**
 * A slot's flows as a picture: buses in rows by their distance from `root` (else the first by name), each line as
 * wide as what it carries, parallel ones bent apart.
 */
export function layOutFlows(lines: readonly LineFlow[], root?: string): Layout {
  const places = placesOf(lines, root);
  const rows = Math.max(1, ...[...places.values()].map(({ y }) => y / rowHeight));
  const most = Math.max(1, ...lines.map(({ flowWh }) => Math.abs(flowWh)));
  const twins = new Map<string, number>();
  const drawn = lines.flatMap((line) => {
    const pair = [line.from, line.to].sort().join(" ");
    const nth = twins.get(pair) ?? 0;
    twins.set(pair, nth + 1);
    return drawnOf(line, { places, most, bend: nth });
  });
  const buses = Array.from(places, ([bus, place]) => ({ bus, ...place }));
  return { width, height: rows * rowHeight + 2 * margin, buses, lines: drawn };
}

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

function drawnOf(
  line: LineFlow,
  {
    places,
    most,
    bend,
  }: { readonly places: ReadonlyMap<string, Place>; readonly most: number; readonly bend: number },
): Drawn[] {
  const [a, b] = [places.get(line.from), places.get(line.to)];
  if (a === undefined || b === undefined) return [];
  const { flowWh } = line;
  const [from, to] = flowWh < 0 ? [b, a] : [a, b];
  const long = Math.max(1, Math.hypot(to.x - from.x, to.y - from.y));
  // Parallel lines, and lines within a row, are bent apart.
  const aside = (a.y === b.y ? 26 : 0) + 34 * bend;
  const side = { x: (-(b.y - a.y) / long) * aside, y: ((b.x - a.x) / long) * aside };
  const middle = { x: (a.x + b.x) / 2 + side.x, y: (a.y + b.y) / 2 + side.y };
  const isFull = (usedOf(line) ?? 0) >= 1;
  return [
    {
      line,
      path: `M${from.x.toFixed(1)} ${from.y.toFixed(1)}Q${(middle.x + side.x).toFixed(1)} ${(middle.y + side.y).toFixed(1)} ${to.x.toFixed(1)} ${to.y.toFixed(1)}`,
      wide: 1.5 + (7 * Math.abs(flowWh)) / most,
      middle,
      turn: (Math.atan2(to.y - from.y, to.x - from.x) * 180) / Math.PI,
      kind: isFull ? "full" : flowWh === 0 ? "idle" : "flowing",
    },
  ];
}
