import { type Case, change, code, meter, node, price, quote, sign, site, unit } from "./parts.ts";

const signed = (func: string, outputType = "reading") => [
  meter("a", { outputType, wires: [["fn"]] }),
  code(func, "sign"),
  sign(),
];
const plain = [meter("a", { wires: [["sign"]] }), sign()];
const sold = (func: string, rest: object = { side: "sign" }) => [
  unit("power", "fn"),
  code(func),
  quote(rest),
];
const drawnLessFed =
  'const { importWh, exportWh } = msg.payload;\nconst before = context.get("before");\ncontext.set("before", msg.payload);\nif (!before) return null;\n';
const differences = (formula: string) => [
  unit("reading", "fn"),
  code(`${drawnLessFed}msg.payload = ${formula};\nreturn msg;`),
  quote(),
];

/** What is signed and is no reading of it, and energy the wrong way round. */
export const readingCases: readonly Case[] = [
  {
    code: "unit.not-a-reading",
    what: "one number into a sign node",
    wrong: signed("return { payload: msg.payload };", "power"),
    right: signed("return msg;", "power"),
  },
  {
    code: "unit.wrong",
    what: "power as a register: { importWh: power }",
    wrong: signed("return { payload: { importWh: msg.payload } };", "power"),
    right: signed("return { payload: { power: msg.payload } };", "power"),
  },
  {
    code: "direction.swapped",
    what: "the export register as importWh",
    wrong: signed("return { payload: { importWh: msg.payload } };", "export"),
    right: signed("return { payload: { exportWh: msg.payload } };", "export"),
  },
  {
    code: "unit.factor",
    what: "kWh signed as Wh",
    wrong: signed("return { payload: { importWh: msg.payload.importWh / 1000 } };"),
    right: signed("return { payload: { importWh: msg.payload.importWh * 40 } };"),
  },
  {
    code: "unit.phase",
    what: "one phase signed as the whole",
    wrong: signed('return { payload: { power: msg.payload.quantities["power.l1"] } };'),
    right: signed('return { payload: { power: msg.payload.quantities["power.total"] } };'),
  },
  {
    code: "unit.price",
    what: "a price is signed",
    wrong: [price("fn"), code("return { payload: { power: msg.payload } };", "sign"), sign()],
    right: [price("debug"), ...plain],
  },
  {
    code: "unit.unknown",
    what: "a reading that nobody can follow is signed",
    wrong: signed("return { payload: { importWh: estimate(msg.payload) } };"),
    right: signed("// unit: Wh\nreturn { payload: { importWh: estimate(msg.payload) } };"),
  },
  {
    code: "unit.reading-kept",
    what: "a payload is scaled, and the exact reading signed",
    wrong: signed("msg.payload.importWh *= 40; return msg;"),
    right: signed("msg.payload.importWh *= 40; delete msg.reading; return msg;"),
  },
  {
    code: "duplicate.meter",
    what: "a unit's readings are signed again",
    wrong: [unit("reading", "sign"), sign()],
    right: [unit("reading", "debug"), ...plain],
  },
  {
    code: "duplicate.meter",
    what: "a unit's readings are made anew and signed again",
    wrong: [
      unit("reading", "fn"),
      code("return { payload: { importWh: msg.payload.importWh } };", "sign"),
      sign(),
    ],
    right: signed("return { payload: { importWh: msg.payload.importWh } };"),
  },
  {
    code: "direction.swapped",
    what: "a function swaps import and export",
    wrong: signed(
      "msg.payload = { importWh: msg.payload.exportWh, exportWh: msg.payload.importWh };\ndelete msg.reading; return msg;",
    ),
    right: signed(
      "msg.payload = { importWh: msg.payload.importWh, exportWh: msg.payload.exportWh };\ndelete msg.reading; return msg;",
    ),
  },
  {
    code: "direction.swapped",
    what: "swapped by destructuring",
    wrong: signed(
      "const { importWh: a, exportWh: b } = msg.payload;\nreturn { payload: { importWh: b, exportWh: a } };",
    ),
    right: signed(
      "const { importWh: a, exportWh: b } = msg.payload;\nreturn { payload: { importWh: a, exportWh: b } };",
    ),
  },
  {
    code: "direction.swapped",
    what: "swapped in place",
    wrong: signed(
      "const p = { ...msg.payload };\n[p.importWh, p.exportWh] = [p.exportWh, p.importWh];\nreturn { payload: p };",
    ),
    right: signed("const p = { ...msg.payload };\nreturn { payload: p };"),
  },
  {
    code: "direction.swapped",
    what: "a change node swaps codes",
    wrong: [
      meter("a", { wires: [["ch"]] }),
      change("sign", {
        t: "set",
        p: "payload.importWh",
        to: "payload.values.1-0:2.8.0",
        tot: "msg",
      }),
      sign(),
    ],
    right: [
      meter("a", { wires: [["ch"]] }),
      change("sign", {
        t: "set",
        p: "payload.importWh",
        to: "payload.values.1-0:1.8.0",
        tot: "msg",
      }),
      sign(),
    ],
  },
  {
    code: "direction.turned",
    what: "power is signed with its sign turned",
    wrong: signed("return { payload: { power: -msg.payload } };", "power"),
    right: signed("return { payload: { power: +msg.payload } };", "power"),
  },
  {
    code: "direction.one-way",
    what: "a register decides between buying and selling",
    wrong: [unit("export"), quote()],
    right: sold("msg.payload /= 4000; return msg;"),
  },
  {
    code: "direction.one-way",
    what: "the sign is taken away",
    wrong: sold("msg.payload = Math.abs(msg.payload) / 4000; return msg;"),
    right: sold("msg.payload = Math.min(0, msg.payload) / 4000; return msg;"),
  },
  {
    code: "direction.turned",
    what: "a function turns the sign",
    wrong: sold("msg.payload = -msg.payload / 1000 * 0.25;\nreturn msg;"),
    right: sold("msg.payload = -msg.payload / 1000 * 0.25;\nreturn msg;", { side: "ask" }),
  },
  {
    code: "direction.turned",
    what: "one of two functions turns the sign",
    wrong: [
      unit("power", "fn"),
      code("msg.payload *= -1; return msg;", "fn2"),
      { ...code("return { ...msg, payload: msg.payload * 0.25 / 1000 };"), id: "fn2" },
      quote(),
    ],
    right: [
      unit("power", "fn"),
      code("msg.payload *= -1; return msg;", "fn2"),
      { ...code("return { ...msg, payload: -msg.payload * 0.25 / 1000 };"), id: "fn2" },
      quote(),
    ],
  },
  {
    code: "direction.turned",
    what: "fed in less drawn",
    wrong: differences("((exportWh - before.exportWh) - (importWh - before.importWh)) / 1000"),
    right: differences("((importWh - before.importWh) - (exportWh - before.exportWh)) / 1000"),
  },
  {
    code: "direction.wrong-side",
    what: "what is drawn is sold",
    wrong: sold("msg.payload = msg.payload * 0.25 / 1000; return msg;", { side: "ask" }),
    right: sold("msg.payload = msg.payload * 0.25 / 1000; return msg;", { side: "bid" }),
  },
  {
    code: "direction.wrong-side",
    what: "a surplus is asked for",
    wrong: sold("msg.payload = -msg.payload * 0.25 / 1000; return msg;", { side: "bid" }),
    right: sold("msg.payload = Math.max(0, -msg.payload) / 4000; return msg;", { side: "ask" }),
  },
  {
    code: "direction.wrong-side",
    what: "drawn energy is sold",
    wrong: [unit("import"), quote({ side: "ask" })],
    right: sold("msg.payload /= 4000; return msg;"),
  },
  {
    code: "quote.horizon",
    what: "one message for every hour of the day",
    wrong: sold("msg.payload /= 4000; return msg;", { when: "gates", horizon: "any" }),
    right: sold("msg.payload /= 4000; return msg;", { when: "gates", horizon: "real-time" }),
  },
  {
    code: "quote.horizon",
    what: "one message for every slot of tomorrow",
    wrong: sold("msg.payload /= 4000; return msg;", { when: "gates", horizon: "day-ahead" }),
    right: sold("msg.payload /= 4000; return msg;", { when: "message", horizon: "day-ahead" }),
  },
  {
    code: "duplicate.quote",
    what: "one surplus offered by two nodes",
    wrong: [
      unit("power", "fn"),
      code("msg.payload /= 4000; return msg;", "", { wires: [["quote", "other"]] }),
      quote(),
      { ...quote(), id: "other", name: "other" },
    ],
    right: [
      unit("power", "fn"),
      code("msg.payload /= 4000; return msg;", "", { wires: [["quote", "other"]] }),
      quote(),
      { ...quote({ site: "second" }), id: "other", name: "other" },
      { ...site, id: "second", identity: "neighbour" },
    ],
  },
  {
    code: "duplicate.quote",
    what: "one plan, that nobody can read, offered by two nodes",
    wrong: [
      unit("power", "fn"),
      code("return { payload: plan(msg) };", "", { wires: [["quote", "other"]] }),
      quote({ side: "ask" }),
      { ...quote({ horizon: "any" }), id: "other", name: "other" },
    ],
    right: [
      unit("power", "fn"),
      code("// unit: kWh\nreturn { payload: plan(msg) };", "", { wires: [["quote", "other"]] }),
      quote({ side: "ask" }),
      { ...quote({ side: "ask", horizon: "intraday" }), id: "other", name: "other" },
    ],
  },
  {
    code: "site.missing",
    what: "a node without a site",
    wrong: [unit("power", "debug", { site: "" })],
    right: [unit("power", "debug")],
  },
  {
    code: "site.missing",
    what: "a node whose site was taken away",
    wrong: [unit("power", "debug", { site: "gone" })],
    right: [unit("power", "debug")],
  },
  {
    code: "site.missing",
    what: "notices of a site that was taken away",
    wrong: [node("n", "busbar-notice", "debug", { site: "gone" })],
    right: [node("n", "busbar-notice", "debug")],
  },
  {
    code: "site.missing",
    what: "a notice node that neither tells nor hands on",
    wrong: [node("i", "inject", "n"), node("n", "busbar-notice", "debug", { site: "", url: "" })],
    right: [
      node("i", "inject", "n"),
      node("n", "busbar-notice", "debug", {
        site: "",
        url: "https://ntfy.example.org/t",
        wires: [[]],
      }),
    ],
  },
  {
    code: "site.incomplete",
    what: "a site without an identity",
    wrong: [{ ...site, id: "half", identity: "" }],
    right: [{ ...site, id: "whole", connection: "kitchen" }],
  },
  {
    code: "site.incomplete",
    what: "a ledger node without a portal",
    wrong: [
      { ...site, id: "dumb", connection: "dumb", portal: "" },
      node("i", "inject", "l"),
      node("l", "busbar-ledger", "debug", { site: "dumb" }),
    ],
    right: [node("i", "inject", "l"), node("l", "busbar-ledger", "debug")],
  },
];
