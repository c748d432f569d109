import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { type Flow, type FlowNode, targetsOf, textOf } from "../flow.ts";

/** Wires that lead nowhere and nodes that nothing reaches. */
export function checkGraph(flow: Flow): Finding[] {
  return [...missing(flow), ...unreachable(flow), ...dangling(flow)];
}

/** Nodes that act on a message only: without one they never do anything. */
const waiting: ReadonlySet<string> = new Set([
  "busbar-sign",
  "busbar-ledger",
  "change",
  "debug",
  "delay",
  "function",
  "http request",
  "http response",
  "json",
  "link out",
  "mqtt out",
  "range",
  "rbe",
  "switch",
  "template",
  "trigger",
]);

/** Nodes that are there for what they send. */
const speaking: ReadonlySet<string> = new Set([
  "busbar-unit",
  "busbar-price",
  "busbar-trade",
  "busbar-order",
  "inject",
  "mqtt in",
]);

function* missing(flow: Flow): Iterable<Finding> {
  for (const node of flow.nodes) {
    for (const to of targetsOf(node).filter((id) => !flow.byId.has(id))) {
      yield finding("graph.missing", "error", [node], {
        message: `${nameOf(node)} is wired to ${to}, which is not there or is switched off`,
        remedy: "wire it anew, or switch the other node on",
      });
    }
  }
}

/** Those that can begin something by themselves. */
function starts(node: FlowNode): boolean {
  if (node.type === "busbar-quote") return false;
  // With a site it tells the owner's notices; without one it only hands on to a phone.
  if (node.type === "busbar-notice") return textOf(node, "site") !== "";
  if (node.type === "busbar-meter") return !["", "0"].includes(textOf(node, "every"));
  return !waiting.has(node.type);
}

function* unreachable(flow: Flow): Iterable<Finding> {
  const reached = new Set(
    flow.nodes.filter((node) => node.z !== undefined && starts(node)).map(({ id }) => id),
  );
  for (const id of reached) for (const next of flow.next(id)) reached.add(next);
  for (const node of flow.nodes) {
    const quotes = node.type === "busbar-quote";
    const reads = node.type === "busbar-meter";
    if (reached.has(node.id) || !(waiting.has(node.type) || quotes || reads)) continue;
    if (node.z === undefined) continue;
    const why = quotes
      ? "a quote needs to be told how much"
      : reads
        ? "it reads on a message only, and none comes"
        : "no message ever comes there";
    yield finding("graph.unreachable", quotes ? "error" : "warning", [node], {
      message: `${nameOf(node)} is never reached: ${why}`,
      remedy: "wire something into it, or take it away",
    });
  }
}

function* dangling(flow: Flow): Iterable<Finding> {
  for (const node of flow.nodes) {
    const speaks = speaking.has(node.type) || node.type === "busbar-meter";
    if (!speaks || node.z === undefined || targetsOf(node).length > 0) continue;
    yield finding("graph.dangling", "warning", [node], {
      message: `what ${nameOf(node)} sends goes nowhere`,
      remedy: "wire its output to what needs it, or take the node away",
    });
  }
}
