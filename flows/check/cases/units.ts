import { type Case, change, code, node, type Part, price, quote, tab, unit } from "./parts.ts";

const kwh = (func: string, ...more: readonly Part[]): readonly Part[] => [
  unit("power", "fn"),
  code(func),
  quote(),
  ...more,
];
const right = kwh("msg.payload = msg.payload * 0.25 / 1000;\nreturn msg;");
const rightOfReading = (func: string) => [unit("reading", "fn"), code(func), quote()];
const through = (type: string, rest: object = {}): readonly Part[] => [
  unit("power", "between"),
  node("between", type, "quote", rest),
  quote(),
];
const set = (to: string, tot: string) => ({ t: "set", p: "payload", pt: "msg", to, tot });

/** Values in another unit than the node that takes them expects. */
export const unitCases: readonly Case[] = [
  { code: "unit.wrong", what: "W into a quote's kWh", wrong: [unit("power"), quote()], right },
  {
    code: "unit.wrong",
    what: "W through a switch",
    wrong: through("switch"),
    right: [unit("power", "sw"), node("sw", "switch", "fn"), ...right.slice(1)],
  },
  {
    code: "unit.wrong",
    what: "a whole reading into a quote",
    wrong: [unit("reading"), quote()],
    right: rightOfReading("msg.payload = msg.payload.power / 4000; return msg;"),
  },
  {
    code: "unit.wrong",
    what: "a register of power by its code",
    wrong: [unit("obis", "quote", { output: "1-0:16.7.0" }), quote()],
    right: [unit("obis", "fn", { output: "1-0:16.7.0" }), ...right.slice(1)],
  },
  {
    code: "unit.wrong",
    what: "the quote picks a reading's power",
    wrong: [unit("reading"), quote({ kwh: "payload.power" })],
    right: rightOfReading("msg.kwh = msg.payload.power / 4000; return msg;").map((one) =>
      one.id === "quote" ? quote({ kwh: "kwh" }) : one,
    ),
  },
  {
    code: "unit.wrong",
    what: "a change node picks a reading's power",
    wrong: [unit("reading", "ch"), change("quote", set("payload.power", "msg")), quote()],
    right: [
      unit("reading", "ch"),
      change("quote", set("payload.power / 4000", "jsonata")),
      quote(),
    ],
  },
  {
    code: "unit.wrong",
    what: "a voltage into a quote",
    wrong: [unit("quantity", "quote", { output: "voltage.l1" }), quote()],
    right: [unit("quantity", "fn", { output: "power.total" }), ...right.slice(1)],
  },
  {
    code: "unit.wrong",
    what: "W × hours, never ÷ 1000",
    wrong: kwh("msg.payload *= 0.25; return msg;"),
    right: kwh("msg.payload *= 0.25; msg.payload /= 1000; return msg;"),
  },
  {
    code: "unit.factor",
    what: "W ÷ 100",
    wrong: kwh("msg.payload = msg.payload / 100; return msg;"),
    right: kwh("msg.payload = msg.payload / 12000; return msg;"),
  },
  {
    code: "unit.factor",
    what: "W × 1000",
    wrong: kwh("const kwh = msg.payload * 1000; msg.payload = kwh; return msg;"),
    right: kwh("const kwh = msg.payload * 0.25 / 1e3; msg.payload = kwh; return msg;"),
  },
  {
    code: "unit.factor",
    what: "hours of a day in place of a slot's",
    wrong: kwh("return { payload: msg.payload / 1000 * 24 };"),
    right: kwh("return { payload: msg.payload / 1000 * 0.5 };"),
  },
  {
    code: "unit.factor",
    what: "divided by 1000 twice",
    wrong: kwh("const kw = msg.payload / 1000; return { payload: kw * 0.25 / 1000 };"),
    right: kwh("const kw = msg.payload / 1000; return { payload: kw * 0.25 };"),
  },
  {
    code: "unit.kilowatts",
    what: "W ÷ 1000",
    wrong: kwh("msg.payload = msg.payload / 1000;\nreturn msg;"),
    right: [
      { ...tab, id: "hourly", env: [{ name: "SLOT_HOURS", value: "1", type: "num" }] },
      ...kwh('msg.payload = msg.payload / 1000 * env.get("SLOT_HOURS");\nreturn msg;').map(
        (one) => ({
          ...one,
          z: "hourly",
        }),
      ),
    ],
  },
  {
    code: "unit.kilowatts",
    what: "a change node divides by 1000 (JSONata)",
    wrong: [
      unit("power", "ch"),
      change("quote", set("$round(payload / 1000, 3)", "jsonata")),
      quote(),
    ],
    right: [unit("power", "ch"), change("quote", set("payload / 1000 * 0.25", "jsonata")), quote()],
  },
  {
    code: "unit.kilowatts",
    what: "a range node divides by 1000",
    wrong: through("range", { minin: "0", maxin: "1000", minout: "0", maxout: "1" }),
    right: through("range", { minin: "0", maxin: "1000", minout: "0", maxout: "0.25" }),
  },
  {
    code: "unit.register",
    what: "a register's total",
    wrong: [unit("export"), quote({ side: "ask" })],
    right: [
      unit("export", "fn"),
      code(
        'const last = context.get("last");\ncontext.set("last", msg.payload);\nif (last === undefined) return null;\nmsg.payload = (msg.payload - last) / 1000;\nreturn msg;',
      ),
      quote({ side: "ask" }),
    ],
  },
  {
    code: "unit.wrong",
    what: "a register's difference in Wh",
    wrong: [
      unit("export", "fn"),
      code(
        'const last = context.get("last") ?? msg.payload;\ncontext.set("last", msg.payload);\nmsg.payload = msg.payload - last;\nreturn msg;',
      ),
      quote({ side: "ask" }),
    ],
    right: [
      unit("export", "fn"),
      code(
        'const last = context.get("last") ?? msg.payload;\ncontext.set("last", msg.payload);\nmsg.payload = (msg.payload - last) / 1000;\nreturn msg;',
      ),
      quote({ side: "ask" }),
    ],
  },
  {
    code: "unit.register",
    what: "a register picked by its code",
    wrong: [unit("reading"), quote({ kwh: 'payload.values["1-0:2.8.0"]', side: "ask" })],
    right: rightOfReading('msg.payload = msg.payload.values["1-0:16.7.0"] / 4000; return msg;'),
  },
  {
    code: "unit.phase",
    what: "one phase for the whole, by its code",
    wrong: rightOfReading('msg.payload = msg.payload.values["1-0:21.7.0"] / 4000; return msg;'),
    right: rightOfReading(
      'const v = msg.payload.values;\nmsg.payload = (v["1-0:36.7.0"] + v["1-0:56.7.0"] + v["1-0:76.7.0"]) / 4000;\nreturn msg;',
    ),
  },
  {
    code: "unit.phase",
    what: "one phase for the whole, by its name",
    wrong: [unit("quantity", "fn", { output: "power.l1" }), ...right.slice(1)],
    right: [unit("quantity", "fn", { output: "power.total" }), ...right.slice(1)],
  },
  {
    code: "unit.price",
    what: "a price into a quote's energy",
    wrong: [price("quote"), quote()],
    right: [
      price("quote"),
      quote({ kwh: "2", kwhType: "num", price: "payload", priceType: "msg" }),
    ],
  },
  {
    code: "unit.not-a-price",
    what: "power as a price",
    wrong: [unit("power"), quote({ kwh: "2", kwhType: "num", price: "payload", priceType: "msg" })],
    right: [
      price("ch"),
      change("quote", set("payload * 0.95", "jsonata")),
      quote({ kwh: "2", kwhType: "num", price: "payload", priceType: "msg" }),
    ],
  },
  {
    code: "unit.factor",
    what: "a price in cents",
    wrong: [
      price("fn"),
      code("msg.price = msg.payload * 100; return msg;"),
      quote({ kwh: "2", kwhType: "num", price: "price", priceType: "msg" }),
    ],
    right: [
      price("fn"),
      code("msg.price = Math.max(0.2, msg.payload * 1.02); return msg;"),
      quote({ kwh: "2", kwhType: "num", price: "price", priceType: "msg" }),
    ],
  },
  {
    code: "unit.unknown",
    what: "a price made of power, nobody knows how",
    wrong: [
      unit("power", "fn"),
      code("return { payload: 2, price: guess(msg) };"),
      quote({ price: "price", priceType: "msg" }),
    ],
    right: [
      price("fn"),
      code("return { payload: 2, price: guess(msg) };"),
      quote({ price: "price", priceType: "msg" }),
    ],
  },
];
