import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { Failure } from "@busbar/protocol";
import { simulateCommand } from "./simulate.ts";

const cli = join(import.meta.dirname, "../cli.ts");

function simulate(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "simulate", ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("a member lives the simulation's lives, with its options and its exit code", () => {
  const lived = simulate("--seeds", "1", "--seed", "7", "--threads", "1", "--json");
  assert.equal(lived.status, 0, lived.stderr);
  assert.equal(JSON.parse(lived.stdout.split("\n")[0] ?? "").plan.seed, 7);
  assert.match(simulate("--help").stdout, /--seeds N/);
  const bad = simulate("--seeds", "many");
  assert.deepEqual([bad.status, bad.stdout], [2, ""]);
  assert.match(bad.stderr, /expected whole numbers/);
});

test("without the tree it is said where the simulation is", async () => {
  await assert.rejects(
    simulateCommand([], "/none/main.ts"),
    (error) => error instanceof Failure && error.code === "simulate.source",
  );
});
