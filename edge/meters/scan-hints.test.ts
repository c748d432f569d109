import assert from "node:assert/strict";
import { test } from "node:test";
import { noCounts } from "../framing/bus-counters.ts";
import { loadProfiles } from "./profile.ts";
import { lineHints } from "./scan-hints.ts";
import { speedsOf } from "./scan-speeds.ts";

const serial = { serial: true };

test("a line that says nothing is looked for at power, wires and unit ids", () => {
  assert.match(
    lineHints({ ...noCounts(), requests: 10 }, serial)[0] ?? "",
    /power.*A and B.*--units/,
  );
  assert.deepEqual(lineHints({ ...noCounts(), requests: 10 }, { serial: false }), []);
});

test("an echo without an answer clears the adapter, noise without one points at speed and wires", () => {
  assert.match(lineHints({ ...noCounts(), echoes: 10 }, serial)[0] ?? "", /adapter .* works/);
  const noise = lineHints({ ...noCounts(), noiseBytes: 12 }, serial);
  assert.equal(noise.length, 1);
  assert.match(noise[0] ?? "", /12 bytes.*speed.*A and B swapped.*termination/);
});

test("a line that answers cleanly gives no hint", () => {
  assert.deepEqual(lineHints({ ...noCounts(), requests: 90, replies: 80, echoes: 90 }, serial), []);
});

test("a port is tried at what most meters ship with first, and keeps a speed that was named", () => {
  const profiles = [...loadProfiles().values()];
  const speeds = (baud?: number, effort: "quick" | "usual" | "thorough" = "usual") =>
    speedsOf({ kind: "rtu", path: "/dev/x", baud }, profiles, effort).map(({ connection }) =>
      connection.kind === "rtu" ? `${connection.baud} ${connection.parity}` : "",
    );
  assert.equal(speeds()[0], "9600 none");
  assert.equal(speeds(undefined, "quick").length, 3);
  assert.deepEqual(speeds(4800), ["4800 none", "4800 even"]);
  const all = speeds(undefined, "thorough");
  assert.ok(all.includes("38400 even") && new Set(all).size === all.length);
  assert.deepEqual(speedsOf({ kind: "tcp", host: "h", port: 502 }, profiles).length, 1);
});
