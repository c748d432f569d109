import { type Case, change, code, node, type Part, quote, unit } from "./parts.ts";

const kwh = (func: string, ...more: readonly Part[]): readonly Part[] => [
  unit("power", "fn"),
  code(func),
  quote(),
  ...more,
];
const right = kwh("msg.payload = msg.payload * 0.25 / 1000;\nreturn msg;");
const subflow = (func: string, out = "inner"): readonly Part[] => [
  {
    id: "sub",
    type: "subflow",
    name: "kWh",
    in: [{ wires: [{ id: "inner" }] }],
    out: [{ wires: [{ id: out, port: 0 }] }],
  },
  { id: "inner", type: "function", z: "sub", name: "inner", func, wires: [[]] },
  node("instance", "subflow:sub", "quote"),
];
const called = (func: string): readonly Part[] => [
  unit("power", "call"),
  node("call", "link call", "quote", { links: ["in"], linkType: "static" }),
  node("in", "link in", "fn"),
  code(func, "back"),
  node("back", "link out", "", { mode: "return", links: [], wires: [] }),
  quote(),
];
const linked = (func: string): readonly Part[] => [
  unit("power", "leave"),
  node("leave", "link out", "", { mode: "link", links: ["come"], wires: [] }),
  node("come", "link in", "fn"),
  code(func),
  quote(),
];
const through = (type: string, rest: object = {}): readonly Part[] => [
  unit("power", "between"),
  node("between", type, "quote", rest),
  quote(),
];

/** Power that comes to a quote by ways on which it is easily lost sight of. */
export const wayCases: readonly Case[] = [
  {
    code: "unit.wrong",
    what: "a constant first: const kw = …; return",
    wrong: kwh("const kw = msg.payload;\nconst plan = { payload: kw };\nreturn plan;"),
    right: kwh(
      "const kw = msg.payload / 1000;\nconst plan = { payload: kw * 0.25 };\nreturn plan;",
    ),
  },
  {
    code: "unit.wrong",
    what: "rounded W",
    wrong: kwh("msg.payload = Math.round(msg.payload); return msg;"),
    right: kwh("msg.payload = Math.round(msg.payload / 4) / 1000; return msg;"),
  },
  {
    code: "unit.wrong",
    what: "W by another name of the message",
    wrong: [
      unit("power", "fn"),
      code("msg.energy = msg.payload; return msg;"),
      quote({ kwh: "energy" }),
    ],
    right: [
      unit("power", "fn"),
      code("msg.energy = msg.payload * 0.25 / 1000; return msg;"),
      quote({ kwh: "energy" }),
    ],
  },
  {
    code: "unit.wrong",
    what: "W in one branch of a function",
    wrong: kwh("if (msg.payload < 0) msg.payload = msg.payload / 4000; return msg;"),
    right: kwh("if (msg.payload < 0) { return { payload: msg.payload / 4000 }; } return null;"),
  },
  {
    code: "unit.wrong",
    what: "W by a function within the function",
    wrong: kwh("const half = (x) => x / 2;\nreturn { payload: half(msg.payload) };"),
    right: kwh("const kwh = (w, h) => (w * h) / 1000;\nreturn { payload: kwh(msg.payload, 0.5) };"),
  },
  {
    code: "unit.wrong",
    what: "W by node.send, later",
    wrong: kwh("setTimeout(() => node.send({ payload: msg.payload }), 1000);"),
    right: kwh("setTimeout(() => node.send({ payload: msg.payload * 0.25 / 1000 }), 1000);"),
  },
  {
    code: "unit.wrong",
    what: "W by a function's second output",
    wrong: [
      unit("power", "fn"),
      code("return [{ payload: msg.payload / 4000 }, { payload: msg.payload }];", "debug", {
        wires: [["debug"], ["quote"]],
      }),
      quote(),
    ],
    right: [
      unit("power", "fn"),
      code("return [{ payload: msg.payload / 4000 }, { payload: msg.payload }];", "quote", {
        wires: [["quote"], ["debug"]],
      }),
      quote(),
    ],
  },
  {
    code: "unit.wrong",
    what: "W with something added",
    wrong: kwh("msg.payload = msg.payload + 100; return msg;"),
    right: kwh("msg.payload = (msg.payload + 100) / 4000; return msg;"),
  },
  {
    code: "unit.wrong",
    what: "W through a trigger",
    wrong: through("trigger", { op1type: "pay", op2type: "nul" }),
    right: [
      unit("power", "between"),
      node("between", "trigger", "quote", { op1: "2", op1type: "num", op2type: "nul" }),
      quote(),
    ],
  },
  {
    code: "unit.wrong",
    what: "W through a template that is one field",
    wrong: through("template", { template: "{{payload}}", field: "payload", fieldType: "msg" }),
    right: [
      unit("power", "fn"),
      code("msg.payload /= 4000; return msg;", "t"),
      node("t", "template", "quote", {
        template: "{{payload}}",
        field: "payload",
        fieldType: "msg",
      }),
      quote(),
    ],
  },
  {
    code: "unit.wrong",
    what: "W out of a subflow",
    wrong: [
      unit("power", "instance"),
      ...subflow("msg.payload = Math.round(msg.payload); return msg;"),
      quote(),
    ],
    right: [unit("power", "instance"), ...subflow("msg.payload /= 4000; return msg;"), quote()],
  },
  {
    code: "unit.wrong",
    what: "W into a subflow that quotes",
    wrong: [
      unit("power", "instance"),
      { id: "sub", type: "subflow", name: "s", in: [{ wires: [{ id: "quote" }] }], out: [] },
      node("instance", "subflow:sub", "", { wires: [] }),
      { ...quote({ wires: [[]] }), z: "sub" },
    ],
    right: [
      unit("power", "fn"),
      code("msg.payload /= 4000; return msg;", "instance"),
      { id: "sub", type: "subflow", name: "s", in: [{ wires: [{ id: "quote" }] }], out: [] },
      node("instance", "subflow:sub", "", { wires: [] }),
      { ...quote({ wires: [[]] }), z: "sub" },
    ],
  },
  {
    code: "unit.kilowatts",
    what: "kW by links",
    wrong: linked("msg.payload /= 1000; return msg;"),
    right: linked("msg.payload /= 4000; return msg;"),
  },
  {
    code: "unit.kilowatts",
    what: "kW by a link call",
    wrong: called("msg.payload /= 1000; return msg;"),
    right: called("msg.payload /= 4000; return msg;"),
  },
  {
    code: "unit.wrong",
    what: "W by the flow's memory",
    wrong: [
      unit("power", "fn"),
      code('flow.set("now", msg.payload); return null;', "debug"),
      node("every", "inject", "plan"),
      node("plan", "function", "quote", { func: 'return { payload: flow.get("now") };' }),
      quote(),
    ],
    right: [
      unit("power", "fn"),
      code('flow.set("now", msg.payload); return null;', "debug"),
      node("every", "inject", "plan"),
      node("plan", "function", "quote", { func: 'return { payload: flow.get("now") / 4000 };' }),
      quote(),
    ],
  },
  {
    code: "unit.wrong",
    what: "the quote takes W from the flow's memory",
    wrong: [
      unit("power", "ch"),
      change("debug", { t: "set", p: "now", pt: "flow", to: "payload", tot: "msg" }),
      node("every", "inject", "quote"),
      quote({ kwh: "now", kwhType: "flow" }),
    ],
    right: [
      unit("power", "ch"),
      change("debug", { t: "set", p: "now", pt: "flow", to: "payload / 4000", tot: "jsonata" }),
      node("every", "inject", "quote"),
      quote({ kwh: "now", kwhType: "flow" }),
    ],
  },
  {
    code: "unit.unknown",
    what: "a function that nobody can read",
    wrong: kwh("const kwh = plan(msg);\nreturn { payload: kwh };"),
    right: kwh("// unit: kWh\nconst kwh = plan(msg);\nreturn { payload: kwh };"),
  },
  {
    code: "unit.wrong",
    what: "a function says that it gives Wh",
    wrong: kwh("// unit: Wh\nreturn { payload: plan(msg) };"),
    right: kwh("/* of the slot; 单位：kWh */\nreturn { payload: plan(msg) };"),
  },
  {
    code: "unit.unknown",
    what: "W through a join",
    wrong: through("join", { mode: "custom" }),
    right: through("join", { mode: "custom", info: "The sum of the slot. unit: kWh" }),
  },
  {
    code: "unit.unknown",
    what: "a node of another palette",
    wrong: through("smooth"),
    right: [unit("power", "fn"), ...right.slice(1), node("s", "smooth", "debug")],
  },
  {
    code: "unit.unknown",
    what: "a running mean of W",
    wrong: kwh(
      'const mean = 0.9 * (context.get("mean") ?? msg.payload) + 0.1 * msg.payload;\ncontext.set("mean", mean);\nmsg.payload = context.get("mean");\nreturn msg;',
    ),
    right: kwh(
      '// unit: kWh\nconst mean = 0.9 * (context.get("mean") ?? msg.payload) + 0.1 * msg.payload;\ncontext.set("mean", mean);\nmsg.payload = mean / 4000;\nreturn msg;',
    ),
  },
  {
    code: "unit.unknown",
    what: "a link that is called by its name",
    wrong: [
      unit("power", "call"),
      node("call", "link call", "quote", { linkType: "dynamic", links: [] }),
      quote(),
    ],
    right: called("return { payload: msg.payload / 4000 };"),
  },
  {
    code: "unit.unknown",
    what: "a trade's event as energy",
    wrong: [node("trade", "busbar-trade", "quote"), quote()],
    right: [node("trade", "busbar-trade", "debug"), ...right],
  },
];
