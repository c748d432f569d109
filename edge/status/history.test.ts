import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Source } from "../schedule/source.ts";
import { kept } from "./kept.ts";
import { historyPoints, PowerHistory } from "./power-history.ts";
import { ReadTimes } from "./read-times.ts";
import { sparkline } from "./sparkline.ts";

const halfMinute = 30_000;

test("the last hour is kept as means of half minutes, gaps as gaps", () => {
  const history = new PowerHistory();
  const start = 1000 * halfMinute;
  history.add(start, 100);
  history.add(start + 10_000, 300);
  history.add(start + 3 * halfMinute, -50);
  const points = history.points(start + 3 * halfMinute);
  assert.equal(points.length, historyPoints);
  assert.deepEqual(points.slice(-4), [200, undefined, undefined, -50]);
  assert.equal(
    history.points(start + 200 * halfMinute).every((point) => point === undefined),
    true,
  );
});

test("a history says what a plain list of the same readings says", () => {
  const reading = fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: -9999, max: 9999 }));
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 200 }), (readings) => {
      const history = new PowerHistory();
      const list = new Map<number, number[]>();
      let newest = -1;
      for (const [point, watts] of readings) {
        history.add(point * halfMinute, watts);
        if (point <= newest - historyPoints) continue;
        newest = Math.max(newest, point);
        list.set(point, [...(list.get(point) ?? []), watts]);
      }
      const now = Math.max(newest, 0);
      const expected = Array.from({ length: historyPoints }, (_, i) => {
        const all = list.get(now - historyPoints + 1 + i);
        return all === undefined ? undefined : Math.round(all.reduce((a, b) => a + b) / all.length);
      });
      assert.deepEqual(history.points(now * halfMinute), expected);
    }),
  );
});

test("a line is drawn of any numbers, and nothing but numbers stands in its paths", () => {
  const point = fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(point, { minLength: 2, maxLength: 120 }), (points) => {
      const svg = sparkline(points, "label");
      for (const [, path = ""] of svg.matchAll(/ d="([^"]*)"/g)) {
        assert.match(path, /^(?:[MLHZ]|[-\d.]+(?:e-\d+)?| )*$/);
      }
    }),
  );
  assert.equal(sparkline([undefined, 3], "x"), "");
});

test("reads are timed and counted whether they succeed or fail", async () => {
  let fails = false;
  const source = {
    config: { id: "m1" },
    serial: "7",
    registers: [],
    read: () => (fails ? Promise.reject(new Error("no answer")) : Promise.resolve({})),
    close: async () => {},
  } as unknown as Source;
  const times = new ReadTimes();
  const watched = times.watch(source);
  assert.equal(watched.serial, "7");
  await watched.read();
  fails = true;
  await assert.rejects(watched.read(), /no answer/);
  const seen = times.of("m1");
  assert.equal(seen?.count, 2);
  assert.equal(
    seen?.classes.reduce((a, b) => a + b),
    2,
  );
  assert.equal(times.of("m2"), undefined);
});

test("what was dear to look up is looked up rarely", () => {
  let time = 0;
  let looks = 0;
  const look = kept(
    () => {
      time += 100;
      looks += 1;
      return looks;
    },
    () => time,
  );
  assert.deepEqual([look(), look()], [1, 1]);
  time += 2_999;
  assert.equal(look(), 1);
  time += 1;
  assert.equal(look(), 2);
});
