import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox } from "./inbox.ts";

const at = (n: number, length = 1) => new Uint8Array(length).fill(n);

test("messages of one member stay in order, and members are served by turns", () => {
  const inbox = new Inbox();
  for (const n of [1, 2, 3, 4]) assert.ok(inbox.push("a", at(n)));
  assert.ok(inbox.push("b", at(9)));
  const taken = [...inbox.take(3), ...inbox.take(10)];
  assert.deepEqual(
    taken.map(({ from, message }) => [from, message[0]]),
    [
      ["a", 1],
      ["b", 9],
      ["a", 2],
      ["a", 3],
      ["a", 4],
    ],
  );
  assert.deepEqual([inbox.size, inbox.take(5)], [0, []]);
});

test("a line that is full, by count or bytes, takes no more, and the others' do", () => {
  const inbox = new Inbox({ messages: 3, bytes: 100 });
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => inbox.push("a", at(n))),
    [true, true, true, false],
  );
  assert.deepEqual([inbox.push("b", at(1, 60)), inbox.push("b", at(2, 60))], [true, false]);
  assert.equal(inbox.size, 4);
  inbox.take(4);
  assert.ok(inbox.push("a", at(5)) && inbox.push("b", at(3, 100)), "what was taken makes room");
});
