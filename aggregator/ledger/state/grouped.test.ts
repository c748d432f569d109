import assert from "node:assert/strict";
import { test } from "node:test";
import { type CborValue, encodeCbor } from "@busbar/protocol";
import { field, int, optional, record, SchemaError } from "@busbar/protocol/schema";
import fc from "fast-check";
import { groupedTable } from "./grouped.ts";
import { emptyState, Overlay } from "./overlay.ts";

/** Numbers of names, four of a name in one entry. */
const numbers = groupedTable(
  "number",
  record("number", { value: field(1, int(0, 1_000)), more: optional(2, int(0, 1_000)) }),
  {
    place(id) {
      const [name = "", number = ""] = id.split("/");
      return { group: `${name}/${Number(number) >> 2}`, part: Number(number) & 3 };
    },
    idOf(group, part) {
      const [name = "", number = ""] = group.split("/");
      return `${name}/${Number(number) * 4 + part}`;
    },
    prefixOf: (idPrefix) => idPrefix.slice(0, idPrefix.indexOf("/") + 1),
  },
);

test("entries that share one of the state are read, walked and deleted as single ones are", () => {
  const act = fc.record({
    id: fc.tuple(fc.constantFrom("a", "b"), fc.nat(9)).map(([name, number]) => `${name}/${number}`),
    value: fc.option(fc.nat(1_000), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const state = new Overlay(emptyState);
      const plain = new Map<string, { value: number }>();
      for (const { id, value } of acts) {
        if (value === undefined) {
          numbers.delete(state, id);
          plain.delete(id);
        } else {
          numbers.set(state, id, { value });
          plain.set(id, { value });
        }
      }
      // As who holds the bytes alone reads them.
      const fresh = new Overlay(emptyState);
      for (const [key, value] of state.changes) if (value) fresh.set(key, Uint8Array.from(value));
      for (const held of [state, fresh]) {
        assert.deepEqual(new Map(numbers.scan(held)), plain);
        const ofA = [...plain].filter(([id]) => id.startsWith("a/")).sort();
        assert.deepEqual([...numbers.scan(held, "a/")], ofA);
        for (const [id, value] of plain) assert.deepEqual(numbers.get(held, id), value);
      }
      const groups = new Set(Array.from(plain.keys(), (id) => numbers.keyOf(id)));
      assert.deepEqual(new Set(Array.from(fresh.scan(""), ([key]) => key)), groups);
    }),
  );
});

test("an entry of several that is none is refused, whatever is wrong with it", () => {
  const part = new Map([[1, 7]]);
  const odd = [
    new Map(),
    new Map([["x", part]]),
    new Map([[-1, part]]),
    new Map([[0, 7]]),
    [part],
    7,
  ];
  for (const value of odd) {
    const state = new Overlay(emptyState);
    state.set("number/a/0", encodeCbor(value as CborValue));
    assert.throws(() => numbers.get(state, "a/0"), SchemaError, JSON.stringify(value));
  }
  assert.throws(() => numbers.set(new Overlay(emptyState), "a/0", { value: -1 }), SchemaError);
});
