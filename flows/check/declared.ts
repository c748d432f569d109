import type { FlowNode } from "./flow.ts";
import { textOf } from "./flow.ts";

const units = ["kWh", "Wh", "kW", "W"] as const;

/**
 * The unit that a node says its number is in, in a comment of its function or in its description:
 * `unit: kWh`. For what nobody can read out of the node itself.
 */
export function declaredBy(node: FlowNode): (typeof units)[number] | undefined {
  const text = [
    textOf(node, "info"),
    node.type === "function" ? commentsOf(textOf(node, "func")) : "",
  ];
  const said = /(?:\bunit|单位)\s*[:：]\s*(\w+)/i.exec(text.join("\n"))?.[1];
  return units.find((unit) => unit === said);
}

const commentsOf = (code: string): string =>
  Array.from(code.matchAll(/\/\*.*?\*\/|\/\/[^\n]*/gs), ([comment]) => comment).join("\n");
