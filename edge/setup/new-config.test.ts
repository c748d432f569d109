import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "@busbar/protocol/config";
import fc from "fast-check";
import { parse } from "yaml";
import { configSchema } from "../config/schema.ts";
import { lineDiff } from "./line-diff.ts";
import { newConfigText } from "./new-config.ts";

const meter = { id: "grid", profile: "sml", connection: { kind: "rtu", path: "/dev/ttyUSB0" } };
const config = { site: "demo", device: { id: "unit-1" }, owner: { id: "anna" }, meters: [meter] };

test("a new file says what it was made of, whatever a name or a path looks like", () => {
  const text = fc.string({ minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(text, text, (name, path) => {
      const connection = { kind: "rtu", path };
      const value = {
        ...config,
        owner: { id: "anna", name },
        brokers: [{ url: "mqtts://h", tls: { ca: path } }],
        meters: [
          { ...meter, connection },
          { ...meter, id: "second" },
        ],
        agent: { enabled: true, limits: { bidWhMax: 1000 } },
      };
      assert.deepEqual(parse(newConfigText(value)), value);
    }),
  );
});

test("what it says of the keys left out holds: without the marks it is the same configuration", () => {
  const text = newConfigText(config);
  const [head = "", defaults = ""] = text.split("# What is left out is as in these lines:\n");
  const keys = defaults
    .split("\n")
    .filter((line) => line.startsWith("# "))
    .map((line) => line.slice(2));
  const whole = parseConfig("whole.yaml", `${head}${keys.join("\n")}\n`, configSchema);
  assert.deepEqual(whole, parseConfig("edge.yaml", text, configSchema));
  assert.match(text, /^# retention: \{ days: 40, megabytes: 2048 \}$/m);
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
});

test("a difference is shown with two lines around it", () => {
  const before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
  const after = before.replace("b\n", "").replace("j\n", "j\nk\n");
  assert.deepEqual(lineDiff(before, after), [
    "  a",
    "- b",
    "  c",
    "  d",
    "  …",
    "  i",
    "  j",
    "+ k",
  ]);
  assert.deepEqual(lineDiff(before, before), []);
  assert.deepEqual(lineDiff("", "x\n"), ["+ x"]);
});
