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

type Taken = { readonly quote: FlowNode; readonly carried: Carried };

function* twiceQuoted(flow: Flow): Iterable<Finding> {
  const taken = byKind(flow, "busbar-quote").flatMap((quote) =>
    takenBy(flow, quote, "kwh").map((carried) => ({ quote, carried })),
  );
  for (const same of Map.groupBy(taken, (one) => keyOf(flow, one)).values()) {
    for (const [i, { quote, carried }] of same.entries()) {
      for (const other of same.slice(i + 1)) {
        flow.step();
        if (other.quote === quote || !overlap(quote, other.quote)) continue;
        const source = carried.through ?? carried.from;
        yield finding("duplicate.quote", "error", [quote, other.quote, source], {
          message: `${nameOf(quote)} and ${nameOf(other.quote)} quote the same energy, which ${nameOf(source)} tells: it would be sold or bought twice`,
          remedy:
            "wire it into one quote node; where two are meant, choose another kind of gate or another side for each, or share the energy out before them",
        });
      }
    }
  }
}

/** Whose energy it is, and which: what is shared out comes with factors of its own. */
function keyOf(flow: Flow, { quote, carried }: Taken): string {
  const owner = settled(flow, flow.byId.get(textOf(quote, "site")) ?? quote, "identity");
  const { from, through, what, factor } = carried;
  return [owner, from.id, through?.id, what, factor].join(" ");
}

/** Whether both may quote at one gate on one side. */
function overlap(a: FlowNode, b: FlowNode): boolean {
  const meets = (x: string, y: string, any: string) => x === y || x === any || y === any;
  const side = (node: FlowNode) =>
    textOf(node, "sideType") === "msg" ? "sign" : textOf(node, "side");
  return meets(horizonOf(a), horizonOf(b), "any") && meets(side(a), side(b), "sign");
}
