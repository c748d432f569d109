import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLoad } from "./arguments.ts";

test("what is asked for is taken, with the usual for the rest", () => {
  const { load, json } = parseLoad(["--meters", "10000", "--minutes", "0.5", "--json"]);
  const usual = { members: 4, everyMs: 60_000, entries: 4 };
  assert.deepEqual([load, json], [{ meters: 10_000, minutes: 0.5, ...usual }, true]);
});

test("what is none of it is refused with what was expected", () => {
  for (const [args, words] of [
    [["--meters", "x"], /--meters: expected a whole number above 0, at most 100000, got "x"/],
    [["--meters", "0"], /--meters/],
    [["--meters", "1.5"], /--meters/],
    [["--minutes", "1e9"], /--minutes: expected a number/],
    [["--members", "8"], /--members/],
    [["--every", ""], /--every/],
    [["--readings", "-1"], /--readings/],
    [["--metres", "5"], /--metres.*--help/s],
    [["--meters"], /--meters/],
    [["more"], /more/],
  ] as const) {
    assert.throws(() => parseLoad(args), { code: "cli.usage", message: words }, args.join(" "));
  }
});
