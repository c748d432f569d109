import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { nearest } from "../nearest.ts";
import { describeConfig } from "./describe.ts";
import { ConfigError, parseConfig } from "./load-yaml.ts";

const schema = z.strictObject({
  site: z.string().regex(/^[a-z]+$/, "expected lower-case letters"),
  port: z.int().min(1).max(65_535).default(1883),
  meters: z.array(z.strictObject({ id: z.string(), unit: z.int().min(1).max(247) })).default([]),
});

function problems(text: string): readonly { line: number; message: string }[] {
  try {
    parseConfig("edge.yaml", text, schema);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return assert.fail("expected a ConfigError");
}

test("defaults stand in for what is not said", () => {
  assert.deepEqual(parseConfig("edge.yaml", "site: a\n", schema), {
    site: "a",
    port: 1883,
    meters: [],
  });
});

test("an unknown key is refused at its line, with the nearest known one", () => {
  assert.deepEqual(problems("site: a\n\nprot: 1884\n"), [
    { line: 3, message: "unknown key prot; did you mean port?" },
  ]);
  const deep = "site: a\nmeters:\n  - id: m\n    unit: 1\n  - id: n\n    unit: 2\n    untt: 3\n";
  assert.deepEqual(problems(deep), [
    { line: 7, message: "unknown key meters.1.untt; did you mean unit?" },
  ]);
  assert.match(
    problems("site: a\nzzzzzzz: 1\n")[0]?.message ?? "",
    /known keys: site, port, meters/,
  );
});

test("what is missing, mistyped or too much is said in words, shortly", () => {
  const words = z.strictObject({
    name: z.string(),
    log: z.enum(["debug", "info"]).optional(),
    port: z.int().max(9).optional(),
    function: z.union([z.literal(3), z.literal(4)]).optional(),
    list: z
      .array(z.int())
      .optional()
      .check((context) => {
        if (context.value?.[1] === 7) {
          context.issues.push({ code: "custom", message: "no sevens", input: context.value });
        }
      }),
  });
  const said = (text: string): string => {
    try {
      parseConfig("x.yaml", text, words);
    } catch (error) {
      return (error as Error).message;
    }
    return "fine";
  };
  assert.equal(said("log: info"), "x.yaml:1: name: missing; expected string");
  assert.equal(
    said("name: a\nlog: inof"),
    'x.yaml:2: log: expected one of debug, info, got "inof"; did you mean info?',
  );
  assert.equal(said("name: a\nport: 10"), "x.yaml:2: port: expected at most 9, got 10");
  assert.equal(said("name: [1]"), "x.yaml:1: name: expected string, got [1]");
  assert.equal(said("name: a\nlist: [1, 7]"), "x.yaml:2: list: no sevens");
  assert.ok(said(`name: a\nlist: "${"x".repeat(1e6)}"`).length < 120);
});

test("inside a choice the keys of the branch are known", () => {
  const choice = z.strictObject({
    bus: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("tcp"), port: z.int() }),
      z.strictObject({ kind: z.literal("rtu"), path: z.string() }),
    ]),
  });
  assert.throws(
    () => parseConfig("x.yaml", "bus:\n  kind: rtu\n  path: a\n  pth: b\n", choice),
    /x\.yaml:4: unknown key bus\.pth; did you mean path\?/,
  );
});

test("a schema documents its file", () => {
  const keys = describeConfig(schema);
  assert.deepEqual(
    keys.map(({ path }) => path),
    ["site", "port", "meters", "meters[].id", "meters[].unit"],
  );
  assert.deepEqual(keys[1], { path: "port", type: "integer", default: "1883", help: "" });
});

test("a wrong value is refused at its line, with what was expected and what came", () => {
  const [range] = problems("site: a\nport: 70000\n");
  assert.equal(range?.line, 2);
  assert.match(range?.message ?? "", /port: .*65535.*got 70000/);
  const [type] = problems("site: a\nmeters:\n  - id: m\n    unit: one\n");
  assert.equal(type?.line, 4);
  assert.match(type?.message ?? "", /meters\.0\.unit: .*number.*got "one"/);
  assert.match(problems("port: 1\n")[0]?.message ?? "", /site: /);
});

test("all problems are told at once", () => {
  assert.equal(problems("site: A\nport: 0\nfoo: 1\n").length, 3);
});

test("text that is no YAML is refused at its line", () => {
  assert.equal(problems("site: a\nport: [1\n").length > 0, true);
  const [twice] = problems("site: a\nsite: b\n");
  assert.equal(twice?.line, 2);
});

test("arbitrary text gives a configuration or a ConfigError", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      try {
        parseConfig("edge.yaml", text, schema);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
  );
});

test("the nearest word is near, or there is none", () => {
  assert.equal(nearest("brokr", ["broker", "port"]), "broker");
  assert.equal(nearest("x", ["broker", "port"]), undefined);
});

test("aliases that lead nowhere, in a circle or to far too much are wrong lines, not a crash", () => {
  const tenfold = (name: string, of: string) => `${name}: &${name} [${`*${of},`.repeat(10)}]`;
  const many = [
    "a: &a [1, 1]",
    tenfold("b", "a"),
    tenfold("c", "b"),
    tenfold("d", "c"),
    tenfold("e", "d"),
  ];
  for (const text of ["a: 1\nb: *x", "a: 1\nb: &b [*b]", many.join("\n")]) {
    assert.throws(() => parseConfig("f.yaml", text, z.strictObject({ a: z.int() })), {
      code: "config.invalid",
      message: /^f\.yaml:2: an alias cannot be used/,
    });
  }
});
