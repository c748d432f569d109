import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode, targetsOf, textOf } from "../flow.ts";

/** Wires that lead nowhere and nodes that nothing reaches. */
export function checkGraph(flow: Flow): Finding[] {
  return [...missing(flow), ...unreachable(flow), ...dangling(flow)];
}

/** Nodes that are there for what they make of a message: without an output wired, it is lost. */
const making: ReadonlySet<string> = new Set([
  "batch",
  "change",
  "csv",
  "delay",
  "html",
  "join",
  "json",
  "junction",
  "range",
  "rbe",
  "sort",
  "split",
  "switch",
  "template",
  "trigger",
  "xml",
  "yaml",
]);

/** Nodes that act on a message only: without one they never do anything. */
const waiting: ReadonlySet<string> = new Set([
  ...making,
  "busbar-ledger",
  "busbar-sign",
  "debug",
  "exec",
  "file",
  "file in",
  "function",
  "http request",
  "http response",
  "link call",
  "link in",
  "link out",
  "mqtt out",
  "tcp out",
  "tcp request",
  "udp out",
]);

/** Nodes that are there for what they send. */
const speaking: ReadonlySet<string> = new Set([
  "busbar-meter",
  "busbar-notice",
  "busbar-order",
  "busbar-price",
  "busbar-trade",
  "busbar-unit",
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
    const within = /^subflow:(.+)$/.exec(node.type)?.[1];
    if (within !== undefined && flow.byId.get(within)?.type !== "subflow") {
      yield finding("graph.missing", "error", [node], {
        message: `${nameOf(node)} is a subflow that is not in this flow`,
        remedy: "export the flow with its subflows, or import the subflow first",
      });
    }
  }
}

/** Those that can begin something by themselves. */
function starts(flow: Flow, node: FlowNode): boolean {
  if (node.type === "busbar-quote" || node.type.startsWith("subflow:")) return false;
  // With a site it tells the owner's notices; without one it only hands on to a phone.
  if (node.type === "busbar-notice") return textOf(node, "site") !== "";
  if (node.type === "busbar-meter") return !["", "0"].includes(textOf(node, "every"));
  // A link that is called by its name is called by nobody that a wire shows.
  if (node.type === "link in" && calledByName(flow)) return true;
  return !waiting.has(node.type);
}

const calledByName = (flow: Flow): boolean =>
  byKind(flow, "link call").some(({ linkType }) => linkType === "dynamic");

function* unreachable(flow: Flow): Iterable<Finding> {
  const used = (node: FlowNode) =>
    flow.byId.get(node.z ?? "")?.type !== "subflow" || byKind(flow, `subflow:${node.z}`).length > 0;
  const reached = new Set(
    flow.nodes.filter((node) => node.z !== undefined && starts(flow, node)).map(({ id }) => id),
  );
  for (const id of reached) for (const next of flow.next(id)) reached.add(next);
  for (const node of flow.nodes) {
    const why = reasonFor(node);
    // A subflow that stands nowhere does nothing, right or wrong.
    if (why === undefined || node.z === undefined || reached.has(node.id) || !used(node)) continue;
    const isQuote = node.type === "busbar-quote";
    yield finding("graph.unreachable", isQuote ? "error" : "warning", [node], {
      message: `${nameOf(node)} is never reached: ${why}`,
      remedy:
        node.type === "link in"
          ? "choose it in a link out or link call node, or take it away"
          : "wire something into it, or take it away",
    });
  }
}

/** Whether a link call gets back what comes to a link out. */
const isCalled = (flow: Flow, { id }: FlowNode): boolean =>
  calledByName(flow) ||
  byKind(flow, "link call").some((call) => flow.returnsTo(call.id).some((one) => one.id === id));

/** What a node lacks that nothing reaches; undefined for one that begins by itself. */
function reasonFor(node: FlowNode): string | undefined {
  if (node.type === "busbar-quote") return "a quote needs to be told how much";
  if (node.type === "busbar-meter") return "it reads on a message only, and none comes";
  if (node.type === "busbar-notice") return "it tells a phone what it gets, and it gets nothing";
  if (node.type === "link in") return "no link leads to it";
  return waiting.has(node.type) ? "no message ever comes there" : undefined;
}

function* dangling(flow: Flow): Iterable<Finding> {
  for (const node of flow.nodes) {
    if (node.z === undefined || targetsOf(node).length > 0) continue;
    const isReturn = node.type === "link out" && node.mode === "return" && isCalled(flow, node);
    const isOutput = byKind(flow, "subflow").some(
      ({ id, out }) => id === node.z && JSON.stringify(out ?? []).includes(`"${node.id}"`),
    );
    if (isReturn || isOutput) continue;
    const tells = node.type !== "busbar-notice" || textOf(node, "site") !== "";
    const speaks = speaking.has(node.type) && tells;
    if (!speaks && !making.has(node.type) && node.type !== "link out") continue;
    yield finding("graph.dangling", "warning", [node], {
      message: `what ${nameOf(node)} ${speaks ? "sends" : "gets"} goes nowhere`,
      remedy:
        node.type === "link out"
          ? "choose the link in node that it leads to or, where it gives something back, call its link in from a link call node"
          : "wire its output to what needs it, or take the node away",
    });
  }
}
