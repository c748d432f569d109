import {
  broker,
  type Case,
  code,
  meter,
  node,
  order,
  publish,
  sign,
  site,
  tab,
  unit,
} from "./parts.ts";

const variable = (name: string) => ["$", "{", name, "}"].join("");
const reading = meter("a", { wires: [["out"]] });
const two = (a: object, b: object) => [meter("a", a), meter("b", b)];
const webhook = (credentials: object) => [
  node("i", "inject", "n"),
  node("n", "busbar-notice", "debug", {
    site: "",
    push: "webhook",
    url: "https://hooks.example.org/busbar",
    credentials,
    wires: [[]],
  }),
];
const key = (bytes: number) => `whsec_${Buffer.alloc(bytes, 7).toString("base64")}`;

/** Meters, devices and connections twice; ways to the broker; wires. */
export const wiringCases: readonly Case[] = [
  {
    code: "duplicate.meter",
    what: "one meter under two names",
    wrong: two({}, {}),
    right: two({}, { unit: "2" }),
  },
  {
    code: "duplicate.meter",
    what: "one meter under two names, its number once left empty",
    wrong: two({ unit: "" }, { unit: "1" }),
    right: two({ unit: "" }, { unit: "3" }),
  },
  {
    code: "duplicate.meter",
    what: "one meter under two names, its port once left out",
    wrong: two({ place: "tcp://Meter.local" }, { place: "tcp://meter.local:502" }),
    right: two({ place: "tcp://meter.local" }, { place: "tcp://meter.local:503" }),
  },
  {
    code: "duplicate.meter",
    what: "one meter under two names, by two names of this machine",
    wrong: two({ place: "tcp://localhost:502" }, { place: "tcp://127.0.0.1" }),
    right: two({ place: "tcp://localhost:502" }, { place: "tcp://127.0.0.1:5020" }),
  },
  {
    code: "duplicate.meter",
    what: "two meters under one name",
    wrong: [meter("a"), { ...meter("a"), id: "b", unit: "2" }],
    right: [meter("a"), { ...meter("a"), id: "b" }],
  },
  {
    code: "duplicate.meter",
    what: "a meter signed twice",
    wrong: [
      meter("a", { wires: [["sign", "other"]] }),
      sign(),
      sign("other", { device: "dev-9", keyFile: "dev-9.json" }),
    ],
    right: [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { unit: "2", wires: [["other"]] }),
      sign("other", { device: "dev-9", keyFile: "dev-9.json" }),
    ],
  },
  {
    code: "duplicate.meter",
    what: "a meter read by two nodes and signed behind each",
    wrong: [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { meter: "a", unit: "01", wires: [["other"]] }),
      sign("other", { device: "dev-9", keyFile: "dev-9.json" }),
    ],
    right: [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { meter: "a", unit: "01", every: "60" }),
    ],
  },
  {
    code: "duplicate.meter",
    what: "two meters signed as one",
    wrong: [
      meter("a", { wires: [["sign"]] }),
      meter("b", { unit: "2", wires: [["sign"]] }),
      sign("sign", { meter: "house", meterType: "str" }),
    ],
    right: [
      meter("a", { wires: [["sign"]] }),
      meter("b", { unit: "2", wires: [["sign"]] }),
      sign("sign", { meter: "meter", meterType: "msg" }),
    ],
  },
  {
    code: "duplicate.bus-settings",
    what: "one line at two speeds",
    wrong: two({ baud: "9600" }, { unit: "2", baud: "2400" }),
    right: two({ baud: "9600", parity: "default" }, { unit: "2", baud: "9600", parity: "" }),
  },
  {
    code: "duplicate.device",
    what: "two nodes sign as one device",
    wrong: [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { unit: "2", wires: [["other"]] }),
      sign("other"),
    ],
    right: [
      meter("a", { wires: [["sign"]] }),
      meter("b", { unit: "2", wires: [["sign"]] }),
      sign(),
    ],
  },
  {
    code: "duplicate.device",
    what: "one key under two devices",
    wrong: [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { unit: "2", wires: [["other"]] }),
      sign("other", { device: "dev-9" }),
    ],
    right: [
      meter("a", { wires: [["sign"]] }),
      sign(),
      meter("b", { unit: "2", wires: [["other"]] }),
      sign("other", { device: "dev-9", keyFile: "dev-9.json" }),
    ],
  },
  {
    code: "duplicate.device",
    what: "a sign node under the name of an edge unit",
    wrong: [
      unit("power", "debug"),
      meter("a", { wires: [["sign"]] }),
      sign("sign", { device: "unit-1" }),
    ],
    right: [unit("power", "debug"), meter("a", { wires: [["sign"]] }), sign()],
  },
  {
    code: "duplicate.device",
    what: "two order nodes for one device",
    wrong: [order(), order("again")],
    right: [order(), order("again", { device: "dev-3", keyFile: "dev-3.json" })],
  },
  {
    code: "duplicate.client",
    what: "two sites with one client id",
    wrong: [{ ...site, id: "site-2" }],
    right: [{ ...site, id: "site-2", connection: "kitchen" }],
  },
  {
    code: "duplicate.client",
    what: "two sites with one client id, by two names of one broker",
    wrong: [{ ...site, id: "site-2", broker: "mqtts://LOCALHOST" }],
    right: [{ ...site, id: "site-2", broker: "mqtt://127.0.0.1:1884" }],
  },
  {
    code: "duplicate.client",
    what: "two of Node-RED's brokers with one client id",
    wrong: [broker({ clientid: "me" }), broker({ id: "y", clientid: "me", port: "8883" })],
    right: [broker({ clientid: "me" }), broker({ id: "y", clientid: "you" })],
  },
  {
    code: "duplicate.client",
    what: "Node-RED's broker with the client id of a site",
    wrong: [broker({ broker: "localhost", clientid: "house:flows" })],
    right: [broker({ broker: "localhost", clientid: "house:charts" })],
  },
  {
    code: "duplicate.client",
    what: "Node-RED's broker with the client id of an order node",
    wrong: [order(), broker({ broker: "127.0.0.1", clientid: "dev-2:flows" })],
    right: [order(), broker({ broker: "127.0.0.1", clientid: "dev-2" })],
  },
  {
    code: "duplicate.client",
    what: "a broker that only the environment knows, with the client id of a site",
    wrong: [broker({ broker: variable("ANY"), clientid: "house:flows" })],
    right: [broker({ broker: variable("ANY"), clientid: "" })],
  },
  {
    code: "path.unsigned",
    what: "a reading by Node-RED's MQTT node",
    wrong: [reading, broker({ broker: "127.0.0.1" }), publish()],
    right: [reading, broker(), publish()],
  },
  {
    code: "path.unsigned",
    what: "a reading by Node-RED's MQTT node, by another name of the broker",
    wrong: [reading, broker({ broker: "mqtt://LocalHost", port: "" }), publish()],
    right: [reading, broker({ broker: "mqtt://localhost", port: "1899" }), publish()],
  },
  {
    code: "path.unsigned",
    what: "what another meter's page says, by Node-RED's MQTT node",
    wrong: [
      node("i", "inject", "ask"),
      node("ask", "http request", "out"),
      broker({ broker: "127.0.0.1" }),
      publish(),
    ],
    right: [node("i", "inject", "ask"), node("ask", "http request", "out"), broker(), publish()],
  },
  {
    code: "path.unsigned",
    what: "Busbar's topics by Node-RED's MQTT node",
    wrong: [reading, publish({ broker: "", topic: "busbar/v1/demo/unit-1/readings" })],
    right: [reading, broker(), publish({ topic: "garden/readings" })],
  },
  {
    code: "path.unsigned",
    what: "a reading to a broker that only the environment knows",
    wrong: [reading, broker({ broker: variable("ANY") }), publish()],
    right: [node("i", "inject", "out"), broker({ broker: variable("ANY") }), publish()],
  },
  {
    code: "path.plain-text",
    what: "plain text to another machine",
    wrong: [{ ...site, id: "far", broker: "mqtt://10.0.0.9:1883", connection: "far" }],
    right: [{ ...site, id: "far", broker: "mqtts://10.0.0.9", connection: "far" }],
  },
  {
    code: "path.plain-text",
    what: "a portal on another machine without TLS",
    wrong: [{ ...site, id: "far", portal: "http://site.example.org", connection: "far" }],
    right: [{ ...site, id: "far", portal: "https://site.example.org", connection: "far" }],
  },
  {
    code: "push.key",
    what: "a webhook without a key",
    wrong: webhook({}),
    right: webhook({ has_secret: true, weak_secret: false }),
  },
  {
    code: "push.key",
    what: "a webhook with a weak key",
    wrong: webhook({ secret: key(8) }),
    right: webhook({ has_secret: true }),
  },
  {
    code: "graph.unreachable",
    what: "a function that nothing reaches",
    wrong: [code("return msg;", "debug")],
    right: [node("i", "inject", "fn"), code("return msg;", "debug")],
  },
  {
    code: "graph.unreachable",
    what: "a meter that nobody asks",
    wrong: [meter("a", { every: "0" })],
    right: [node("i", "inject", "a"), meter("a", { every: "0" })],
  },
  {
    code: "graph.unreachable",
    what: "a quote behind a join that nothing reaches",
    wrong: [
      node("j", "join", "quote"),
      node("quote", "busbar-quote", "debug", { kwhType: "num", kwh: "1" }),
    ],
    right: [
      node("i", "inject", "quote"),
      node("quote", "busbar-quote", "debug", { kwhType: "num", kwh: "1" }),
    ],
  },
  {
    code: "graph.unreachable",
    what: "a quote behind a link in without a partner",
    wrong: [
      node("come", "link in", "quote", { links: [] }),
      node("quote", "busbar-quote", "debug", { kwhType: "num", kwh: "1" }),
    ],
    right: [
      node("i", "inject", "leave"),
      node("leave", "link out", "", { links: ["come"], wires: [] }),
      node("come", "link in", "quote", { links: ["leave"] }),
      node("quote", "busbar-quote", "debug", { kwhType: "num", kwh: "1" }),
    ],
  },
  {
    code: "graph.unreachable",
    what: "a phone that is told nothing",
    wrong: [
      node("n", "busbar-notice", "", { site: "", url: "https://ntfy.example.org/t", wires: [[]] }),
    ],
    right: [
      node("i", "inject", "n"),
      node("n", "busbar-notice", "", { site: "", url: "https://ntfy.example.org/t", wires: [[]] }),
    ],
  },
  {
    code: "graph.dangling",
    what: "a meter whose readings go nowhere",
    wrong: [meter("a", { wires: [[]] })],
    right: [meter("a")],
  },
  {
    code: "graph.dangling",
    what: "a unit into a link out without a link",
    wrong: [unit("power", "leave"), node("leave", "link out", "", { links: [], wires: [] })],
    right: [
      unit("power", "leave"),
      node("leave", "link out", "", { links: ["come"], wires: [] }),
      node("come", "link in", "debug", { links: ["leave"] }),
    ],
  },
  {
    code: "graph.dangling",
    what: "a unit into a junction that leads nowhere",
    wrong: [unit("power", "j"), node("j", "junction", "", { wires: [[]] })],
    right: [unit("power", "j"), node("j", "junction", "debug")],
  },
  {
    code: "graph.dangling",
    what: "a link out that gives back to nobody",
    wrong: [
      unit("power", "back"),
      node("back", "link out", "", { mode: "return", links: [], wires: [] }),
    ],
    right: [
      unit("power", "call"),
      node("call", "link call", "debug", { links: ["in"], linkType: "static" }),
      node("in", "link in", "back"),
      node("back", "link out", "", { mode: "return", links: [], wires: [] }),
    ],
  },
  {
    code: "graph.dangling",
    what: "orders that nobody hears",
    wrong: [order("order", { wires: [[], []] })],
    right: [order("order", { wires: [["debug"], []] })],
  },
  {
    code: "graph.missing",
    what: "a wire to nowhere",
    wrong: [unit("power", "gone")],
    right: [unit("power", "debug")],
  },
  {
    code: "graph.missing",
    what: "a subflow that is not there",
    wrong: [unit("power", "s"), node("s", "subflow:gone", "debug")],
    right: [
      unit("power", "s"),
      node("s", "subflow:here", "debug"),
      {
        id: "here",
        type: "subflow",
        in: [{ wires: [{ id: "f" }] }],
        out: [{ wires: [{ id: "f", port: 0 }] }],
      },
      { id: "f", type: "function", z: "here", func: "return msg;", wires: [[]] },
    ],
  },
  {
    code: "graph.missing",
    what: "a wire to a node that is switched off",
    wrong: [unit("power", "fn"), code("return msg;", "debug", { d: true })],
    right: [{ ...tab, id: "off", disabled: true }, unit("power", "nowhere", { z: "off" })],
  },
];
