import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type StatePath, verifyStatePath } from "@busbar/protocol";
import fc from "fast-check";
import { openDatabase } from "../database.ts";
import { emptyState, Overlay } from "./overlay.ts";
import { ScanMemory } from "./scan-memory.ts";
import { plainLanes, vectorLanes } from "./sha256-lanes.ts";
import { NextState, SqliteState } from "./sqlite-state.ts";
import { StateTree, TreeBuilder } from "./tree.ts";

const sha = (...parts: Uint8Array[]) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

/** The definition, word by word: an independent and slow oracle. */
function rootOf(entries: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const leaves = [...entries].map(([key, value]) => ({
    name: sha(Buffer.from(key)),
    hash: sha(Uint8Array.of(0), sha(Buffer.from(key)), sha(value)),
  }));
  const at = (list: typeof leaves, depth: number): Uint8Array => {
    if (list.length === 0) return new Uint8Array(32);
    if (list.length === 1) return list[0]?.hash ?? new Uint8Array();
    const right = ({ name }: { name: Uint8Array }) =>
      (((name[Math.floor(depth / 8)] ?? 0) >> (7 - (depth % 8))) & 1) === 1;
    return sha(
      Uint8Array.of(1),
      at(
        list.filter((leaf) => !right(leaf)),
        depth + 1,
      ),
      at(list.filter(right), depth + 1),
    );
  };
  return at(leaves, 0);
}

test("four hashes side by side are what Node makes of each, in vectors and without", () => {
  const ways = [vectorLanes(), plainLanes()];
  assert.ok(ways[0] !== undefined, "this machine has vectors");
  const message = fc.uint8Array({ minLength: 65, maxLength: 65 });
  fc.assert(
    fc.property(fc.tuple(message, message, message, message), (messages) => {
      for (const { input, output, run } of ways.flatMap((way) => way ?? [])) {
        for (const [lane, bytes] of messages.entries()) {
          const padded = Buffer.concat([bytes, Uint8Array.of(0x80, 0, 0)]);
          for (let i = 0; i < 17; i++) input[4 * i + lane] = padded.readInt32BE(4 * i);
        }
        run();
        for (const [lane, bytes] of messages.entries()) {
          const hash = Buffer.alloc(32);
          for (let i = 0; i < 8; i++) hash.writeInt32BE(output[4 * i + lane] ?? 0, 4 * i);
          assert.deepEqual(new Uint8Array(hash), sha(bytes));
        }
      }
    }),
  );
});

/** Entries by content. */
const bytesOf = (entries: Iterable<readonly [string, Uint8Array]>) =>
  Array.from(entries, ([name, bytes]) => `${name}=${Buffer.from(bytes).toString("hex")}`);

const key = fc.integer({ min: 0, max: 40 }).map((n) => `${n % 2 ? "odd" : "even"}/${n}`);
const value = fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined });
const step = fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 20 });
const history = fc.array(step, { maxLength: 12 });

function play(steps: readonly (readonly (readonly [string, Uint8Array | undefined])[])[]) {
  const entries = new Map<string, Uint8Array>();
  let tree = StateTree.empty;
  for (const changes of steps) {
    tree = tree.update(changes);
    for (const [name, bytes] of changes) {
      if (bytes === undefined) entries.delete(name);
      else entries.set(name, bytes);
    }
  }
  return { entries, tree };
}

test("the root is a function of the entries alone, whatever their history", () => {
  fc.assert(
    fc.property(history, (steps) => {
      const { entries, tree } = play(steps);
      assert.deepEqual(tree.root, rootOf(entries));
      assert.deepEqual(StateTree.of(entries).root, tree.root);
      assert.deepEqual(StateTree.of([...entries].reverse()).root, tree.root);
      const builder = new TreeBuilder();
      for (const [name, bytes] of entries) builder.add(name, bytes);
      let built: StateTree | undefined;
      for (let steps = 0; built === undefined && steps < 1_000; steps += 1) built = builder.step();
      assert.deepEqual(built?.root, tree.root);
      for (const name of ["odd/1", "even/2"]) {
        assert.deepEqual(built?.prove(name), tree.prove(name));
      }
    }),
  );
});

test("an update leaves the tree it started from as it was", () => {
  fc.assert(
    fc.property(history, step, (steps, more) => {
      const { tree } = play(steps);
      const before = tree.root;
      tree.update(more);
      assert.deepEqual(tree.root, before);
    }),
  );
});

test("every key proves its value or its absence, and nothing else", () => {
  fc.assert(
    fc.property(history, key, fc.uint8Array({ maxLength: 4 }), (steps, asked, wrong) => {
      const { entries, tree } = play(steps);
      const path = tree.prove(asked);
      const held = entries.get(asked);
      const holds = (claim: Uint8Array | undefined) =>
        verifyStatePath(tree.root, { key: asked, value: claim, path });
      assert.ok(holds(held));
      if (held !== undefined) assert.ok(!holds(undefined));
      if (held === undefined || Buffer.compare(held, wrong) !== 0) assert.ok(!holds(wrong));
    }),
    { numRuns: 300 },
  );
});

test("a changed path proves nothing", () => {
  fc.assert(
    fc.property(
      history,
      key,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (steps, asked, at, flip) => {
        const { entries, tree } = play(steps);
        const path = tree.prove(asked);
        const claim = { key: asked, value: entries.get(asked) };
        const siblings = path.siblings.map((bytes) => bytes.slice());
        const victim = siblings[at % Math.max(1, siblings.length)];
        if (victim === undefined) return;
        victim[at % 32] = (victim[at % 32] ?? 0) ^ flip;
        assert.ok(!verifyStatePath(tree.root, { ...claim, path: { ...path, siblings } }));
        const short: StatePath = { ...path, siblings: path.siblings.slice(1) };
        assert.ok(!verifyStatePath(tree.root, { ...claim, path: short }));
      },
    ),
  );
});

test("no leaf of the tree makes a key that is there absent", () => {
  fc.assert(
    fc.property(history, (steps) => {
      const { entries, tree } = play(steps);
      for (const asked of entries.keys()) {
        for (const [other, bytes] of entries) {
          const { siblings } = tree.prove(other);
          const leaf = { key: sha(Buffer.from(other)), value: sha(bytes) };
          const path = { siblings, other: leaf };
          assert.ok(!verifyStatePath(tree.root, { key: asked, value: undefined, path }));
        }
      }
    }),
    { numRuns: 30 },
  );
});

test("an overlay reads and scans like a map that was really changed", () => {
  fc.assert(
    fc.property(
      step,
      step,
      step,
      fc.constantFrom("", "odd/", "even/1", "none/"),
      (a, b, c, prefix) => {
        const real = new Map<string, Uint8Array>();
        let state = new Overlay(emptyState);
        for (const changes of [a, b, c]) {
          const next = new Overlay(state);
          for (const [name, bytes] of changes) {
            if (bytes === undefined) next.delete(name);
            else next.set(name, bytes);
            if (bytes === undefined) real.delete(name);
            else real.set(name, bytes);
          }
          state = next;
        }
        const expected = [...real].filter(([name]) => name.startsWith(prefix)).sort();
        assert.deepEqual(
          [...state.scan(prefix)],
          expected.sort((x, y) => (x[0] < y[0] ? -1 : 1)),
        );
        for (const [name, bytes] of real) assert.deepEqual(state.get(name), bytes);
      },
    ),
  );
});

test("the committed state reads and scans like the changes that were written", () => {
  fc.assert(
    fc.property(history, fc.constantFrom("", "odd/", "even/1", "none/"), (steps, prefix) => {
      const db = openDatabase(":memory:");
      const state = new SqliteState(db);
      for (const [i, changes] of steps.entries()) {
        // What was asked for while it was not there, and no table of its was.
        const { entries } = play(steps.slice(0, i));
        for (const [name] of changes)
          assert.deepEqual(state.get(name)?.join(), entries.get(name)?.join());
        state.write(new Map(changes));
        state.written(new Map(changes));
      }
      const { entries } = play(steps);
      const expected = [...entries].filter(([name]) => name.startsWith(prefix));
      expected.sort((x, y) => (x[0] < y[0] ? -1 : 1));
      for (const reader of [state, new SqliteState(db)]) {
        assert.deepEqual(bytesOf(reader.scan(prefix)), bytesOf(expected));
        for (const [name, bytes] of entries) {
          assert.deepEqual(Buffer.from(reader.get(name) ?? []), Buffer.from(bytes));
          assert.equal(reader.get(name), reader.get(name), "a held value keeps its identity");
        }
      }
      db.close();
    }),
    { numRuns: 50 },
  );
});

test("walks through the committed state may nest and may end early", () => {
  const db = openDatabase(":memory:");
  const state = new SqliteState(db);
  state.write(new Map(["a/1", "a/2", "a/3"].map((name) => [name, Uint8Array.of(1)])));
  const seen: string[] = [];
  for (const [outer] of state.scan("a/")) {
    for (const [inner] of state.scan("a/")) {
      seen.push(`${outer} ${inner}`);
      if (inner === "a/2") break;
    }
  }
  const expected = ["a/1", "a/2", "a/3"].flatMap((name) => [`${name} a/1`, `${name} a/2`]);
  assert.deepEqual(seen, expected);
  db.close();
});

test("a walk shows all that was written before it, however far those before it went", () => {
  const prefix = fc.constantFrom("odd/", "even/", "even/1", "none/");
  const walks = fc.array(fc.tuple(prefix, fc.nat(40)), { maxLength: 6 });
  fc.assert(
    fc.property(history, fc.array(walks, { minLength: 1, maxLength: 8 }), (steps, plans) => {
      const db = openDatabase(":memory:");
      const state = new SqliteState(db);
      for (const [i, changes] of steps.entries()) {
        state.write(new Map(changes));
        state.written(new Map(changes));
        const { entries } = play(steps.slice(0, i + 1));
        for (const [under, count] of plans[i % plans.length] ?? []) {
          const expected = [...entries].filter(([name]) => name.startsWith(under));
          expected.sort((x, y) => (x[0] < y[0] ? -1 : 1));
          const found: (readonly [string, Uint8Array])[] = [];
          for (const entry of state.scan(under)) {
            if (found.length === count) break;
            found.push(entry);
          }
          assert.deepEqual(bytesOf(found), bytesOf(expected.slice(0, count)));
        }
      }
      db.close();
    }),
    { numRuns: 60 },
  );
});

test("a walk that a write came into is not remembered, and a long one is not held", () => {
  const db = openDatabase(":memory:");
  const state = new SqliteState(db);
  const put = (...names: string[]) => {
    const changes = new Map(names.map((name) => [name, Uint8Array.of(1)]));
    state.write(changes);
    state.written(changes);
  };
  const all = () => Array.from(state.scan("a/"), ([name]) => name);
  put("a/1", "a/3");
  const walk = state.scan("a/")[Symbol.iterator]();
  walk.next();
  put("a/2");
  for (let step = walk.next(); step.done !== true; step = walk.next());
  assert.deepEqual(all(), ["a/1", "a/2", "a/3"]);
  const names = Array.from({ length: 100 }, (_, n) => `a/4${String(n).padStart(2, "0")}`);
  put(...names);
  assert.deepEqual([all().length, all().length], [103, 103]);
  const next = new NextState(db);
  next.put("a/5", Uint8Array.of(1));
  next.putInForce();
  state.forget();
  assert.deepEqual(all(), ["a/5"]);
  db.close();
});

test("what is found under a prefix is asked of the database once, also where it is nothing", () => {
  const memory = new ScanMemory();
  let asked = 0;
  const rest = (after: string | undefined) => {
    asked += 1;
    return ["a/1", "a/2"].filter((key) => key > (after ?? "")).map((key) => [key, key] as never);
  };
  const first = () => memory.walk("a/", rest)[Symbol.iterator]().next().value;
  const all = () => [...memory.walk("a/", rest)].length;
  assert.deepEqual([all(), all(), first(), asked], [2, 2, ["a/1", "a/1"], 1]);
  memory.written("b/1", Uint8Array.of(1));
  assert.deepEqual([all(), asked], [2, 1], "another table's");
  memory.written("a/3", Uint8Array.of(1));
  memory.written("a/1", undefined);
  memory.written("a/0", Uint8Array.of(1));
  assert.deepEqual([all(), asked], [3, 1], "what is written is known");
  const keys = () => Array.from(memory.walk("a/", rest), ([key]) => key);
  assert.deepEqual(keys(), ["a/0", "a/2", "a/3"]);
  memory.open();
  assert.deepEqual([all(), asked], [2, 2], "what may be taken back is asked for");
  memory.close();
  assert.deepEqual([all(), asked], [3, 2]);
  for (let n = 0; n < 5_000; n += 1) [...memory.walk(`c/${n}/`, () => [])];
  assert.deepEqual([all(), asked], [2, 3], "what is remembered has a bound");
});

test("a dropped overlay changed nothing, an applied one everything", () => {
  const base = new Overlay(emptyState);
  base.set("a/1", Uint8Array.of(1));
  const inner = new Overlay(base);
  inner.set("a/1", Uint8Array.of(2));
  inner.set("a/2", Uint8Array.of(3));
  inner.delete("a/1");
  assert.deepEqual([...base.scan("a/")], [["a/1", Uint8Array.of(1)]]);
  inner.applyTo(base);
  assert.deepEqual([...base.scan("a/")], [["a/2", Uint8Array.of(3)]]);
});

test("keys that would sort differently elsewhere are refused", () => {
  assert.throws(() => new Overlay(emptyState).set("a/ü", Uint8Array.of(1)), /printable ASCII/);
});
