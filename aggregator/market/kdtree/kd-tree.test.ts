import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KdTree, type Neighbour, type SearchLimits } from "./index.ts";

type Points = ReadonlyMap<number, readonly number[]>;

/** The oracle: every distance, sorted by distance and id. */
function bruteForce(
  points: Points,
  query: readonly number[],
  most: number,
  { accept = () => true, within = Infinity }: SearchLimits = {},
): Neighbour[] {
  const all = [...points].map(([id, point]) => ({ id, squared: squaredDistance(point, query) }));
  const wanted = all.filter(({ id, squared }) => squared <= within && accept(id));
  return wanted.sort((a, b) => a.squared - b.squared || a.id - b.id).slice(0, most);
}

function squaredDistance(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  a.forEach((x, i) => {
    const difference = x - (b[i] ?? Number.NaN);
    sum += difference * difference;
  });
  return sum;
}

function treeOf(points: Points, dimension: number): KdTree {
  const coordinates = [...points.values()].flat();
  return new KdTree({ dimension, coordinates, ids: [...points.keys()] });
}

const double = fc.double({ noNaN: true, noDefaultInfinity: true });
/** A small grid for ties and equal points, any finite number for rounding and overflow. */
const coordinate = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ min: -2, max: 2, noNaN: true }),
  double,
);
const id = fc.oneof(fc.nat(500), fc.nat(2 ** 32 - 2));

/** Points of one dimension, and queries among them and elsewhere. */
const scene = fc.integer({ min: 1, max: 8 }).chain((dimension) => {
  const axis = fc.oneof(
    fc.constant(fc.constant(1)),
    fc.constant(fc.integer({ min: 0, max: 4 })),
    fc.constant(coordinate),
  );
  return fc.array(axis, { minLength: dimension, maxLength: dimension }).chain((axes) => {
    const point = fc.tuple(...axes);
    return fc.record({
      dimension: fc.constant(dimension),
      points: fc
        .uniqueArray(fc.tuple(id, point), { selector: ([key]) => key, maxLength: 400, size: "max" })
        .map((entries) => new Map(entries)),
      queries: fc.array(fc.oneof(point, fc.tuple(...axes.map(() => coordinate))), {
        minLength: 1,
        maxLength: 8,
      }),
      most: fc.nat(12),
      within: fc.oneof(fc.constant(Infinity), fc.nat(20)),
    });
  });
});

test("neighbours are those of brute force, to the last bit and with ties by id", () => {
  fc.assert(
    fc.property(scene, ({ dimension, points, queries, most, within }) => {
      const tree = treeOf(points, dimension);
      const accept = (key: number) => key % 3 !== 0;
      for (const query of queries) {
        assert.deepEqual(tree.nearest(query), bruteForce(points, query, 1)[0]);
        assert.deepEqual(tree.nearestMany(query, most), bruteForce(points, query, most));
        const limits = { accept, within };
        assert.deepEqual(
          tree.nearestMany(query, most, limits),
          bruteForce(points, query, most, limits),
        );
      }
    }),
    { numRuns: 200 },
  );
});

test("after any insertions and removals the neighbours are still those of brute force", () => {
  fc.assert(
    fc.property(
      scene,
      fc.array(fc.nat(), { maxLength: 60 }),
      ({ dimension, points, queries }, marks) => {
        const entries = [...points];
        const half = Math.floor(entries.length / 2);
        const here = new Map(entries.slice(0, half));
        const tree = treeOf(here, dimension);
        entries.slice(half).forEach(([key, point], i) => {
          tree.insert(key, point);
          here.set(key, point);
          const [gone] = entries[(marks[i % marks.length] ?? 0) % entries.length] ?? [0];
          assert.equal(tree.remove(gone), here.delete(gone));
        });
        assert.equal(tree.size, here.size);
        for (const query of queries) {
          assert.deepEqual(tree.nearestMany(query, 5), bruteForce(here, query, 5));
        }
        for (const key of points.keys()) assert.equal(tree.has(key), here.has(key));
      },
    ),
    { numRuns: 200 },
  );
});

test("the order in which points came changes no answer", () => {
  fc.assert(
    fc.property(scene, ({ dimension, points, queries }) => {
      const built = treeOf(points, dimension);
      const grown = new KdTree({ dimension });
      for (const [key, point] of [...points].reverse()) grown.insert(key, point);
      for (const query of queries) {
        assert.deepEqual(grown.nearestMany(query, 7), built.nearestMany(query, 7));
      }
    }),
    { numRuns: 50 },
  );
});

test("thousands of points of any shape are found as by brute force, samples that mislead included", () => {
  const random = (i: number) => ((i * 7_919 + 13) % 10_007) / 10_007;
  const shapes: Readonly<Record<string, (i: number, axis: number) => number>> = {
    scattered: (i, axis) => random(3 * i + axis),
    "in a line": (i, axis) => i * (axis + 1),
    "in two heaps": (i, axis) => (i % 2) * 1e6 + random(3 * i + axis),
    "one far away": (i, axis) => (i === 17 ? 1e300 : random(3 * i + axis)),
    "on a grid": (i, axis) => (axis === 0 ? i % 50 : Math.floor(i / 50) % 50),
    "nearly all equal": (i) => (i % 100 === 0 ? i : 1),
    // Rows at equal distances are not like the others.
    "striped against the sample": (i) => (i % 8 === 0 ? i : -random(i)),
  };
  const count = 4_000;
  for (const [name, shape] of Object.entries(shapes)) {
    for (const dimension of [2, 3]) {
      const point = (i: number) => Array.from({ length: dimension }, (_, axis) => shape(i, axis));
      const points = new Map(Array.from({ length: count }, (_, i) => [i, point(i)]));
      const tree = treeOf(points, dimension);
      for (const query of [point(5), point(17), point(2_001), new Array(dimension).fill(0.3)]) {
        assert.deepEqual(tree.nearestMany(query, 5), bruteForce(points, query, 5), name);
      }
      for (let i = 0; i < count; i += 3) {
        tree.remove(i);
        points.delete(i);
      }
      const query = point(1_999);
      assert.deepEqual(tree.nearestMany(query, 5), bruteForce(points, query, 5), name);
    }
  }
});

test("a predicate may search the same tree", () => {
  const tree = new KdTree({ dimension: 1, coordinates: [0, 1, 2, 3] });
  const accept = (id: number) => tree.nearest([id + 0.9])?.id === id + 1;
  assert.deepEqual(tree.nearestMany([0], 4, { accept }), [
    { id: 0, squared: 0 },
    { id: 1, squared: 1 },
    { id: 2, squared: 4 },
  ]);
});

test("a predicate may not change the tree, and a search that it ends leaves it as it was", () => {
  const tree = new KdTree({ dimension: 1, coordinates: [0, 1, 2, 3] });
  const changes = [() => tree.remove(3), () => tree.insert(9, [9])];
  for (const change of changes) {
    const accept = () => {
      tree.nearest([2], { accept: () => true });
      change();
      return true;
    };
    assert.throws(() => tree.nearest([0], { accept }), /no insert or remove within/);
  }
  assert.equal(tree.size, 4);
  assert.deepEqual(tree.nearestMany([3], 1), [{ id: 3, squared: 0 }]);
  assert.equal(tree.remove(3), true);
});

test("a tree can be emptied and filled again", () => {
  const tree = new KdTree({ dimension: 1, coordinates: [0, 1, 2] });
  for (const key of [1, 0, 2]) assert.equal(tree.remove(key), true);
  assert.equal(tree.nearest([0]), undefined);
  assert.equal(tree.remove(0), false);
  tree.insert(0, [5]);
  assert.deepEqual(tree.nearest([3]), { id: 0, squared: 4 });
});

test("a crowd of equal points costs one descent, wherever one asks from", () => {
  const count = 20_000;
  const ids = Array.from({ length: count }, (_, i) => count - i);
  const tree = new KdTree({ dimension: 2, coordinates: new Float64Array(2 * count).fill(1), ids });
  for (const query of [
    [0, 0],
    [1, 1],
    [9, 1],
  ]) {
    let asked = 0;
    const accept = () => {
      asked += 1;
      return true;
    };
    assert.equal(tree.nearest(query, { accept })?.id, 1);
    assert.ok(asked <= 64, `${asked} points were looked at`);
  }
});

test("selection keeps its pace on sorted, reversed and repeating coordinates", () => {
  const count = 50_000;
  const shapes: ((i: number) => number)[] = [
    (i) => i,
    (i) => -i,
    (i) => i % 7,
    (i) => Math.abs(i - count / 2),
  ];
  for (const shape of shapes) {
    const coordinates = Float64Array.from({ length: count }, (_, i) => shape(i));
    const tree = new KdTree({ dimension: 1, coordinates });
    const points = new Map([...coordinates].map((x, i) => [i, [x]]));
    for (const query of [[-1], [count / 3], [3.5]]) {
      assert.deepEqual(tree.nearestMany(query, 3), bruteForce(points, query, 3));
    }
  }
});

test("wrong shapes are refused with the reason", () => {
  const tree = new KdTree({ dimension: 2, coordinates: [0, 0, 1, 1] });
  assert.throws(() => new KdTree({ dimension: 0 }), /dimension: expected an integer ≥ 1, got 0/);
  assert.throws(() => new KdTree({ dimension: 2, coordinates: [1] }), /expected 2 coordinates/);
  assert.throws(() => new KdTree({ dimension: 1, coordinates: [1], ids: [] }), /one id a point/);
  assert.throws(
    () => new KdTree({ dimension: 1, coordinates: [1, 2], ids: [4, 4] }),
    /id 4 appears twice/,
  );
  assert.throws(
    () => new KdTree({ dimension: 1, coordinates: [1], ids: [-1] }),
    /id: expected an integer/,
  );
  assert.throws(
    () => new KdTree({ dimension: 1, coordinates: [Number.NaN] }),
    /coordinate 0: .* NaN/,
  );
  assert.throws(() => tree.insert(1, [2, 2]), /id 1: expected a new one/);
  assert.throws(() => tree.insert(7, [2]), /expected 2 coordinates, got 1/);
  assert.throws(() => tree.nearest([Infinity, 0]), /coordinate 0: .* Infinity/);
  assert.throws(() => tree.nearest([0, Number.NaN]), /coordinate 1: .* NaN/);
  assert.throws(() => tree.insert(7, [2, Number.NaN]), /coordinate 1: .* NaN/);
  assert.throws(() => tree.nearest([0, 0], { within: Number.NaN }), /within: .* got NaN/);
  assert.throws(() => tree.nearestMany([0, 0], -1), /neighbours: expected an integer ≥ 0, got -1/);
});
