import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { checkFlow } from "./check.ts";
import { type CheckCode, checkCodes } from "./finding.ts";
import { linearIn } from "./linear.ts";

const tab = { id: "tab", type: "tab", label: "Sheet" };
const site = {
  id: "site",
  type: "busbar-site",
  broker: "mqtt://127.0.0.1:1883",
  site: "demo",
  identity: "house",
  connection: "flows",
  portal: "http://127.0.0.1:8080",
};
const debug = { id: "debug", type: "debug", z: "tab", wires: [] };
const tick = { id: "tick", type: "inject", z: "tab", wires: [["debug"]] };
const node = (id: string, type: string, to: string, rest: object = {}) => ({
  id,
  type,
  z: "tab",
  name: id,
  site: "site",
  wires: [[to]],
  ...rest,
});
const unit = (outputType: string, to = "quote", rest = {}) =>
  node("unit", "busbar-unit", to, { device: "unit-1", meter: "m-1", outputType, ...rest });
const meter = (id: string, rest = {}) =>
  node(id, "busbar-meter", "debug", {
    place: "/dev/ttyUSB0",
    profile: "eastron-sdm630",
    unit: "1",
    every: "5",
    meter: id,
    ...rest,
  });
const quote = (rest = {}) =>
  node("quote", "busbar-quote", "debug", {
    side: "sign",
    sideType: "str",
    kwh: "payload",
    kwhType: "msg",
    ...rest,
  });
const sign = (id = "sign", rest = {}) =>
  node(id, "busbar-sign", "debug", { device: "unit-1", keyFile: "unit-1.json", ...rest });
const code = (func: string, to = "quote", rest = {}) =>
  node("fn", "function", to, { func, ...rest });

function found(...nodes: readonly object[]): CheckCode[] {
  return checkFlow([tab, site, debug, tick, ...nodes]).map((finding) => finding.code);
}

/** Each class of wrong wiring, with the code that tells it. */
const wrong: readonly (readonly [CheckCode, string, readonly object[]])[] = [
  ["unit.wrong", "W into a quote's kWh", [unit("power"), quote()]],
  [
    "unit.wrong",
    "W through a switch into a quote",
    [unit("power", "sw"), node("sw", "switch", "quote"), quote()],
  ],
  ["unit.wrong", "a whole reading into a quote", [unit("reading"), quote()]],
  [
    "unit.wrong",
    "an OBIS code of power into a quote",
    [unit("obis", "quote", { output: "1-0:16.7.0" }), quote()],
  ],
  [
    "unit.kilowatts",
    "W / 1000 into a quote",
    [unit("power", "fn"), code("msg.payload = msg.payload / 1000;\nreturn msg;"), quote()],
  ],
  ["unit.register", "a register's total into a quote", [unit("export"), quote({ side: "ask" })]],
  [
    "unit.price",
    "a price into a quote's energy",
    [node("price", "busbar-price", "quote", { price: "clearing" }), quote()],
  ],
  ["unit.not-a-reading", "one number into a sign node", [unit("power", "sign"), sign()]],
  ["direction.one-way", "a register decides between buying and selling", [unit("export"), quote()]],
  [
    "unit.wrong",
    "a quote takes a reading's power for kWh",
    [unit("reading"), quote({ kwh: "payload.power" })],
  ],
  [
    "unit.wrong",
    "a change node picks the power of a reading",
    [
      unit("reading", "ch"),
      node("ch", "change", "quote", {
        rules: [{ t: "set", p: "payload", pt: "msg", to: "payload.power", tot: "msg" }],
      }),
      quote(),
    ],
  ],
  [
    "unit.kilowatts",
    "a change node divides by 1000 (JSONata)",
    [
      unit("power", "ch"),
      node("ch", "change", "quote", {
        rules: [{ t: "set", p: "payload", pt: "msg", to: "payload / 1000", tot: "jsonata" }],
      }),
      quote(),
    ],
  ],
  [
    "unit.kilowatts",
    "a range node divides by 1000",
    [
      unit("power", "r"),
      node("r", "range", "quote", { minin: "0", maxin: "1000", minout: "0", maxout: "1" }),
      quote(),
    ],
  ],
  [
    "unit.register",
    "a register picked by its code",
    [unit("reading"), quote({ kwh: 'payload.values["1-0:2.8.0"]', side: "ask" })],
  ],
  [
    "direction.turned",
    "a function turns the sign",
    [unit("power", "fn"), code("msg.payload = -msg.payload / 1000 * 0.25;\nreturn msg;"), quote()],
  ],
  [
    "direction.turned",
    "two functions, of which one turns the sign",
    [
      unit("power", "fn"),
      code("msg.payload *= -1; return msg;", "fn2"),
      { ...code("return { ...msg, payload: msg.payload * 0.25 / 1000 };"), id: "fn2" },
      quote(),
    ],
  ],
  [
    "direction.wrong-side",
    "what is drawn is sold as power times hours",
    [
      unit("power", "fn"),
      code("msg.payload = msg.payload * 0.25 / 1000; return msg;"),
      quote({ side: "ask" }),
    ],
  ],
  [
    "direction.wrong-side",
    "a surplus is asked for",
    [
      unit("power", "fn"),
      code("msg.payload = -msg.payload * 0.25 / 1000; return msg;"),
      quote({ side: "bid" }),
    ],
  ],
  ["direction.wrong-side", "drawn energy is sold", [unit("import"), quote({ side: "ask" })]],
  [
    "direction.swapped",
    "a function swaps import and export",
    [
      unit("reading", "fn"),
      code(
        "msg.payload = { importWh: msg.payload.exportWh, exportWh: msg.payload.importWh };\nreturn msg;",
        "sign",
      ),
      sign(),
    ],
  ],
  [
    "direction.swapped",
    "a change node swaps codes",
    [
      unit("reading", "ch"),
      node("ch", "change", "sign", {
        rules: [{ t: "set", p: "payload.importWh", to: "payload.values.1-0:2.8.0", tot: "msg" }],
      }),
      sign(),
    ],
  ],
  ["duplicate.meter", "one meter under two names", [meter("a"), meter("b")]],
  [
    "duplicate.meter",
    "two meters under one name",
    [meter("a"), { ...meter("a"), id: "b", unit: "2" }],
  ],
  [
    "duplicate.meter",
    "a meter signed twice",
    [
      meter("a", { wires: [["sign", "other"]] }),
      sign(),
      sign("other", { device: "unit-2", keyFile: "unit-2.json" }),
    ],
  ],
  [
    "duplicate.bus-settings",
    "one line at two speeds",
    [meter("a", { baud: "9600" }), meter("b", { unit: "2", baud: "2400" })],
  ],
  [
    "duplicate.device",
    "two nodes sign as one device",
    [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { unit: "2", wires: [["other"]] }),
      sign("other"),
    ],
  ],
  [
    "duplicate.device",
    "one key under two devices",
    [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { unit: "2", wires: [["other"]] }),
      sign("other", { device: "unit-2" }),
    ],
  ],
  ["duplicate.client", "two sites with one client id", [{ ...site, id: "site-2" }]],
  [
    "duplicate.client",
    "two MQTT brokers with one client id",
    ["x", "y"].map((id) => ({ id, type: "mqtt-broker", broker: "10.0.0.1", clientid: "me" })),
  ],
  [
    "path.unsigned",
    "a reading by Node-RED's MQTT node",
    [
      meter("a", { wires: [["out"]] }),
      { id: "b", type: "mqtt-broker", broker: "127.0.0.1", port: "1883" },
      node("out", "mqtt out", "debug", { broker: "b", topic: "readings", wires: [] }),
    ],
  ],
  [
    "path.unsigned",
    "Busbar's topics by Node-RED's MQTT node",
    [
      meter("a", { wires: [["out"]] }),
      node("out", "mqtt out", "debug", {
        broker: "",
        topic: "busbar/v1/demo/unit-1/readings",
        wires: [],
      }),
    ],
  ],
  [
    "path.plain-text",
    "plain text to another machine",
    [{ ...site, id: "far", broker: "mqtt://10.0.0.9:1883", connection: "far" }],
  ],
  ["graph.unreachable", "a quote that is told nothing", [quote()]],
  ["graph.unreachable", "a function that nothing reaches", [code("return msg;", "debug")]],
  ["graph.unreachable", "a meter that nobody asks", [meter("a", { every: "0" })]],
  ["graph.dangling", "a meter whose readings go nowhere", [meter("a", { wires: [[]] })]],
  ["graph.missing", "a wire to nowhere", [unit("power", "gone")]],
  [
    "graph.missing",
    "a wire to a node that is switched off",
    [unit("power", "fn"), code("return msg;", "debug", { d: true })],
  ],
  [
    "secret.plain",
    "a key in a function",
    [
      unit("power", "fn"),
      code('const key = {"seed":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"};', "debug"),
    ],
  ],
  [
    "secret.plain",
    "a password in an address",
    [{ ...site, broker: "mqtts://house:hunter2@127.0.0.1" }],
  ],
  [
    "secret.plain",
    "a token in a sheet's variables",
    [{ ...tab, id: "tab-2", env: [{ name: "PUSH_TOKEN", value: "abc", type: "str" }] }],
  ],
  ["site.missing", "a node without a site", [unit("power", "debug", { site: "" })]],
  ["site.missing", "a node whose site was taken away", [unit("power", "debug", { site: "gone" })]],
  ["site.incomplete", "a site without an identity", [{ ...site, id: "half", identity: "" }]],
  [
    "site.incomplete",
    "a ledger node without a portal",
    [
      { ...site, id: "dumb", connection: "dumb", portal: "" },
      node("i", "inject", "l"),
      node("l", "busbar-ledger", "debug", { site: "dumb" }),
    ],
  ],
];

for (const [expected, what, nodes] of wrong) {
  test(`${expected}: ${what}`, () => assert.ok(found(...nodes).includes(expected)));
}

test("every code is found by one of these, and every finding says what to do", () => {
  assert.deepEqual(
    [...new Set(wrong.map(([expected]) => expected))].sort(),
    Object.keys(checkCodes).sort(),
  );
  for (const [expected, , nodes] of wrong) {
    const all = checkFlow([tab, site, debug, tick, ...nodes]);
    const one = all.find((finding) => finding.code === expected);
    assert.ok(one !== undefined && one.remedy.length > 20 && one.message.length > 20);
    assert.ok(one.nodes.every(({ id, name }) => id !== "" && name !== ""));
    assert.ok(!JSON.stringify(all).includes("hunter2"), "a secret is never repeated");
    const firstWarning = all.findIndex(({ severity }) => severity === "warning");
    assert.ok(
      firstWarning < 0 || all.slice(firstWarning).every(({ severity }) => severity === "warning"),
    );
  }
});

test("what is right is not complained of", () => {
  for (const nodes of [
    [unit("power", "fn"), code("msg.payload = (msg.payload / 1000) * 0.25;\nreturn msg;"), quote()],
    [unit("power", "fn"), code("const kwh = plan(msg);\nreturn { payload: kwh };"), quote()],
    [
      unit("power", "fn"),
      code("msg.payload = -(msg.payload * 0.25) / 1000;\nreturn msg;"),
      quote({ side: "ask" }),
    ],
    [unit("power", "fn"), code("msg.payload = msg.payload + 1; return msg;"), quote()],
    [meter("a", { outputType: "power", wires: [["sign"]] }), sign()],
    [meter("a", { wires: [["sign"]] }), meter("b", { unit: "2", wires: [["sign"]] }), sign()],
    [
      unit("reading", "fn"),
      code("msg.payload = { importWh: msg.payload.importWh };\nreturn msg;", "sign"),
      sign(),
    ],
    [{ ...site, id: "second", connection: "kitchen" }],
    [node("n", "busbar-notice", "debug", { site: "", wires: [[]] })],
    [
      { ...tab, id: "off", disabled: true },
      { ...unit("power"), z: "off" },
    ],
    [{ ...tab, id: "v", env: [{ name: "TOKEN", value: ["$", "{TOKEN}"].join(""), type: "env" }] }],
  ]) {
    assert.deepEqual(
      found(...nodes).filter((code) => code !== "path.plain-text"),
      [],
    );
  }
});

test("a factor is found where there is one, and nothing makes the reader of expressions fail", () => {
  for (const [text, path, factor] of [
    ["msg.payload", "", 1],
    ["- msg.payload / 1000", "", -0.001],
    ["(msg.payload.power + msg.payload.power) * -2", "power", -4],
    ['payload.values["1-0:1.8.0"] / 1e3', "values.1-0:1.8.0", 0.001],
    ["0.25 * (payload / (2 * 500))", "", 0.000_25],
  ] as const) {
    const found = linearIn(text);
    assert.equal(found?.path, path, text);
    assert.ok(Math.abs((found?.factor ?? 0) - factor) < 1e-15, text);
  }
  for (const text of [
    "",
    "5",
    "msg.payload + 1",
    "msg.payload * msg.payload",
    "1 / msg.payload",
    "msg.payload / 0",
    "msg.payload.a + msg.payload.b",
    "(msg.payload",
    "msg.payload)",
    "plan(msg.payload)",
    "msg.payload - msg.payload",
    "(".repeat(10_000),
  ]) {
    assert.equal(linearIn(text), undefined, text);
  }
  const words = fc.constantFrom("msg.payload", "payload.x", "(", ")", "-", "*", "/", "+", "2", "?");
  fc.assert(fc.property(fc.array(words), (list) => void linearIn(list.join(" "))));
  // Functions that feed each other come to an end.
  const ring = (id: string, to: string) => ({
    ...code("msg.payload /= 2; return msg;", to),
    id,
  });
  found(
    unit("power", "a"),
    ring("a", "b"),
    { ...ring("b", "a"), wires: [["a", "quote"]] },
    quote(),
  );
});

test("every example is without a finding", () => {
  const folder = join(import.meta.dirname, "..", "examples");
  const files = globSync("**/*.json", { cwd: folder });
  assert.ok(files.length >= 9);
  for (const file of files) {
    const flow: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"));
    assert.deepEqual(checkFlow(flow), [], file);
  }
});

test("what is no flow is refused, and no flow makes the check throw anything else", () => {
  const refused = { code: "flows.flow-file" };
  for (const value of [undefined, null, {}, [1], [{}], [{ id: "a", type: "b", wires: [1] }]]) {
    assert.throws(() => checkFlow(value), refused);
  }
  const types = [
    "busbar-quote",
    "busbar-site",
    "busbar-meter",
    "function",
    "mqtt out",
    "change",
    "tab",
  ];
  const any = fc.record({
    id: fc.constantFrom("a", "b", "c"),
    type: fc.constantFrom(...types),
    wires: fc.array(fc.array(fc.constantFrom("a", "b", "c", "d"))),
    func: fc.jsonValue(),
    rules: fc.jsonValue(),
    env: fc.jsonValue(),
    kwhType: fc.constantFrom("msg", 1, null),
    z: fc.constantFrom("t", undefined),
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
