import { carriedIn, carriedTo } from "./carried.ts";
import { type Flow, type FlowNode, textOf } from "./flow.ts";
import type { Carried } from "./gathered.ts";
import { keysIn } from "./script/value.ts";

/** What reaches a field that takes its value from the message, or from what flows remember. */
export function takenBy(flow: Flow, node: FlowNode, field: string): readonly Carried[] {
  const [type, written] = [textOf(node, `${field}Type`), textOf(node, field)];
  if (type === "msg") return carriedTo(flow, node.id, written);
  if (type !== "flow" && type !== "global") return [];
  return carriedIn(flow, node, { root: type, keys: keysIn(written) });
}
