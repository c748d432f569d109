import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { blacklist, councilOf, leaderOf, viewAfter } from "./council.ts";

test("two quorums share an honest member, for any number of members", () => {
  for (let n = 1; n <= 128; n += 1) {
    const { faulty, quorum } = councilOf(
      0,
      Array.from({ length: n }, (_, i) => `m${i}`),
    );
    assert.ok(
      2 * quorum - n > faulty,
      `${n} members: two quorums of ${quorum} may share only liars`,
    );
    assert.ok(quorum <= n - faulty, `${n} members: ${faulty} silent ones would stop the rest`);
  }
});

test("leaders whose views failed are passed over, at most as many as may be faulty", () => {
  const council = councilOf(0, ["a", "b", "c", "d", "e", "f", "g"]);
  // a's view 0 worked and failed, b never came to anything, c leads view 2.
  const turns = [
    { view: 0, proposer: "a" },
    { view: 2, proposer: "c" },
  ];
  assert.deepEqual([...blacklist(council, turns)].sort(), ["a", "b"]);
  assert.equal(viewAfter(council, 6, turns), 9, "views 7 (a) and 8 (b) are not asked for");
});

test("there is always a next view, and its leader is not on the blacklist", () => {
  const views = fc.array(fc.nat(1_000), { maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), views, fc.nat(1_000), (n, list, from) => {
      const council = councilOf(
        0,
        Array.from({ length: n }, (_, i) => `m${i}`),
      );
      const turns = list
        .toSorted((a, b) => a - b)
        .map((view) => ({ view, proposer: leaderOf(council, view) }));
      const next = viewAfter(council, from, turns);
      assert.ok(next > from && next <= from + 1 + council.faulty);
      assert.ok(blacklist(council, turns).size <= council.faulty);
      assert.ok(!blacklist(council, turns).has(leaderOf(council, next)));
    }),
  );
});
