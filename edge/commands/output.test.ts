import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileFault } from "./output.ts";

function thrown(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail("expected an error");
}

test("what the system says of a file is told with its path and a remedy, without a stack", () => {
  const missing = fileFault(thrown(() => writeFileSync("/no-such-folder/key", "x")));
  assert.equal(missing?.code, "file.unusable");
  assert.match(missing.message, /^\/no-such-folder\/key: no such file or folder \(ENOENT, open\)$/);
  assert.match(
    fileFault(thrown(() => mkdirSync("/dev/null/data")))?.message ?? "",
    /^\/dev\/null\/data: a part of the path is no folder/,
  );
  assert.equal(fileFault(new TypeError("ours")), undefined);
  assert.equal(fileFault("text"), undefined);
});
