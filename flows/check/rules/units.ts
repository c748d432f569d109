import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode } from "../flow.ts";
import type { Carried } from "../gathered.ts";
import { scaledUnit } from "../scale.ts";
import { takenBy } from "../taken.ts";

/** Values in another unit than the node that takes them expects. */
export function checkUnits(flow: Flow): Finding[] {
  return byKind(flow, "busbar-quote").flatMap((quote) => {
    const found = [
      ...takenBy(flow, quote, "kwh").flatMap((one) => energy(quote, one)),
      ...takenBy(flow, quote, "price").flatMap((one) => price(flow, quote, one)),
    ];
    // One source may reach it by many ways; the first tells enough.
    const ways = found.map(
      (one) => [one.code + one.nodes.map(({ id }) => id).join(" "), one] as const,
    );
    return [...new Map(ways.toReversed()).values()].toReversed();
  });
}

type Said = Pick<Finding, "code" | "message" | "remedy"> & { readonly severity?: "warning" };

function energy(quote: FlowNode, carried: Carried): Finding[] {
  const said = wrongEnergy(nameOf(quote), carried);
  return said === undefined ? [] : [told(said, quote, carried)];
}

function told({ code, severity, ...words }: Said, node: FlowNode, { from, through }: Carried) {
  const others = [through, from].filter((one) => one !== undefined && one !== node);
  return finding(code, severity ?? "error", [node, ...new Set(others as FlowNode[])], words);
}

/** What is wrong with what is to be an energy in kWh. */
function wrongEnergy(to: string, carried: Carried): Said | undefined {
  const { what, from } = carried;
  const source = nameOf(from);
  switch (what) {
    case "price":
      return {
        code: "unit.price",
        message: `${to} takes its energy in kWh from ${source}, which tells a price`,
        remedy:
          "wire what is to be sold or bought into the quote; it finds the reference price by itself",
      };
    case "reading":
      return {
        code: "unit.wrong",
        message: `${to} takes a number in kWh, and ${source} sends a whole reading`,
        remedy:
          "choose one value in the meter node, and make kWh of the coming slot of it in a function",
      };
    case "other":
      return {
        code: "unit.wrong",
        message: `${to} takes energy in kWh, and gets from ${source} what is neither energy nor power`,
        remedy: "choose power or an energy in that node, and make kWh of the coming slot of it",
      };
    case "unknown":
      return cannotTell(to, carried, "kWh");
    case "import":
    case "export":
      return register(to, carried);
    case "phase":
      return carried.unit === "Wh" ? register(to, carried) : onePhase(to, carried);
    case "power":
    case "energy":
      return scale(to, carried);
    default:
      return what satisfies never;
  }
}

function register(to: string, carried: Carried): Said | undefined {
  const { from, difference, unit } = carried;
  if (!difference) {
    return {
      code: "unit.register",
      message: `${to} would quote the total that the register of ${nameOf(from)} has counted since it was made (${unit})`,
      remedy:
        "quote what the coming slot will bring: a forecast, or the difference of two readings a slot apart ÷ 1000",
    };
  }
  if (scaledUnit(carried) === "kWh") return undefined;
  return {
    code: "unit.wrong",
    message: `${to} takes energy in kWh, and gets ${timesOf(carried)} a difference of ${nameOf(from)}'s register, which counts Wh`,
    remedy: "divide the difference by 1000: 1 000 Wh are 1 kWh",
  };
}

function scale(to: string, carried: Carried): Said | undefined {
  const { from, declared } = carried;
  const source = nameOf(from);
  const unit = scaledUnit(carried);
  if (unit === "kWh") return undefined;
  const remedy =
    "multiply by the slot's length and divide by 1000 in a function: W × hours ÷ 1000 = kWh";
  if (unit === "W") {
    return {
      code: "unit.wrong",
      message: `${to} takes energy in kWh, and ${source} tells power in W: 2 500 W would be quoted as 2 500 kWh`,
      remedy: "multiply by the slot's length in a function: W × hours ÷ 1000 = kWh",
    };
  }
  if (unit === "kW") {
    return {
      code: "unit.kilowatts",
      message: declared
        ? `${to} takes energy in kWh, and ${source} says that it gives kW`
        : `${to} takes energy in kWh, and gets the power of ${source} divided by 1000, which is kW`,
      remedy:
        "multiply by the slot's length too: in a slot of 15 minutes 4 kW are 1 kWh; where slots last an hour, take the hours from the environment (env.get), so that everybody sees them",
    };
  }
  if (unit === "Wh") {
    return {
      code: "unit.wrong",
      message: `${to} takes energy in kWh, and gets Wh of ${source}: a thousand times too much would be quoted`,
      remedy: "divide by 1000: 1 000 Wh are 1 kWh",
    };
  }
  return {
    code: "unit.factor",
    message: `${to} takes energy in kWh, and gets ${timesOf(carried)} what ${source} tells in ${carried.unit}: no slot of 5 to 60 minutes makes kWh of it so`,
    remedy,
  };
}

const timesOf = ({ factor }: Carried) => `${Number(factor.toPrecision(4))} ×`;

function onePhase(to: string, { from, phase }: Carried): Said {
  return {
    code: "unit.phase",
    message: `${to} takes the power of phase ${phase} alone, as ${nameOf(from)} tells it, for the whole`,
    remedy:
      'choose "power" or the total (16.7.0, power.total), or add all three phases in a function',
  };
}

/** Never silent: a wrong unit behind there would be quoted without a word. */
function cannotTell(to: string, { from, through = from }: Carried, unit: string): Said {
  const [maker, source] = [nameOf(through), nameOf(from)];
  const what = through === from ? `what ${source} sends` : `what ${maker} makes of ${source}`;
  return {
    code: "unit.unknown",
    severity: "warning",
    message: `${to} takes ${unit}, and whether ${what} is ${unit} cannot be told from the flow`,
    remedy: `see that it gives ${unit}, and say so: a comment "// unit: ${unit}" in the function, or "unit: ${unit}" in the node's description; or make it plain arithmetic of the payload`,
  };
}

/** Prices further from what a node tells than this are in another unit. */
const priceFactors = { least: 0.2, most: 5 };

function price(flow: Flow, quote: FlowNode, carried: Carried): Finding[] {
  const said = wrongPrice(flow, nameOf(quote), carried);
  return said === undefined ? [] : [told(said, quote, carried)];
}

function wrongPrice(flow: Flow, to: string, carried: Carried): Said | undefined {
  const { what, from, factor, through } = carried;
  const source = nameOf(from);
  if (what === "unknown") {
    if (from.type === "busbar-price" || carried.declared) return undefined;
    const told = through !== undefined && through !== from && pricesBehind(flow, through);
    if (told) return undefined;
    return {
      code: "unit.unknown",
      severity: "warning",
      message: `${to} takes its price from ${nameOf(through ?? from)}, which gets no price, but what ${source} tells`,
      remedy:
        "wire a price node into it, or choose the reference price in the quote node: a price is in currency per kWh",
    };
  }
  if (what !== "price") {
    if (carried.declared) return undefined;
    return {
      code: "unit.not-a-price",
      message: `${to} takes its price from ${source}, which tells ${what === "other" ? "no price" : what}`,
      remedy:
        "wire a price node into it, or choose the reference price in the quote node: a price is in currency per kWh",
    };
  }
  const times = Math.abs(factor);
  if (factor > 0 && times >= priceFactors.least && times <= priceFactors.most) return undefined;
  return {
    code: "unit.factor",
    message: `${to} takes its price per kWh, and gets ${timesOf(carried)} the price of ${source}`,
    remedy:
      "hand the price on as it is, in the site's currency per kWh: not in cents, not per MWh, not in millionths",
  };
}

function pricesBehind(flow: Flow, node: FlowNode): boolean {
  const seen = new Set([node.id]);
  for (const id of seen) for (const before of flow.previous(id)) seen.add(before);
  return [...seen].some((id) => flow.byId.get(id)?.type === "busbar-price");
}
