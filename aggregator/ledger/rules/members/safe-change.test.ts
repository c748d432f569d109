import assert from "node:assert/strict";
import { test } from "node:test";
import { type Council, type MemberAction, quorum, utcMs } from "@busbar/protocol";
import fc from "fast-check";
import { councilAt, councilOf } from "../../council.ts";
import { members } from "../../tables.ts";
import { frameOf } from "../../test-site.ts";
import { allOpen } from "./motions.ts";
import { type Queued, type Standing, turns, votesMovedMax } from "./plan.ts";
import { changes } from "./tables.ts";
import { Consortium, keyOf, motionOf, requestOf, termsOf } from "./test-consortium.ts";

const ids = Array.from({ length: 9 }, (_, i) => `member-${"abcdefghi"[i]}`);
const at = (n: number) => ids[n % ids.length] ?? "";

/** How many votes lie between two councils: members that come, go, or vote with another key. */
function moved(a: Council, b: Council): number {
  const key = (council: Council, id: string) =>
    Buffer.from(council.voters.find((voter) => voter.id === id)?.key ?? []).toString("hex");
  return ids.filter((id) => key(a, id) !== key(b, id)).length;
}

const act = fc.record({
  what: fc.constantFrom<MemberAction | "vote">(
    "admit",
    "admit",
    "remove",
    "suspend",
    "reinstate",
    "vote",
  ),
  by: fc.nat(8),
  whom: fc.nat(8),
  voting: fc.boolean(),
  ownKey: fc.boolean(),
  days: fc.option(fc.integer({ min: 1, max: 6 })),
  support: fc.integer({ min: 0, max: 9 }),
});
const life = fc.record({
  size: fc.integer({ min: 1, max: 7 }),
  blocks: fc.array(
    fc.record({ acts: fc.array(act, { maxLength: 4 }), hours: fc.integer({ min: 0, max: 40 }) }),
    { maxLength: 30 },
  ),
});
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** The frames of an act: a motion, and ballots of `support` members on whatever is open. */
function framesOf(
  site: Consortium,
  { what, by, whom, voting, ownKey, days, support }: Act,
  n: number,
) {
  const [member, subject] = [at(by), at(whom)];
  const ballots = allOpen(site.state).flatMap((id) =>
    site.voters.slice(0, support).map((voter) => {
      const motion = new Uint8Array(Buffer.from(id, "hex"));
      return frameOf(voter, "ballot", { motion, member: voter, accept: (n + by) % 7 !== 0 });
    }),
  );
  if (what === "vote") return ballots;
  const key = ownKey ? subject : `${subject}-${n % 3}`;
  const expires = days === null ? {} : { expires: utcMs(site.time + days * 86_400_000) };
  const terms = termsOf(subject, { voting, key: keyOf(key), ...expires });
  const options = what === "admit" ? { request: requestOf(terms, key, n) } : {};
  const motion = motionOf(member, what, subject, options);
  return [frameOf(member, "member-motion", motion), ...ballots];
}

test("whatever members ask for, vote on and let expire, fewer than a third of the votes move at once", () => {
  fc.assert(
    fc.property(life, ({ size, blocks }) => {
      const site = new Consortium(ids.slice(0, size).map((id) => termsOf(id)));
      let n = 0;
      const step = (frames: readonly Uint8Array[], ms: number) => {
        const before = councilOf(site.state);
        site.block(frames, ms);
        const after = councilOf(site.state);
        const votes = moved(before, after);
        const most = before.voters.length <= 3 ? 1 : (before.voters.length - 1) / 3;
        assert.ok(votes <= most, `${votes} of ${before.voters.length} votes moved at once`);
        assert.equal(after.epoch - before.epoch, votes > 0 ? 1 : 0);
        assert.equal(after.since, votes > 0 ? site.height + 1 : before.since);
        assert.ok(after.voters.length > 0 && quorum(after.voters.length) <= after.voters.length);
        assert.deepEqual(councilAt(site.state, site.height), before, "the past stays as it was");
      };
      for (const { acts, hours } of blocks) {
        const frames = acts.flatMap((one) => framesOf(site, one, n++));
        step(frames, hours * 3_600_000 + 1);
      }
      // Nothing vanishes: what was decided comes into force, except that somebody has to vote.
      for (let i = 0; i < 40; i++) step([], 1);
      const left = Array.from(changes.scan(site.state), ([, change]) => change);
      if (left.length > 0) assert.equal(site.voters.length, 1, JSON.stringify(left));
      const active = Array.from(members.scan(site.state), ([, entry]) => entry).filter(
        (entry) => entry.state === "active" && entry.voting,
      );
      assert.deepEqual(
        active.map(({ id }) => id),
        site.voters,
      );
    }),
    { numRuns: 60 },
  );
});

test("votes that move at once are fewer than a third, from four voters on", () => {
  for (let n = 4; n <= 128; n++) {
    assert.ok(votesMovedMax(n) * 3 < n, `${n}`);
    assert.ok((votesMovedMax(n) + 1) * 3 >= n, `${n}: no fewer than needed`);
  }
  assert.deepEqual([1, 2, 3].map(votesMovedMax), [1, 1, 1]);
});

test("changes that are under way count with those that wait", () => {
  const standings = new Map<string, Standing>(
    ids.slice(0, 4).map((id) => [id, { active: true, voting: true, key: keyOf(id) }]),
  );
  const suspend = (member: string, from?: number): Queued => [
    member,
    { action: "suspend", member, ...(from === undefined ? {} : { from }) },
  ];
  const [a = "", b = "", c = ""] = ids;
  assert.deepEqual(turns(standings, [suspend(a), suspend(b), suspend(c)]), [a]);
  assert.deepEqual(turns(standings, [suspend(a, 7), suspend(b), suspend(c)]), []);
  standings.set(a, { active: false, voting: true, key: keyOf(a) });
  assert.deepEqual(turns(standings, [suspend(b), suspend(c)]), [b]);
});

const change = fc.record({
  action: fc.constantFrom("admit", "remove", "suspend", "reinstate", "expire"),
  member: fc.nat(8).map(at),
  voting: fc.boolean(),
});

test("turns are given in order for each member, and a blocked change holds up nobody else", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(change, { maxLength: 12 }),
      (size, list) => {
        const standings = new Map<string, Standing>(
          ids.slice(0, size).map((id) => [id, { active: true, voting: true, key: keyOf(id) }]),
        );
        const queue = list.map(({ action, member, voting }, i): Queued => {
          const terms = action === "admit" ? { terms: termsOf(member, { voting }) } : {};
          return [String(i).padStart(3, "0"), { action, member, ...terms } as Queued[1]];
        });
        const now = turns(standings, queue);
        const waiting = queue.filter(([place]) => !now.includes(place));
        for (const [place, { member }] of queue) {
          if (!now.includes(place)) continue;
          const earlier = waiting.find(([other, it]) => it.member === member && other < place);
          assert.equal(earlier, undefined, "a change does not overtake one of the same member");
        }
        // The first change always gets its turn, unless nobody would be left to vote.
        const [first] = queue;
        if (first !== undefined && size > 1) assert.ok(now.includes(first[0]));
      },
    ),
  );
});
