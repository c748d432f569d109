/** What the flows of the table are made of. */

export const tab = { id: "tab", type: "tab", label: "Sheet" };
export const site = {
  id: "site",
  type: "busbar-site",
  broker: "mqtt://127.0.0.1:1883",
  site: "demo",
  identity: "house",
  connection: "flows",
  portal: "http://127.0.0.1:8080",
};
export const debug = { id: "debug", type: "debug", z: "tab", wires: [] };
export const tick = { id: "tick", type: "inject", z: "tab", wires: [["debug"]] };

export type Part = Readonly<Record<string, unknown>>;

export const node = (id: string, type: string, to: string, rest: object = {}): Part => ({
  id,
  type,
  z: "tab",
  name: id,
  site: "site",
  wires: [[to]],
  ...rest,
});
export const unit = (outputType: string, to = "quote", rest: object = {}): Part =>
  node("unit", "busbar-unit", to, { device: "unit-1", meter: "m-1", outputType, ...rest });
export const meter = (id: string, rest: object = {}): Part =>
  node(id, "busbar-meter", "debug", {
    place: "/dev/ttyUSB0",
    profile: "eastron-sdm630",
    unit: "1",
    every: "5",
    meter: id,
    outputType: "reading",
    ...rest,
  });
export const price = (to: string, rest: object = {}): Part =>
  node("price", "busbar-price", to, { price: "clearing", horizon: "any", ...rest });
export const quote = (rest: object = {}): Part =>
  node("quote", "busbar-quote", "debug", {
    when: "message",
    horizon: "real-time",
    side: "sign",
    sideType: "str",
    kwh: "payload",
    kwhType: "msg",
    priceType: "reference",
    ...rest,
  });
export const sign = (id = "sign", rest: object = {}): Part =>
  node(id, "busbar-sign", "debug", { device: "dev-1", keyFile: "dev-1.json", ...rest });
export const order = (id = "order", rest: object = {}): Part =>
  node(id, "busbar-order", "debug", { device: "dev-2", keyFile: "dev-2.json", ...rest });
export const code = (func: string, to = "quote", rest: object = {}): Part =>
  node("fn", "function", to, { func, ...rest });
export const change = (to: string, ...rules: readonly object[]): Part =>
  node("ch", "change", to, { rules });
export const broker = (rest: object = {}): Part => ({
  id: "own-broker",
  type: "mqtt-broker",
  broker: "10.0.0.1",
  port: "1883",
  clientid: "",
  ...rest,
});
export const publish = (rest: object = {}): Part =>
  node("out", "mqtt out", "debug", { broker: "own-broker", topic: "readings", wires: [], ...rest });

/** A wrong flow, the code that tells it, and a right one that is nearly the same. */
export type Case = {
  readonly code: string;
  readonly what: string;
  readonly wrong: readonly Part[];
  readonly right: readonly Part[];
};
