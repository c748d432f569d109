/**
 * The k-d tree beside kdbush (2-D, no nearest neighbours of its own), mnemonist and static-kdtree, on
 * the same points and queries, in turns. What they lack (insert, remove, a predicate) is measured alone.
 */
import { createRequire } from "node:module";
import KDBush from "kdbush";
import { KDTree as MnemonistTree } from "mnemonist";
import { KdTree } from "../../../aggregator/market/kdtree/kd-tree.ts";
import { type Figure, inTurns, timeOf } from "./measure.ts";
import { uniform } from "./uniform.ts";

type StaticTree = { nn(point: readonly number[]): number };
const staticTree = createRequire(import.meta.url)("static-kdtree") as (
  points: readonly (readonly number[])[],
) => StaticTree;

const sizes = [100_000, 1_000_000];
const dimensions = [2, 4];
const queries = 4096;

export function treeFigures(): Figure[] {
  return sizes.flatMap((count) => dimensions.flatMap((dimension) => measure(count, dimension)));
}

function measure(count: number, dimension: number): Figure[] {
  const coordinates = uniform(count * dimension, 1);
  const asked = rowsOf(uniform(queries * dimension, 2), dimension);
  const label = (text: string) => `${dimension}-D, 10^${Math.log10(count)}: ${text}`;
  const figures: Figure[] = [];
  const figure = (text: string, value: number, unit: string, limit?: number) => {
    figures.push({ name: label(text), value, unit, ...(limit === undefined ? {} : { limit }) });
  };

  let tree = new KdTree({ dimension, coordinates });
  const ours = () => {
    tree = new KdTree({ dimension, coordinates });
  };
  if (dimension === 2) {
    const built = inTurns({ ours, kdbush: () => kdbush(coordinates) }, 9);
    figure("build", built.ours, "ms");
    figure("build, kdbush", built.kdbush, "ms");
    figure("build, ours / kdbush", built.ours / built.kdbush, "×", 1);
  } else {
    figure("build", inTurns({ ours }, 5).ours, "ms");
  }

  const points = rowsOf(coordinates, dimension);
  const axes = Array.from({ length: dimension }, (_, axis) =>
    Float64Array.from({ length: count }, (_, i) => points[i]?.[axis] ?? 0),
  );
  let mnemonist = MnemonistTree.fromAxes<number>([[0]], [0]);
  figure(
    "build, mnemonist",
    timeOf(() => {
      mnemonist = MnemonistTree.fromAxes(
        axes,
        Array.from({ length: count }, (_, i) => i),
      );
    }),
    "ms",
  );
  let fixed: StaticTree = { nn: () => 0 };
  figure(
    "build, static-kdtree",
    timeOf(() => {
      fixed = staticTree(points);
    }),
    "ms",
  );
  agree(asked, points, [
    (point) => tree.nearest(point)?.id ?? -1,
    (point) => mnemonist.nearestNeighbor([...point]) ?? -1,
    (point) => fixed.nn(point),
  ]);
  const all = (find: (point: number[]) => unknown) => () => {
    for (const point of asked) find(point);
  };
  const found = inTurns(
    {
      ours: all((point) => tree.nearest(point)),
      mnemonist: all((point) => mnemonist.nearestNeighbor(point)),
      fixed: all((point) => fixed.nn(point)),
    },
    15,
  );
  const each = (ms: number) => (ms * 1000) / queries;
  figure("1-NN", each(found.ours), "µs");
  figure("1-NN, mnemonist", each(found.mnemonist), "µs");
  figure("1-NN, static-kdtree", each(found.fixed), "µs");
  figure("1-NN, ours / best peer", found.ours / Math.min(found.mnemonist, found.fixed), "×", 1);

  const accept = (id: number) => id % 2 === 0;
  const many = inTurns({ ours: all((point) => tree.nearestMany(point, 8, { accept })) }, 7).ours;
  figure("8-NN among every other point", each(many), "µs");
  // The first question about an id builds the index of ids; it is no part of what follows.
  figure(
    "index of ids",
    timeOf(() => tree.has(0)),
    "ms",
  );
  const changes = 20_000;
  const each20 = (ms: number) => (ms * 1000) / changes;
  const removed = timeOf(() => {
    for (let id = 0; id < changes; id += 1) tree.remove(id);
  });
  figure("remove", each20(removed), "µs");
  const inserted = timeOf(() => {
    for (let i = 0; i < changes; i += 1) tree.insert(count + i, asked[i % queries] ?? []);
  });
  figure("insert", each20(inserted), "µs");
  return figures;
}

function kdbush(coordinates: Float64Array): KDBush {
  const index = new KDBush(coordinates.length / 2);
  for (let at = 0; at < coordinates.length; at += 2) {
    index.add(coordinates[at] ?? 0, coordinates[at + 1] ?? 0);
  }
  return index.finish();
}

function rowsOf(coordinates: Float64Array, dimension: number): number[][] {
  return Array.from({ length: coordinates.length / dimension }, (_, i) =>
    Array.from(coordinates.subarray(i * dimension, (i + 1) * dimension)),
  );
}

/** All of them find points of one distance, or the figures mean nothing. */
function agree(
  asked: readonly number[][],
  points: readonly (readonly number[])[],
  finders: readonly ((point: number[]) => number)[],
): void {
  for (const point of asked.slice(0, 200)) {
    const squares = finders.map((find) =>
      (points[find(point)] ?? []).reduce((sum, x, axis) => sum + (x - (point[axis] ?? 0)) ** 2, 0),
    );
    if (squares.some((square) => square !== squares[0])) {
      throw new Error(`the nearest points of ${point} differ: ${squares}`);
    }
  }
}
