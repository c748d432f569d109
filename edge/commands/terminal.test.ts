import assert from "node:assert/strict";
import { test } from "node:test";
import { wrap } from "./terminal.ts";

test("lines that a text has stay apart, each wrapped behind the indent", () => {
  assert.equal(wrap("one two three", 8, "  "), "one two\n  three");
  assert.equal(wrap("- a b c d\ne f g h\ni", 7, "  "), "- a b c\n  d\n  e f g\n  h\n  i");
  assert.equal(wrap("", 7, "  "), "");
});
