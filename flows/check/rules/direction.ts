import { isObject } from "../../nodes/link/json.ts";
import { carriedTo } from "../carried.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { type Flow, type FlowNode, textOf } from "../flow.ts";

/** Import and export, selling and buying, the wrong way round. */
export function checkDirection(flow: Flow): Finding[] {
  return [...sides(flow), ...swapped(flow)];
}

function* sides(flow: Flow): Iterable<Finding> {
  for (const quote of flow.nodes.filter(({ type }) => type === "busbar-quote")) {
    const side = textOf(quote, "sideType") === "msg" ? "" : textOf(quote, "side");
    const part = textOf(quote, "kwhType") === "msg" ? textOf(quote, "kwh") : "";
    for (const { what, turned, from } of carriedTo(flow, quote.id, part)) {
      const nodes = [quote, from];
      const [to, source] = [nameOf(quote), nameOf(from)];
      if (what === "power") {
        yield* turnedAround({ quote, from, side, turned });
        continue;
      }
      if (what !== "import" && what !== "export") continue;
      if (side === "sign") {
        yield finding("direction.one-way", "error", nodes, {
          message: `${to} sells what is below 0, and the register of ${source} never is: it would only ever buy`,
          remedy: "use a net value (positive = drawn), or choose the side in the quote node",
        });
      } else if ((side === "ask") === (what === "import") && side !== "") {
        const done = what === "import" ? "was drawn from the grid" : "was fed into it";
        yield finding("direction.wrong-side", "error", nodes, {
          message: `${to} is to ${side === "ask" ? "sell" : "buy"} energy that ${done}, as ${source} counts it`,
          remedy: `wire the ${what === "import" ? "export" : "import"} register into it, or turn the quote's side`,
        });
      }
    }
  }
}

/** Power is above 0 when it is drawn: a surplus is below, and is sold. */
function* turnedAround({
  quote,
  from,
  side,
  turned,
}: {
  readonly quote: FlowNode;
  readonly from: FlowNode;
  readonly side: string;
  readonly turned: boolean;
}): Iterable<Finding> {
  const [to, source] = [nameOf(quote), nameOf(from)];
  if (side === "sign" && turned) {
    yield finding("direction.turned", "error", [quote, from], {
      message: `${to} sells what is below 0, and a node before it turns the sign of ${source}: it would buy the surplus and sell what is drawn`,
      remedy: "take the minus away: power is above 0 when it is drawn, and the quote node knows it",
    });
  } else if ((side === "ask" && !turned) || (side === "bid" && turned)) {
    const does = side === "ask" ? "sell" : "buy";
    yield finding("direction.wrong-side", "error", [quote, from], {
      message: `${to} is to ${does}, and gets from ${source} what is ${turned ? "fed in" : "drawn"} as a number above 0`,
      remedy: `let the quote's side be "by sign", or turn the sign before it`,
    });
  }
}

const imports = /import|(?<![\d.])1\.[78]\.0/i;
const exports = /export|feed.?in|(?<![\d.])2\.[78]\.0/i;

function* swapped(flow: Flow): Iterable<Finding> {
  for (const node of flow.nodes) {
    for (const [left, right] of assignments(node)) {
      const crosses =
        (imports.test(left) &&
          !exports.test(left) &&
          exports.test(right) &&
          !imports.test(right)) ||
        (exports.test(left) && !imports.test(left) && imports.test(right) && !exports.test(right));
      if (!crosses) continue;
      yield finding("direction.swapped", "error", [node], {
        message: `${nameOf(node)} puts ${right} into ${left}`,
        remedy:
          "import is what is drawn from the grid (1.8.0), export what is fed in (2.8.0); if the meter's wires are swapped, turn its current transformers",
      });
    }
  }
}

/** Pairs of what a function or change node sets and what it sets it to. */
function* assignments(node: FlowNode): Iterable<readonly [left: string, right: string]> {
  if (node.type === "function") {
    const code = textOf(node, "func").replaceAll(/\/\/.*$/gm, "");
    const pairs = code.matchAll(/["']?([\w.:*-]+)["']?\]?\s*(?::|=(?![=>]))\s*([^,;}\n]+)/g);
    for (const [, left = "", right = ""] of pairs) yield [left, right.trim()];
  }
  if (node.type === "change" && Array.isArray(node.rules)) {
    for (const rule of node.rules.filter(isObject)) {
      if (rule.t === "set" || rule.t === "move") yield [String(rule.p), String(rule.to)];
    }
  }
}
