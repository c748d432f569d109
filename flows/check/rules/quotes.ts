import { settled } from "../environment.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode, textOf } from "../flow.ts";
import type { Carried } from "../gathered.ts";
import { takenBy } from "../taken.ts";

/** When and how often an energy is quoted. */
export function checkQuotes(flow: Flow): Finding[] {
  return [...horizons(flow), ...twiceQuoted(flow)];
}

const horizonOf = (quote: FlowNode) => textOf(quote, "horizon") || "real-time";

/** One message stands for one slot: a day ahead it would be quoted for each hour of the day. */
function* horizons(flow: Flow): Iterable<Finding> {
  for (const quote of byKind(flow, "busbar-quote")) {
    if (quote.when !== "gates" || horizonOf(quote) === "real-time") continue;
    // Within the day it is an hour or two that differ.
    const severity = horizonOf(quote) === "intraday" ? "warning" : "error";
    yield finding("quote.horizon", severity, [quote], {
      message: `${nameOf(quote)} quotes at each gate (${horizonOf(quote)}): its last message would be quoted for every slot, whatever its hour`,
      remedy:
        'choose "just before delivery" beside Gate; to quote a day ahead or within the day, quote "when a message comes", with the slot in the message',
    });
  }
}

function* twiceQuoted(flow: Flow): Iterable<Finding> {
  const quotes = byKind(flow, "busbar-quote").map((quote) => ({
    quote,
    owner: settled(flow, flow.byId.get(textOf(quote, "site")) ?? quote, "identity"),
    taken: takenBy(flow, quote, "kwh"),
  }));
  for (const [i, one] of quotes.entries()) {
    for (const other of quotes.slice(i + 1)) {
      if (one.owner !== other.owner || !overlap(one.quote, other.quote)) continue;
      const shared = one.taken.find((a) => other.taken.some((b) => isSame(a, b)));
      if (shared === undefined) continue;
      const nodes = [one.quote, other.quote, shared.through ?? shared.from];
      yield finding("duplicate.quote", "error", nodes, {
        message: `${nameOf(one.quote)} and ${nameOf(other.quote)} quote the same energy, which ${nameOf(shared.through ?? shared.from)} tells: it would be sold or bought twice`,
        remedy:
          "wire it into one quote node; where two are meant, choose another kind of gate or another side for each, or share the energy out before them",
      });
    }
  }
}

/** Whether both may quote at one gate on one side. */
function overlap(a: FlowNode, b: FlowNode): boolean {
  const meets = (x: string, y: string, any: string) => x === y || x === any || y === any;
  const side = (node: FlowNode) =>
    textOf(node, "sideType") === "msg" ? "sign" : textOf(node, "side");
  return meets(horizonOf(a), horizonOf(b), "any") && meets(side(a), side(b), "sign");
}

/** One value by the same way: an energy that is shared out comes with factors of its own. */
function isSame(a: Carried, b: Carried): boolean {
  return a.from === b.from && a.through === b.through && a.what === b.what && a.factor === b.factor;
}
