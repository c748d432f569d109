import { isObject } from "../../nodes/link/json.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode, textOf } from "../flow.ts";
import { takenBy } from "../taken.ts";

/** Import and export, selling and buying, the wrong way round. */
export function checkDirection(flow: Flow): Finding[] {
  return [...sides(flow), ...swapped(flow)];
}

function* sides(flow: Flow): Iterable<Finding> {
  for (const quote of byKind(flow, "busbar-quote")) {
    const side = textOf(quote, "sideType") === "msg" ? "" : textOf(quote, "side");
    const all = takenBy(flow, quote, "kwh");
    for (const carried of all) {
      const { what, factor, sized, difference, from } = carried;
      if (what === "power" || what === "phase") {
        if (carried.declared) continue;
        if (sized && side === "sign")
          yield oneWay(quote, from, `a node before it takes the sign of ${nameOf(from)} away`);
        else yield* turnedAround({ quote, from, side, turned: factor < 0 });
        continue;
      }
      if (what !== "import" && what !== "export") continue;
      // What was drawn less what was fed in is net, as power is.
      const net = all.find(
        (one) => difference && one.difference && one.sum === carried.sum && one.what !== what,
      );
      if (net !== undefined) {
        const drawn = what === "import" ? carried : net;
        if (what === "import" || drawn === undefined)
          yield* turnedAround({ quote, from, side, turned: drawn.factor < 0 });
        continue;
      }
      if (side === "sign") {
        if (what === "export" && difference && factor < 0) continue;
        yield oneWay(quote, from, `the register of ${nameOf(from)} never is`);
      } else if ((side === "ask") === (what === "import") && side !== "") {
        const done = what === "import" ? "was drawn from the grid" : "was fed into it";
        yield finding("direction.wrong-side", "error", [quote, from], {
          message: `${nameOf(quote)} is to ${side === "ask" ? "sell" : "buy"} energy that ${done}, as ${nameOf(from)} counts it`,
          remedy: `wire the ${what === "import" ? "export" : "import"} register into it, or turn the quote's side`,
        });
      }
    }
  }
}

function oneWay(quote: FlowNode, from: FlowNode, why: string): Finding {
  return finding("direction.one-way", "error", [quote, from], {
    message: `${nameOf(quote)} sells what is below 0, and ${why}: it would only ever buy`,
    remedy: "use a net value (positive = drawn), or choose the side in the quote node",
  });
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
    const pairs = code.matchAll(
      /(?<![\w.:*-])([\w.:*-]{1,100})["']?\]?\s*(?::|=(?![=>]))\s*([^,;}\n]+)/g,
    );
    for (const [, left = "", right = ""] of pairs) yield [left, right.trim()];
  }
  if (node.type === "change" && Array.isArray(node.rules)) {
    for (const rule of node.rules.filter(isObject)) {
      if (rule.t === "set" || rule.t === "move") yield [String(rule.p), String(rule.to)];
    }
  }
}
