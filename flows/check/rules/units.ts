import { carriedTo } from "../carried.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { type Flow, textOf } from "../flow.ts";

/** Values in another unit than the node that takes them expects. */
export function checkUnits(flow: Flow): Finding[] {
  return [...quotes(flow), ...signed(flow)];
}

function* quotes(flow: Flow): Iterable<Finding> {
  for (const quote of flow.nodes.filter(({ type }) => type === "busbar-quote")) {
    if (textOf(quote, "kwhType") !== "msg") continue;
    for (const { what, unit, from } of carriedTo(flow, quote.id, textOf(quote, "kwh"))) {
      const [to, source] = [nameOf(quote), nameOf(from)];
      const nodes = [quote, from];
      if (what === "price") {
        yield finding("unit.price", "error", nodes, {
          message: `${to} takes its energy in kWh from ${source}, which tells a price`,
          remedy:
            "wire what is to be sold or bought into the quote; it finds the reference price by itself",
        });
      } else if (what === "reading") {
        yield finding("unit.wrong", "error", nodes, {
          message: `${to} takes a number in kWh, and ${source} sends a whole reading`,
          remedy:
            "choose one value in the meter node, and make kWh of the coming slot of it in a function",
        });
      } else if (unit === "W") {
        yield finding("unit.wrong", "error", nodes, {
          message: `${to} takes energy in kWh, and ${source} tells power in W: 2 500 W would be quoted as 2 500 kWh`,
          remedy: "multiply by the slot's length in a function: W × hours ÷ 1000 = kWh",
        });
      } else if (unit === "kW") {
        yield finding("unit.kilowatts", "error", nodes, {
          message: `${to} takes energy in kWh, and gets the power of ${source} divided by 1000, which is kW`,
          remedy: "multiply by the slot's length too: in a slot of 15 minutes 4 kW are 1 kWh",
        });
      } else if (what === "import" || what === "export") {
        yield finding("unit.register", "error", nodes, {
          message: `${to} would quote the total that the register of ${source} has counted since it was made (${unit})`,
          remedy:
            "quote what the coming slot will bring: a forecast, or the difference of two readings a slot apart ÷ 1000",
        });
      }
    }
  }
}

function* signed(flow: Flow): Iterable<Finding> {
  for (const sign of flow.nodes.filter(({ type }) => type === "busbar-sign")) {
    for (const { what, unit, from } of carriedTo(flow, sign.id)) {
      // A meter node's message carries the exact reading beside any payload.
      if (from.type === "busbar-meter" || what === "reading" || what === "other") continue;
      yield finding("unit.not-a-reading", "error", [sign, from], {
        message: `${nameOf(sign)} signs readings, and ${nameOf(from)} sends one number (${unit})`,
        remedy: "sign a meter node's message, or a payload { importWh, exportWh } in Wh",
      });
    }
  }
}
