import type { Flow, FlowNode } from "./flow.ts";
import { byKind, textOf } from "./flow.ts";
import { madeBy } from "./made.ts";
import { isSource } from "./said.ts";
import { keyOf, keysIn, type Part, type Value } from "./script/value.ts";

/** What nodes leave where a node reads it. */
export function* storedAt(flow: Flow, node: FlowNode, part: Part) {
  if (part.root === "msg") return;
  for (const writer of [...byKind(flow, "function"), ...byKind(flow, "change")]) {
    if (part.root === "context" && writer.id !== node.id) continue;
    if (part.root === "flow" && writer.z !== node.z) continue;
    for (const { at, value } of madeBy(flow, writer).stored) {
      const isIts = at.root === part.root && at.keys.every((key, i) => part.keys[i] === key);
      if (isIts) yield { writer, at, value };
    }
  }
}

/** What is made of what was there before, as a running mean is, is no multiple of anything. */
export function dependsOn(value: Value, part: Part): boolean {
  if (value.kind === "one-of") return value.values.some((one) => dependsOn(one, part));
  if (value.kind === "object")
    return [...value.fields.values()].some((one) => dependsOn(one, part));
  return value.kind === "amount" && value.terms.some((term) => keyOf(term.part) === keyOf(part));
}

/** The nearest nodes behind one that tell something of the site, by wires and by contexts. */
export function sourcesBehind(flow: Flow, node: FlowNode): readonly FlowNode[] {
  const seen = new Set([node.id]);
  const sources: FlowNode[] = [];
  for (const id of seen) {
    const at = flow.byId.get(id);
    if (at === undefined) continue;
    if (id !== node.id && isSource(at)) {
      sources.push(at);
      continue;
    }
    for (const before of flow.previous(id)) seen.add(before);
    for (const writer of writersFor(flow, at)) seen.add(writer.id);
  }
  return sources;
}

/** Functions and change nodes that leave something in a context that a function reads. */
function writersFor(flow: Flow, node: FlowNode): readonly FlowNode[] {
  if (node.type !== "function") return [];
  const read = new Set(
    Array.from(
      textOf(node, "func").matchAll(/\b(?:flow|global)\.get\(\s*["'`]([^"'`]+)/g),
      ([, key = ""]) => keysIn(key)[0],
    ),
  );
  if (read.size === 0) return [];
  return [...byKind(flow, "function"), ...byKind(flow, "change")].filter((one) =>
    madeBy(flow, one).stored.some(({ at }) => at.root !== "context" && read.has(at.keys[0])),
  );
}
