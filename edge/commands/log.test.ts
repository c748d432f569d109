import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "@busbar/protocol";
import { openLog } from "./log.ts";

test("on a terminal the log is read in words, within its columns", () => {
  const said: string[] = [];
  const log = openLog("info", { isTTY: true, write: (text) => said.push(text) });
  log.debug("not said");
  const meter = { meter: "anna-grid", code: "meter.timeout", message: "no answer" };
  log.warn(meter, "meter read failed");
  const failure = new Failure("config.invalid", "edge.yaml:1: site: missing\nedge.yaml:6: more", {
    retry: "never",
  });
  log.error({ err: failure }, "the new configuration is not used");
  log.error({ err: new TypeError("ours") }, "readings could not be stored");
  assert.equal(said.length, 3);
  assert.match(
    said[0] ?? "",
    /^\d\d:\d\d:\d\d warn {2}meter read failed: no answer \(meter=anna-grid,\n {15}code=meter.timeout\)\n$/,
  );
  assert.match(said[1] ?? "", /is not used: edge.yaml:1: site: missing\n {15}edge.yaml:6/);
  assert.doesNotMatch(said[1] ?? "", /at .*\.ts/);
  assert.match(said[2] ?? "", /TypeError: ours[\s\S]*log\.test\.ts/);
  for (const line of said.slice(0, 2).join("").split("\n")) assert.ok(line.length <= 80, line);
});
