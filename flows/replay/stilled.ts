import type { FlowNode } from "../check/flow.ts";

/** Core nodes that touch nothing but messages: they run in a replay as they are. */
const pure: ReadonlySet<string> = new Set([
  "batch",
  "catch",
  "change",
  "comment",
  "complete",
  "csv",
  "debug",
  "delay",
  "function",
  "group",
  "html",
  "inject",
  "join",
  "json",
  "junction",
  "link call",
  "link in",
  "link out",
  "range",
  "rbe",
  "sort",
  "split",
  "status",
  "subflow",
  "switch",
  "tab",
  "template",
  "trigger",
  "xml",
  "yaml",
]);

/** Ours, which know that a day is replayed. */
const ours = /^busbar-(?:site|unit|price|quote|trade|order|notice|sign)$/;

/** What has no sheet and is needed all the same. */
const kept = /^(?:tab|subflow|busbar-site)$/;

/**
 * A flow that can be replayed without touching the world: nodes that would act on it, or read from
 * it, become functions that hand on what they are given. `stilled`: those, by name.
 */
export function stillFlow(flow: readonly FlowNode[]): {
  readonly flow: readonly FlowNode[];
  readonly stilled: readonly string[];
} {
  const stilled: string[] = [];
  const still = (node: FlowNode): FlowNode => {
    if (pure.has(node.type) || ours.test(node.type) || node.type.startsWith("subflow:"))
      return node;
    // Without wires and a sheet it is a configuration, which nobody uses any more.
    if (node.z === undefined || node.wires === undefined) return node;
    stilled.push(String(node.name || node.type));
    const { id, z, wires, name = "" } = node;
    return { id, z, wires, name, type: "function", func: "return msg;", outputs: wires.length };
  };
  // Configurations of nodes that are stilled, such as brokers, would connect.
  const keeps = ({ z, type }: FlowNode) => z !== undefined || kept.test(type);
  return { flow: flow.map(still).filter(keeps), stilled };
}
