import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { startingFlow, type UnitConfig } from "../generate/starting-flow.ts";
import type { Red } from "../nodes/link/red.ts";
import { addCheckEndpoint } from "../nodes/site/check-endpoint.ts";
import { hardCases } from "./cases/hard.ts";
import {
  code,
  debug,
  meter,
  type Part,
  quote,
  sign,
  site,
  tab,
  tick,
  unit,
} from "./cases/parts.ts";
import { readingCases } from "./cases/readings.ts";
import { secretCases } from "./cases/secrets.ts";
import { unitCases } from "./cases/units.ts";
import { wayCases } from "./cases/ways.ts";
import { wiringCases } from "./cases/wiring.ts";
import { checkFlow } from "./check.ts";
import { checkCodes, type Finding } from "./finding.ts";
import { readBody, readJsonata } from "./script/read.ts";
import { partOf, select } from "./script/value.ts";

const cases = [...unitCases, ...wayCases, ...readingCases, ...wiringCases, ...secretCases];

const found = (nodes: readonly Part[], environment = {}) =>
  checkFlow([tab, site, debug, tick, ...nodes], environment);

for (const { code: expected, what, wrong, right } of cases) {
  test(`${expected}: ${what}`, () => {
    const findings = found(wrong);
    const one = findings.find((finding) => finding.code === expected);
    assert.ok(one !== undefined, JSON.stringify(findings));
    assert.ok(one.remedy.length > 10 && one.message.length > 20);
    assert.ok(one.nodes.every(({ id, name }) => id !== "" && name !== ""));
    assert.ok(!/hunter2|AAECAwQF/.test(JSON.stringify(findings)), "a secret is never repeated");
    const firstWarning = findings.findIndex(({ severity }) => severity === "warning");
    const behind = firstWarning < 0 ? [] : findings.slice(firstWarning);
    assert.ok(behind.every(({ severity }) => severity === "warning"));
    assert.deepEqual(found(right), [], "the right flow beside it is without a finding");
  });
}

for (const [what, nodes] of Object.entries(hardCases)) {
  test(`hard to see, ${what}`, () => {
    const [expected] = what.split(": ");
    assert.ok(found(nodes).some((one) => one.code === expected));
  });
}

test("every code has a wrong flow", () => {
  const told = [...new Set(cases.map((one) => one.code))].sort();
  assert.deepEqual(told, Object.keys(checkCodes).sort());
});

test("a value that the environment holds is looked at where it is known", () => {
  const variable = ["$", "{", "HOST", "}"].join("");
  const flow = [
    meter("a", { place: `tcp://10.0.0.7` }),
    { ...meter("b"), place: variable },
    { ...site, id: "two", broker: variable, identity: "other" },
  ];
  assert.deepEqual(found(flow), []);
  assert.deepEqual(
    found(flow, { HOST: "tcp://10.0.0.7:502" }).map((one) => one.code),
    ["duplicate.meter"],
  );
  const hours = [
    unit("power", "fn"),
    code('msg.payload = msg.payload / 1000 * env.get("HOURS"); return msg;'),
    quote(),
  ];
  assert.deepEqual(found(hours, { HOURS: "0.5" }), []);
  assert.deepEqual(
    ["24", "many", undefined].map((HOURS) => found(hours, { HOURS }).map((one) => one.code)),
    [["unit.factor"], ["unit.unknown"], ["unit.unknown"]],
  );
});

test("in the editor a webhook's key counts where it was entered or deployed, and is never told", async () => {
  const strong = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
  const stored: Readonly<Record<string, string>> = { good: strong, weak: "whsec_c2hvcnQ=" };
  const handlers: Parameters<Red["httpAdmin"]["post"]>[1][] = [];
  addCheckEndpoint({
    auth: { needsPermission: () => () => {} },
    httpAdmin: { post: (_path: string, ...given: typeof handlers) => handlers.push(...given) },
    nodes: { getCredentials: (id: string) => (id in stored ? { secret: stored[id] } : undefined) },
  } as unknown as Red);
  const webhook = (id: string, more = {}) => ({
    ...{ id, type: "busbar-notice", z: "tab", name: id, site: "", push: "webhook", wires: [[]] },
    ...{ url: "https://hooks.example.org/a", ...more },
  });
  const nodes = [
    tab,
    { ...tick, wires: [["good", "weak", "none", "entered", "poor"]] },
    webhook("good"),
    webhook("weak"),
    webhook("none"),
    webhook("entered", { credentials: { has_secret: true, weak_secret: false } }),
    webhook("poor", { credentials: { has_secret: true, weak_secret: true } }),
  ];
  const answer = await new Promise((end) => {
    const response = { on: () => {}, writeHead: () => {}, end };
    handlers.at(-1)?.({ body: { nodes } } as never, response as never, () => {});
  });
  const { findings } = JSON.parse(String(answer)) as { findings: readonly Finding[] };
  assert.deepEqual(
    findings.map((one) => [one.code, one.nodes[0]?.id]),
    ["weak", "none", "poor"].map((id) => ["push.key", id]),
  );
  assert.ok(!String(answer).includes("whsec_c2"));
});

test("every example, and every flow that is generated, is without a finding", () => {
  const folder = join(import.meta.dirname, "..", "examples");
  const files = globSync("**/*.json", { cwd: folder });
  assert.ok(files.length >= 9);
  for (const file of files) {
    const flow: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"));
    assert.deepEqual(checkFlow(flow), [], file);
  }
  for (const meters of [[], ["roof"], ["house", "roof"]]) {
    const flow = startingFlow({
      site: "demo",
      owner: { id: "house", key: "/etc/busbar/house.json" },
      device: { id: "unit-1" },
      brokers: [{ url: "mqtt://127.0.0.1:1883", id: "agg-1" }],
      meters: meters.map((id) => ({ id, role: "connection", profile: "eastron-sdm630" })),
      agent: { enabled: true },
    } as unknown as UnitConfig);
    assert.deepEqual(checkFlow(flow), [], meters.join());
  }
});

const environment = () => undefined;

/** What a function's body, or an expression, makes of the payload. */
function factorOf(func: string): readonly (readonly [path: string, factor: number])[] {
  const done = readBody(func, environment);
  assert.ok(done !== undefined, func);
  return done.sent.flatMap((sent) => {
    const value = select(sent, ["payload"]);
    if (value.kind === "fixed") return [];
    return value.kind === "amount"
      ? value.terms.map(({ part, factor }) => [part.keys.join("/"), factor] as const)
      : [[value.kind, 0] as const];
  });
}

test("what a function makes of a payload is read where it can be, and never guessed", () => {
  for (const [func, ...expected] of [
    ["return msg;", ["payload", 1]],
    ["return { payload: -msg.payload / 1000 };", ["payload", -0.001]],
    ["return { payload: (msg.payload.a + msg.payload.a) * -2 };", ["payload/a", -4]],
    [
      'const v = msg.payload["values"]; return { payload: v["1-0:1.8.0"] };',
      ["payload/values/1-0:1.8.0", 1],
    ],
    ["let x = 1; x *= msg.payload; return { ...msg, payload: +x.toFixed(2) };", ["payload", 1]],
    ["const { a = 3, ...b } = msg.payload; return { payload: a };", ["payload/a", 1]],
    ["return Object.assign({}, msg, { payload: msg.x });", ["x", 1]],
    ["return Object.assign(msg, { topic: 1 });", ["payload", 1]],
    [
      "const m = RED.util.cloneMessage(msg); m.payload = m.payload / 2; return m;",
      ["payload", 0.5],
    ],
    ["const p = msg.payload; p.x = p.y; return { payload: msg.payload.x };", ["payload/y", 1]],
    [`return { payload: \`${"$"}{msg.payload}\` };`, ["payload", 1]],
    ["return { payload: msg.payload - msg.payload };"],
    ["return { payload: 5 };"],
    ["return null;"],
    ["return { payload: msg.payload * msg.payload };", ["unknown", 0]],
    ["return { payload: 1 / msg.payload };", ["unknown", 0]],
    ["return { payload: msg.payload / 0 };", ["unknown", 0]],
    ["return { payload: plan(msg.payload) };", ["unknown", 0]],
    [`return { payload: \`${"$"}{msg.payload} W\` };`, ["unknown", 0]],
    ["let s = 0; for (const x of msg.payload) s += x; return { payload: s };", ["unknown", 0]],
    ["let s = msg.payload; [1].forEach(() => { s = 7; }); return { payload: s };", ["unknown", 0]],
    ["const f = (n) => f(n); return { payload: f(msg.payload) };", ["unknown", 0]],
    ["msg[msg.topic] = 1; return msg;", ["unknown", 0]],
  ] as const) {
    assert.deepEqual(factorOf(func), expected, func);
  }
  const message = partOf("msg", []);
  for (const text of ["", "payload)", "$sum(payload)", "payload & 'x'", "a ? b :"]) {
    assert.equal(readJsonata(text, environment, message).kind, "unknown", text);
  }
  assert.deepEqual(
    readJsonata('payload.values."1-0:1.8.0"', environment, message),
    partOf("msg", ["payload", "values", "1-0:1.8.0"]),
  );
});

test("no body makes the reader fail or run on", () => {
  for (const func of [
    "return {",
    "(".repeat(50_000),
    `return { payload: ${"-".repeat(0)}${"(".repeat(3_000)}msg.payload${")".repeat(3_000)} };`,
    `return { payload: msg.payload${" + 1".repeat(20_000)} };`,
    "if (msg.a) {".repeat(500) + "}".repeat(500),
    "x => ".repeat(2_000),
    "const f = () => { f(); f(); f(); f(); f(); f(); f(); f(); }; f(); return msg;",
    `${"if (msg.a) msg.payload += 1; else msg.payload -= 2;\n".repeat(1_000)}return msg;`,
    "a".repeat(200_000),
  ]) {
    readBody(func, environment);
    readJsonata(func, environment, partOf("msg", []));
    found([unit("power", "fn"), code(func), quote()]);
  }
  const words = fc.constantFrom(
    ...[
      "msg",
      ".payload",
      "[0]",
      "(",
      ")",
      "{",
      "}",
      "-",
      "*",
      "=",
      "const x",
      "x",
      ";",
      "2",
      "=>",
    ],
    ...[
      "return",
      "if",
      "else",
      "node.send",
      "flow.set('a',",
      "flow.get('a')",
      "...",
      ",",
      "?",
      ":",
    ],
  );
  fc.assert(
    fc.property(fc.array(words), (list) => {
      const text = list.join(" ");
      found([unit("power", "fn"), code(text), quote({ kwh: text }), meter("a", { place: text })]);
    }),
  );
  // Functions that feed each other come to an end.
  const ring = (id: string, to: string) => ({ ...code("msg.payload /= 2; return msg;", to), id });
  found([
    unit("power", "a"),
    ring("a", "b"),
    { ...ring("b", "a"), wires: [["a", "quote"]] },
    quote(),
  ]);
  const round = {
    id: "s",
    type: "subflow",
    in: [{ wires: [{ id: "i" }] }],
    out: [{ wires: [{ id: "i", port: 0 }] }],
  };
  found([
    round,
    { id: "i", type: "subflow:s", z: "s", wires: [["i", "quote"]] },
    quote({ z: "s" }),
  ]);
});

test("what is no flow is refused, and no flow makes the check throw anything else", () => {
  const refused = { code: "flows.flow-file" };
  for (const value of [undefined, null, {}, [1], [{}], [{ id: "a", type: "b", wires: [1] }]]) {
    assert.throws(() => checkFlow(value), refused);
  }
  const types = [
    ...[
      "busbar-quote",
      "busbar-site",
      "busbar-meter",
      "busbar-unit",
      "busbar-sign",
      "busbar-order",
    ],
    ...[
      "busbar-notice",
      "function",
      "mqtt out",
      "mqtt-broker",
      "change",
      "tab",
      "link call",
      "link in",
    ],
    ...["link out", "subflow", "subflow:a", "subflow:b", "template", "trigger", "inject", "catch"],
  ];
  const any = fc.record({
    id: fc.constantFrom("a", "b", "c"),
    type: fc.constantFrom(...types),
    wires: fc.array(fc.array(fc.constantFrom("a", "b", "c", "d"))),
    links: fc.oneof(fc.jsonValue(), fc.constant(["a", "b"])),
    mode: fc.constantFrom("return", "link"),
    in: fc.oneof(fc.jsonValue(), fc.constant([{ wires: [{ id: "a" }] }])),
    out: fc.oneof(fc.jsonValue(), fc.constant([{ wires: [{ id: "b", port: 0 }] }])),
    func: fc.oneof(fc.jsonValue(), fc.constant("return msg;")),
    rules: fc.jsonValue(),
    props: fc.jsonValue(),
    env: fc.jsonValue(),
    credentials: fc.jsonValue(),
    scope: fc.oneof(fc.jsonValue(), fc.constant(["a"])),
    kwh: fc.jsonValue(),
    kwhType: fc.constantFrom("msg", "flow", 1, null),
    z: fc.constantFrom("t", "a", undefined),
  });
  fc.assert(fc.property(fc.array(any), (flow) => void checkFlow(flow)));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        checkFlow(value);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "flows.flow-file");
      }
    }),
  );
});

test("a large flow is looked at in no time that a person would notice", () => {
  const nodes = Array.from({ length: 300 }, (_, i) => ({
    ...code("msg.payload = msg.payload / 4000; return msg;", "quote"),
    id: `fn-${i}`,
  }));
  const units = nodes.map(({ id }, i) => ({ ...unit("power", String(id)), id: `unit-${i}` }));
  const signs = [sign(), meter("a", { wires: [["sign"]] })];
  assert.deepEqual(found([...nodes, ...units, quote(), ...signs]), []);
  // What no person drew is refused before it holds up whoever shares the process.
  const tangle = Array.from({ length: 3_000 }, (_, i) =>
    sign(`sign-${i}`, { device: `dev-${i}`, keyFile: `dev-${i}.json`, wires: [[`sign-${i + 1}`]] }),
  );
  assert.throws(() => found(tangle), { code: "flows.flow-file", message: /more ways/ });
});
