import {
  broker,
  change,
  code,
  meter,
  node,
  order,
  type Part,
  price,
  publish,
  quote,
  sign,
  site,
  tab,
  tick,
  unit,
} from "./parts.ts";

const made = (f: string, k = "power", rest: object = {}): readonly Part[] => [
  unit(k, "fn"),
  code(f),
  quote(rest),
];
const set = (p: string, to: string, tot: string, pt = "msg") => ({ t: "set", p, pt, to, tot });
const again = (to: string, rest: object = {}): Part => ({
  ...tick,
  id: "again",
  wires: [[to]],
  ...rest,
});
/** What an operator who is bent on it gets wrong: by what it is, each with the code that has to tell it. */
export const hardCases: Readonly<Record<string, readonly Part[]>> = {
  "unit.wrong: hours forgotten, 15/60 only": made(
    "msg.payload = msg.payload * (15/60); return msg;",
  ),
  "unit.factor: minutes for hours": made("msg.payload = msg.payload / 1000 * 15; return msg;"),
  "unit.wrong: parseInt of W": made("msg.payload = parseInt(msg.payload, 10); return msg;"),
  "unit.wrong: W as a text, and a number again": made(
    "msg.payload = Number(String(msg.payload)); return msg;",
  ),
  "unit.kilowatts: toFixed kW": made("msg.payload = (msg.payload / 1000).toFixed(3); return msg;"),
  "unit.wrong: object then property": [
    unit("power", "fn"),
    code("msg.payload = { kwh: msg.payload, at: msg.time }; return msg;"),
    quote({ kwh: "payload.kwh" }),
  ],
  "unit.unknown: class": made(
    "class P { kwh(x) { return x; } }\nmsg.payload = new P().kwh(msg.payload); return msg;",
  ),
  "unit.wrong: switch statement": made(
    "switch (msg.topic) { case 'a': msg.payload /= 4000; break; default: msg.payload = msg.payload; } return msg;",
  ),
  "unit.factor: try/catch": made(
    "try { msg.payload = msg.payload / 4000; } catch (e) { } msg.payload *= 1000; return msg;",
  ),
  "unit.wrong: ternary one branch W": made(
    "msg.payload = msg.payload > 0 ? msg.payload / 4000 : msg.payload; return msg;",
  ),
  "unit.wrong: IIFE": made("return (() => ({ payload: msg.payload }))();"),
  "unit.wrong: async send": made(
    "(async () => { await 1; node.send({ payload: msg.payload }); })();",
  ),
  "unit.wrong: promise then send": made(
    "fetchIt().then(() => { msg.payload = msg.payload; node.send(msg); });",
  ),
  "unit.unknown: map array": made("msg.payload = [msg.payload].map((x) => x)[0]; return msg;"),
  "unit.wrong: array index": made("const a = [msg.payload, 2]; msg.payload = a[0]; return msg;"),
  "unit.unknown: eval": made("msg.payload = eval('msg.payload'); return msg;"),
  "unit.unknown: bitwise": made("msg.payload = msg.payload | 0; return msg;"),
  "unit.wrong: global memory": [
    unit("power", "fn"),
    code('global.set("w", msg.payload);', "debug"),
    again("f2"),
    node("f2", "function", "quote", { func: 'msg.payload = global.get("w"); return msg;' }),
    quote(),
  ],
  "unit.wrong: global memory, other tab": [
    { ...tab, id: "tab2" },
    unit("power", "fn"),
    code('global.set("w", msg.payload);', "debug"),
    again("f2", { z: "tab2" }),
    node("f2", "function", "quote", {
      z: "tab2",
      func: 'msg.payload = global.get("w"); return msg;',
    }),
    quote({ z: "tab2" }),
  ],
  "unit.wrong: flow memory via change both": [
    unit("power", "ch"),
    change("debug", set("w", "payload", "msg", "flow")),
    again("c2"),
    { ...change("quote", set("payload", "w", "flow")), id: "c2" },
    quote(),
  ],
  "unit.wrong: inject reads flow memory": [
    unit("power", "ch"),
    change("debug", set("w", "payload", "msg", "flow")),
    again("quote", { props: [{ p: "payload", v: "w", vt: "flow" }] }),
    quote(),
  ],
  "unit.wrong: flow memory of an object": [
    unit("reading", "fn"),
    code('flow.set("last", msg.payload);', "debug"),
    again("f2"),
    node("f2", "function", "quote", {
      func: 'const l = flow.get("last"); return { payload: l.power };',
    }),
    quote(),
  ],
  "unit.wrong: unit through batch": [unit("power", "b"), node("b", "batch", "quote"), quote()],
  "unit.unknown: unit through csv": [unit("power", "b"), node("b", "csv", "quote"), quote()],
  "unit.unknown: unit through split then join": [
    unit("reading", "s"),
    node("s", "split", "j"),
    node("j", "join", "quote"),
    quote(),
  ],
  "unit.kilowatts: nested subflow": [
    {
      id: "A",
      type: "subflow",
      name: "A",
      in: [{ wires: [{ id: "b" }] }],
      out: [{ wires: [{ id: "b", port: 0 }] }],
    },
    { id: "b", type: "subflow:B", z: "A", wires: [[]] },
    {
      id: "B",
      type: "subflow",
      name: "B",
      in: [{ wires: [{ id: "c" }] }],
      out: [{ wires: [{ id: "c", port: 0 }] }],
    },
    { id: "c", type: "function", z: "B", func: "msg.payload /= 1000; return msg;", wires: [[]] },
    unit("power", "i"),
    node("i", "subflow:A", "quote"),
    quote(),
  ],
  "unit.wrong: a unit inside a subflow": [
    { id: "A", type: "subflow", name: "A", in: [], out: [{ wires: [{ id: "u", port: 0 }] }] },
    { ...unit("power", "", { wires: [[]] }), id: "u", z: "A" },
    node("i", "subflow:A", "quote"),
    quote(),
  ],
  "unit.wrong: W over two links": [
    unit("power", "o"),
    node("o", "link out", "", { mode: "link", links: ["x", "y"], wires: [] }),
    node("x", "link in", "debug"),
    node("y", "link in", "quote"),
    quote(),
  ],
  "unit.wrong: meter asked by message, power to quote": [
    again("a"),
    meter("a", { every: "0", outputType: "power", wires: [["quote"]] }),
    quote(),
  ],
  "unit.register: meter import to bid": [
    meter("a", { outputType: "import", wires: [["quote"]] }),
    quote({ side: "bid" }),
  ],
  "unit.wrong: jsonata sum": [
    unit("reading", "ch"),
    change("quote", set("payload", "payload.power + 0", "jsonata")),
    quote(),
  ],
  "unit.wrong: jsonata object": [
    unit("power", "ch"),
    change("quote", set("payload", '{"kwh": payload}', "jsonata")),
    quote({ kwh: "payload.kwh" }),
  ],
  "unit.wrong: change: move": [
    unit("power", "ch"),
    change("quote", { t: "move", p: "payload", pt: "msg", to: "energy", tot: "msg" }),
    quote({ kwh: "energy" }),
  ],
  "unit.kilowatts: range with shift": [
    unit("power", "r"),
    node("r", "range", "quote", { minin: "0", maxin: "1000", minout: "5", maxout: "6" }),
    quote(),
  ],
  "unit.kilowatts: own mean declared kW": made("// unit: kW\nreturn { payload: mean(msg) };"),
  "unit.price: price gu as kwh via fn": [
    price("fn", { price: "gu" }),
    code("return { payload: msg.payload };"),
    quote(),
  ],
  "unit.price: price reference field as kwh": [price("quote"), quote({ kwh: "reference.gu" })],
  "unit.not-a-price: price all object's slot as price": [
    price("quote", { price: "all" }),
    quote({ kwh: "1", kwhType: "num", price: "payload.start", priceType: "msg" }),
  ],
  "unit.wrong: seq as kWh": [unit("power"), quote({ kwh: "seq" })],
  "unit.not-a-price: time as price": [
    unit("power"),
    quote({ kwh: "1", kwhType: "num", price: "time", priceType: "msg" }),
  ],
  "unit.wrong: power by the code of what is fed in (2.7.0)": made(
    "msg.payload = msg.payload.values['1-0:2.7.0']; return msg;",
    "reading",
  ),
  "unit.phase: sum of two phases": made(
    "const v = msg.payload.quantities; msg.payload = (v['power.l1'] + v['power.l2']) / 4000; return msg;",
    "reading",
  ),
  "direction.swapped: sign swap via change move": [
    meter("a", { wires: [["ch"]] }),
    change(
      "sign",
      { t: "move", p: "payload.importWh", pt: "msg", to: "x", tot: "msg" },
      { t: "move", p: "payload.exportWh", pt: "msg", to: "payload.importWh", tot: "msg" },
      { t: "delete", p: "reading", pt: "msg" },
    ),
    sign(),
  ],
  "unit.factor: sign kWh": [
    meter("a", { wires: [["fn"]] }),
    code(
      "delete msg.reading; msg.payload = { importWh: Math.round(msg.payload.importWh / 1000) }; return msg;",
      "sign",
    ),
    sign(),
  ],
  "unit.price: sign price": [
    price("fn"),
    code("msg.payload = { importWh: msg.payload }; return msg;", "sign"),
    sign(),
  ],
  "duplicate.meter: unit energy into sign via flow memory": [
    unit("import", "fn"),
    code('flow.set("e", msg.payload);', "debug"),
    again("f2"),
    node("f2", "function", "sign", { func: 'return { payload: { importWh: flow.get("e") } };' }),
    sign(),
  ],
  "unit.unknown: unit through join into sign": [
    unit("import", "j"),
    node("j", "join", "sign"),
    sign(),
  ],
  "unit.price: quote into quote": [
    again("q1"),
    { ...quote({ kwhType: "num", kwh: "1" }), id: "q1", wires: [["quote"]] },
    quote({ kwh: "payload.price" }),
  ],
  "unit.unknown: order limit as kWh": [
    order("order", { wires: [["quote"], []] }),
    quote({ kwh: "payload.slots.0.limitW" }),
  ],
  "quote.horizon: at each gate any": [
    unit("power", "fn"),
    code("// unit: kWh\nreturn {payload: plan()};"),
    quote({ when: "gates", horizon: "any" }),
  ],
  "secret.plain: secret in env group": [
    { id: "g", type: "group", z: "tab", env: [{ name: "DB_PASSWORD", value: "abc", type: "str" }] },
  ],
  "secret.plain: secret in mqtt-broker credentials": [
    broker({ credentials: { user: "u", password: "p4ss" } }),
  ],
  "secret.plain: secret websocket url": [
    { id: "w", type: "websocket-client", path: "wss://u:p4ssw0rd@h/x" },
  ],
  "secret.plain: secret function slack": [
    again("fn"),
    code("const hook = 'xoxb-123456789012-abcdefghij';", "debug"),
  ],
  "secret.plain: secret passphrase": [
    again("fn"),
    code("let passphrase = `correct horse`;", "debug"),
  ],
  "secret.plain: secret jwt": [
    again("fn"),
    code(
      "msg.headers = {Authorization: 'Bearer ' + 'eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl'};",
      "debug",
    ),
  ],
  "secret.plain: http request tokens in ntfy": [
    again("h"),
    node("h", "http request", "debug", { url: "https://ntfy.sh/t?auth=QmVhcmVyIHRrX2FiYw" }),
  ],
  "path.unsigned: mqtt out by IPv6 loopback": [
    meter("a", { wires: [["out"]] }),
    { ...broker({ broker: "::1" }) },
    publish(),
  ],
  "path.unsigned: mqtt out of unit via subflow": [
    { id: "A", type: "subflow", name: "A", in: [{ wires: [{ id: "o" }] }], out: [] },
    { ...publish(), id: "o", z: "A" },
    broker({ broker: "127.0.0.1" }),
    unit("reading", "i"),
    node("i", "subflow:A", "", { wires: [] }),
  ],
  "duplicate.quote: two quotes fed by one unit through two functions": [
    unit("power", "", { wires: [["fn", "g"]] }),
    code("msg.payload /= 4000; return msg;"),
    { ...code("return {payload: msg.payload / 4000};", "other"), id: "g" },
    quote(),
    { ...quote(), id: "other" },
  ],
  "duplicate.device: sign and order with one key": [
    meter("a", { wires: [["sign"]] }),
    sign(),
    order("order", { keyFile: "dev-1.json" }),
  ],
  "duplicate.client: identity by two cases of a broker": [
    { ...site, id: "s2", broker: "MQTT://127.0.0.1" },
  ],
};
