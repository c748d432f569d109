import { kinds } from "./plan.ts";
import type { Mark, SoakResult } from "./result.ts";
import type { ProcessSample, Sample } from "./sample.ts";

/** Everything is in the units of the drawing. */
const [width, left, right, panelHeight, gap, top] = [1000, 56, 12, 110, 34, 72] as const;
const plotWidth = width - left - right;
/** Most points of one line: neighbours are shown by the one that is farthest off 0. */
const pointsMax = 240;

type Panel = {
  readonly title: string;
  readonly of: (process: ProcessSample) => number | undefined;
};

const panels: readonly Panel[] = [
  { title: "Resident memory, MB", of: ({ residentMb }) => residentMb },
  { title: "JavaScript heap in use, MB", of: ({ heapMb }) => heapMb },
  { title: "Open files and connections", of: ({ files }) => files },
  { title: "Data on disk, MB", of: ({ diskMb }) => diskMb },
  {
    title: "Clock: newest block (members) and own time (units) less the machine's, s",
    of: ({ driftS }) => driftS,
  },
  { title: "Height of the chain", of: ({ height }) => height },
  { title: "Readings without a receipt", of: ({ waiting }) => waiting },
];

const colours: Readonly<Record<string, readonly string[]>> = {
  aggregator: ["#1f4e8c", "#3f7fc1", "#6fa8dc", "#2a9d8f"],
  edge: ["#b5541c", "#e07b39", "#f0a868", "#c9a227"],
};
const otherColours = ["#7a7a7a", "#8e44ad"];
const markColours = { member: "#1f4e8c", unit: "#e07b39", site: "#7a7a7a" } as const;

/** Charts of a run, one below the other, with its faults as marks: an SVG file by itself. */
export function chartSvg({ samples, marks, seconds, seed, problems }: SoakResult): string {
  const names = [...new Set(samples.flatMap(({ processes }) => processes.map(({ name }) => name)))];
  const height = top + panels.length * (panelHeight + gap);
  const span = Math.max(1, seconds, samples.at(-1)?.second ?? 0);
  const x = (second: number) => left + (plotWidth * second) / span;
  const title = `${minutesText(seconds)}, seed ${seed}, ${marks.length} faults${problems.length > 0 ? "; it went wrong" : ""}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>Soak: ${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(left, 18, `Soak: ${title}`, 'font-size="14"'),
    ...legend(names),
    ...panels.flatMap((panel, i) => {
      const y = top + i * (panelHeight + gap);
      return drawn(panel, { samples, marks, names, span, x, y });
    }),
    "</svg>",
    "",
  ].join("\n");
}

type Place = {
  readonly samples: readonly Sample[];
  readonly marks: readonly Mark[];
  readonly names: readonly string[];
  readonly span: number;
  readonly x: (second: number) => number;
  readonly y: number;
};

function drawn({ title, of }: Panel, { samples, marks, names, span, x, y }: Place): string[] {
  const lines = names.map((name) => ({ name, points: pointsOf(samples, name, of) }));
  const values = lines.flatMap(({ points }) => points.flatMap(({ value }) => value ?? []));
  const [low, high] = rangeOf(values);
  const bottom = y + panelHeight;
  const up = (value: number) => bottom - (panelHeight * (value - low)) / (high - low);
  const grid = [low, (low + high) / 2, high].flatMap((value) => [
    `<path d="M${left} ${up(value).toFixed(1)}h${plotWidth}" stroke="#ddd" fill="none"/>`,
    text(left - 6, up(value) + 4, numberText(value), 'text-anchor="end" fill="#555"'),
  ]);
  const ticks = ticksOf(span).map((second) =>
    text(x(second), bottom + 14, minutesText(second), 'text-anchor="middle" fill="#555"'),
  );
  const faults = marks.map(({ kind, text: what, second, untilSecond, recoveredMs }) => {
    const [from, wide] = [x(second), Math.max(1, x(untilSecond) - x(second))];
    const after =
      recoveredMs === undefined ? "" : `, as before ${Math.round(recoveredMs / 1000)} s later`;
    const about = escaped(`${minutesText(second)}: ${what}${after}`);
    return `<rect x="${from.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${panelHeight}" fill="${markColours[kinds[kind]]}" opacity=".13"><title>${about}</title></rect>`;
  });
  const paths = lines.flatMap(({ name, points }) => {
    const d = pathOf(points, x, up);
    if (d === "") return [];
    return [
      `<path d="${d}" stroke="${colourOf(name, names)}" fill="none" stroke-width="1.2"><title>${escaped(name)}</title></path>`,
    ];
  });
  return [text(left, y - 5, title, 'font-weight="bold"'), ...grid, ...ticks, ...faults, ...paths];
}

type Point = { readonly second: number; readonly value: number | undefined };

/** A process' line; where it said nothing there is a hole. */
function pointsOf(samples: readonly Sample[], name: string, of: Panel["of"]): Point[] {
  const all = samples.map(({ second, processes }): Point => {
    const found = processes.find((process) => process.name === name);
    return { second, value: found === undefined ? undefined : of(found) };
  });
  const step = Math.ceil(all.length / pointsMax);
  if (step <= 1) return all;
  return Array.from({ length: Math.ceil(all.length / step) }, (_, i) => {
    const near = all.slice(i * step, (i + 1) * step);
    const known = near.filter(({ value }) => value !== undefined);
    const off = ({ value = 0 }: Point) => Math.abs(value);
    return known.reduce(
      (most, one) => (off(one) > off(most) ? one : most),
      known[0] ?? near[0] ?? { second: 0, value: undefined },
    );
  });
}

function pathOf(
  points: readonly Point[],
  x: (second: number) => number,
  up: (value: number) => number,
): string {
  let isPenDown = false;
  return points
    .flatMap(({ second, value }) => {
      if (value === undefined) {
        isPenDown = false;
        return [];
      }
      const command = isPenDown ? "L" : "M";
      isPenDown = true;
      return [`${command}${x(second).toFixed(1)} ${up(value).toFixed(1)}`];
    })
    .join("");
}

/** A scale that holds all values, and 0. */
function rangeOf(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  return low === high ? [low, low + 1] : [low, high];
}

function ticksOf(span: number): number[] {
  const step = [30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((one) => span / one <= 12);
  const used = step ?? 14_400;
  return Array.from({ length: Math.floor(span / used) + 1 }, (_, i) => i * used);
}

function legend(names: readonly string[]): string[] {
  return names.flatMap((name, i) => {
    const [at, y] = [left + (i % 8) * 116, 34 + 13 * Math.floor(i / 8)];
    return [
      `<rect x="${at}" y="${y - 7}" width="10" height="4" fill="${colourOf(name, names)}"/>`,
      text(at + 14, y, name),
    ];
  });
}

/** Members in one family of colours, units in another. */
function colourOf(name: string, names: readonly string[]): string {
  const family = Object.keys(colours).find((prefix) => name.startsWith(`${prefix}-`)) ?? "";
  const isOf = (other: string) =>
    family === ""
      ? !Object.keys(colours).some((prefix) => other.startsWith(`${prefix}-`))
      : other.startsWith(`${family}-`);
  const all = colours[family] ?? otherColours;
  return all[names.filter(isOf).indexOf(name) % all.length] ?? "#000";
}

function text(x: number, y: number, words: string, style = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${style}>${escaped(words)}</text>`;
}

function numberText(value: number): string {
  return Math.abs(value) >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(1);
}

/** "1 h 20 min", "3.5 min". */
export function minutesText(seconds: number): string {
  const minutes = seconds / 60;
  if (minutes < 60) return `${Number(minutes.toFixed(1))} min`;
  const rest = Math.round(minutes % 60);
  return `${Math.floor(minutes / 60)} h${rest === 0 ? "" : ` ${rest} min`}`;
}

export function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
