import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../../test/support/virtual-site.ts";
import { type Beat, decodeBeat, decodeWill, encodeBeat, encodeWill } from "./beat.ts";
import { Group } from "./group.ts";
import { Holdings } from "./holdings.ts";
import { holderOf } from "./rendezvous.ts";

const keys = Array.from({ length: 120 }, (_, n) => `house-${n}`);
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

test("who leaves gives its own keys away, who comes takes its own, and all others stay", () => {
  const all = ["m1/w1", "m1/w2", "m1/w3", "m2/w1"];
  const before = new Map(keys.map((key) => [key, holderOf(key, all)]));
  for (const gone of all) {
    const left = all.filter((worker) => worker !== gone);
    for (const key of keys) {
      const now = holderOf(key, left);
      if (before.get(key) !== gone) assert.equal(now, before.get(key));
      assert.notEqual(now, gone);
    }
  }
  for (const worker of all) {
    const share = keys.filter((key) => before.get(key) === worker).length;
    assert.ok(share > 12 && share < 50, `${worker} has ${share} of 120`);
  }
  assert.equal(holderOf("house-1", []), undefined);
});

test("the order in which workers are named decides nothing", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^m[1-3]\/w[0-9]{1,2}$/), { maxLength: 12 });
  fc.assert(
    fc.property(names, fc.string(), (workers, key) => {
      assert.equal(holderOf(key, workers), holderOf(key, [...workers].reverse()));
    }),
  );
});

type Member = {
  readonly name: Beat["worker"];
  readonly group: Group;
  readonly holdings: Holdings;
  joined: boolean;
};

const leaseMs = 4_000;
const beatMs = leaseMs / 4;

function member(n: number, instance = n): Member {
  const worker = `m1/w${n}` as const;
  const own = { worker, instance: instance.toString(16).padStart(16, "0") };
  const holdings = new Holdings(1_000);
  for (const key of keys) holdings.learn(key);
  return { name: worker, group: new Group({ own, leaseMs }), holdings, joined: false };
}

/** What a worker does when something changed; its subscriptions stand at once. */
function arrange({ group, holdings, joined }: Member): void {
  if (!joined) return;
  const { take, letGo } = holdings.changes(group);
  holdings.took(take);
  group.settle(group.view);
  holdings.letGo(letGo);
}

function held(all: readonly Member[], key: string): number {
  return all.filter(({ holdings }) => holdings.held.has(key)).length;
}

test("whoever joins, at no moment does nobody hear a device, and in the end one does", () => {
  const random = seededRandom(7);
  const all: Member[] = [];
  const wires: { to: Member; beat: Beat }[] = [];
  const tell = (from: Member) => {
    const beat = from.group.beat();
    for (const to of all) if (to !== from) wires.push({ to, beat });
  };
  /** Delivers in an order that keeps each sender's own. */
  const deliver = (at: number) => {
    while (wires.length > 0) {
      const { to } = wires[Math.floor(random() * wires.length)] ?? {};
      const [next] = wires.splice(
        wires.findIndex((wire) => wire.to === to),
        1,
      );
      if (next === undefined) return;
      const heard = next.to.group.hear(next.beat, at);
      arrange(next.to);
      if (heard === "changed") tell(next.to);
      if (all.some(({ joined }) => joined)) {
        for (const key of keys) assert.ok(held(all, key) > 0, `${key} is heard by nobody`);
      }
    }
  };
  for (let at = 0; at < 12 * beatMs; at += beatMs) {
    if (at % (2 * beatMs) === 0 && all.length < 5) all.push(member(all.length + 1));
    for (const one of all) tell(one);
    deliver(at);
    for (const one of all) {
      one.joined = true;
      arrange(one);
      tell(one);
    }
    deliver(at);
  }
  assert.equal(new Set(all.map(({ group }) => group.view)).size, 1);
  for (const key of keys) assert.equal(held(all, key), 1, key);
});

test("whoever dies, and whatever beats get lost, the living agree within a lease and two beats", () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed);
    let all = [1, 2, 3, 4].map((n) => member(n));
    let at = 0;
    const beatAll = (lossy: boolean) => {
      at += beatMs;
      for (const from of all) {
        const beat = from.group.beat();
        for (const to of all) {
          if (to === from || (lossy && random() < 0.4)) continue;
          to.group.hear(beat, at);
        }
      }
      for (const one of all) {
        one.joined = true;
        one.group.lapse(at);
        arrange(one);
      }
    };
    for (let n = 0; n < 6; n++) beatAll(true);
    const dead = all[Math.floor(random() * all.length)];
    all = all.filter((one) => one !== dead);
    // Half of the deaths the broker tells, the others only silence does.
    if (seed % 2 === 0 && dead !== undefined) {
      const { worker, instance } = dead.group.beat();
      for (const one of all) one.group.lost({ worker, instance });
    }
    for (let n = 0; n < 6; n++) beatAll(false);
    assert.equal(new Set(all.map(({ group }) => group.view)).size, 1, `seed ${seed}`);
    for (const key of keys) assert.equal(held(all, key), 1, `seed ${seed}: ${key}`);
  }
});

test("an old beat revives nobody, a new start does, and one's own name elsewhere is told of", () => {
  const [one, two] = [member(1).group, member(2).group];
  const [first, second] = [two.beat(), two.beat()];
  assert.equal(one.hear(second, 0), "changed");
  assert.equal(one.hear(first, 1), "old");
  assert.equal(one.lost({ ...first, instance: "f".repeat(16) }), false);
  assert.equal(one.lost(first), true);
  // A beat that was under way when its worker died.
  assert.equal(one.hear(two.beat(), 2), "old");
  assert.deepEqual(one.live, ["m1/w1"]);
  const reborn = member(2, 99).group;
  assert.equal(one.hear(reborn.beat(), 3), "changed");
  assert.deepEqual(one.live, ["m1/w1", "m1/w2"]);
  assert.equal(one.hear(member(1, 77).group.beat(), 4), "duplicate");
  assert.deepEqual(one.lapse(3 + leaseMs - 1), []);
  assert.deepEqual(one.lapse(3 + leaseMs), ["m1/w2"]);
});

test("of invented workers no more than a bound are listened to, and of devices too", () => {
  const { group } = member(0);
  for (let n = 1; n < 64; n++) assert.equal(group.hear(member(n).group.beat(), 0), "changed");
  assert.equal(group.hear(member(64).group.beat(), 0), "too-many");
  assert.equal(group.live.length, 64);
  const holdings = new Holdings(2);
  assert.deepEqual(
    ["a", "b", "a", "c"].map((key) => holdings.learn(key)),
    ["new", "new", "known", "too-many"],
  );
});

test("beats and last wills read back as they were said, and garbage says nothing", () => {
  const beat = { ...member(1).group.beat(), view: "0123456789abcdef" };
  assert.deepEqual(decodeBeat("m1", bytes(encodeBeat(beat))), beat);
  const { worker, instance } = beat;
  assert.deepEqual(decodeWill("m1", bytes(encodeWill(beat))), { worker, instance });
  // A member's own word about itself is no worker's end.
  assert.equal(decodeWill("m1", bytes('{"member":"m1","ready":false}')), undefined);
  const wrong = [
    ...["", "null", "[]", "7", "{}", "{", '"x"'],
    encodeBeat({ ...beat, count: -1 }),
    encodeBeat({ ...beat, count: 1.5 }),
    encodeBeat({ ...beat, instance: "x" }),
    encodeBeat({ ...beat, view: "zz" }),
    encodeBeat({ ...beat, worker: "m1/../x" }),
    `${encodeBeat(beat)}${" ".repeat(512)}`,
  ];
  for (const text of wrong) {
    assert.equal(decodeBeat("m1", bytes(text)), undefined, text);
    assert.equal(decodeWill("m1", bytes(text)), undefined, text);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (noise) => {
      assert.equal(decodeBeat("m1", noise), undefined);
      assert.equal(decodeWill("m1", noise), undefined);
    }),
    { numRuns: 200 },
  );
});
