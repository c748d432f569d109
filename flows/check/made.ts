import { isObject } from "../nodes/link/json.ts";
import { numberFrom } from "./environment.ts";
import type { Flow, FlowNode } from "./flow.ts";
import { textOf } from "./flow.ts";
import { leavingBy } from "./script/body.ts";
import { readBody, readJsonata } from "./script/read.ts";
import type { Stored } from "./script/scope.ts";
import {
  constant,
  fixed,
  keysIn,
  nothing,
  object,
  type Part,
  partOf,
  product,
  put,
  select,
  sum,
  unknown,
  type Value,
} from "./script/value.ts";

/** What a node does with a message. */
export type Made = {
  /** The messages that leave by an output, told by the one that came. */
  readonly sent: (port: number) => readonly Value[];
  /** What it leaves in a context. */
  readonly stored: readonly Stored[];
};

const came = partOf("msg", []);
const withPayload = (payload: Value) => put(came, ["payload"], payload);
const only = (...sent: readonly Value[]): Made => ({ sent: () => sent, stored: [] });

/** Nodes that hand the message on as it came. */
const passing: ReadonlySet<string> = new Set([
  "batch",
  "busbar-sign",
  "catch",
  "complete",
  "delay",
  "json",
  "junction",
  "link in",
  "link out",
  "rbe",
  "sort",
  "switch",
]);
/** Nodes whose payload comes from outside the flow. */
const outside: ReadonlySet<string> = new Set([
  "exec",
  "file in",
  "http in",
  "http request",
  "mqtt in",
  "status",
  "tcp in",
  "tcp request",
  "udp in",
  "watch",
  "websocket in",
]);

const known = new WeakMap<Flow, Map<FlowNode, Made>>();

/** What a node makes of what it gets, as far as its form and text tell. Any other may make anything. */
export function madeBy(flow: Flow, node: FlowNode): Made {
  const ofFlow = known.get(flow) ?? new Map<FlowNode, Made>();
  known.set(flow, ofFlow);
  const made = ofFlow.get(node) ?? makeOf(flow, node);
  ofFlow.set(node, made);
  return made;
}

function makeOf(flow: Flow, node: FlowNode): Made {
  if (passing.has(node.type)) return only(came);
  if (outside.has(node.type)) return only(withPayload(nothing));
  switch (node.type) {
    case "function":
      return ofFunction(flow, node);
    case "change":
      return ofChange(flow, node);
    case "range":
      return ofRange(node);
    case "trigger":
      return ofTrigger(node);
    case "inject":
      return ofInject(flow, node);
    case "template":
      return ofTemplate(node);
    case "csv":
    case "html":
    case "split":
    case "xml":
    case "yaml":
      return only(withPayload(unknown));
    default:
      return only(unknown);
  }
}

function ofFunction(flow: Flow, node: FlowNode): Made {
  const environment = (name: string) => numberFrom(flow, node, name);
  const done = readBody(textOf(node, "func"), environment);
  if (done === undefined) return only(unknown);
  const begun = readBody(textOf(node, "initialize"), environment);
  return {
    sent: (port) => leavingBy(done.sent, port),
    stored: [...(begun?.stored ?? []), ...done.stored],
  };
}

function ofChange(flow: Flow, node: FlowNode): Made {
  const stored: Stored[] = [];
  let message: Value = came;
  const at = (written: unknown, type: unknown): Part | undefined => {
    const root = type === undefined ? "msg" : type;
    return root === "msg" || root === "flow" || root === "global"
      ? { root, keys: keysIn(String(written)) }
      : undefined;
  };
  const set = (part: Part | undefined, value: Value) => {
    if (part?.root === "msg") message = put(message, part.keys, value);
    else if (part !== undefined) stored.push({ at: part, value });
  };
  const read = (part: Part) =>
    part.root === "msg" ? select(message, part.keys) : partOf(part.root, part.keys);
  for (const { t, p, pt, to, tot } of Array.isArray(node.rules)
    ? node.rules.filter(isObject)
    : []) {
    const from = at(p, pt);
    if (t === "set") {
      const part = at(to, tot);
      set(from, part === undefined ? typed(flow, node, { to, tot, message }) : read(part));
    } else if (t === "move" && from !== undefined) {
      set(at(to, tot), read(from));
      set(from, nothing);
    } else if (t === "delete") set(from, nothing);
    else set(from, unknown);
  }
  return { sent: () => [message], stored };
}

type Typed = { readonly to: unknown; readonly tot: unknown; readonly message: Value };

/** A value that a person typed: a number, a text, an expression. */
function typed(flow: Flow, node: FlowNode, { to, tot, message }: Typed): Value {
  const environment = (name: string) => numberFrom(flow, node, name);
  if (tot === "num") return constant(Number(to));
  if (tot === "jsonata") return readJsonata(String(to), environment, message);
  if (tot === "flow" || tot === "global") return partOf(tot, keysIn(String(to)));
  if (tot !== "env") return fixed(to);
  const number = environment(String(to));
  return number === undefined ? unknown : constant(number, true);
}

function ofRange(node: FlowNode): Made {
  const [least = 0, most = 0, to = 0, until = 0] = ["minin", "maxin", "minout", "maxout"].map(
    (name) => Number(textOf(node, name)),
  );
  const keys = keysIn(textOf(node, "property") || "payload");
  const factor = (until - to) / (most - least);
  const line = product(partOf("msg", keys), constant(factor));
  const moved = sum(line, constant(to - least * factor), 1);
  return only(put(came, keys, Number.isFinite(factor) ? moved : unknown));
}

/** It sends the message itself, or what stands in its form, at once and later. */
function ofTrigger(node: FlowNode): Made {
  const sends = (type: string, value: unknown): readonly Value[] => {
    if (type === "nul" || type === "") return [];
    if (type === "pay" || type === "payl") return [came];
    if (type === "flow" || type === "global") {
      return [withPayload(partOf(type, keysIn(String(value))))];
    }
    return [withPayload(fixed(value))];
  };
  return only(
    ...sends(textOf(node, "op1type"), node.op1),
    ...sends(textOf(node, "op2type"), node.op2),
  );
}

function ofInject(flow: Flow, node: FlowNode): Made {
  const props = Array.isArray(node.props) ? node.props.filter(isObject) : [];
  const fields = props.map(({ p, v, vt }) => {
    const own = p === "payload" && v === undefined;
    const [to, tot] = own ? [node.payload, node.payloadType] : [v, vt];
    return [String(p), typed(flow, node, { to, tot, message: object([]) })] as const;
  });
  return only(fields.reduce((made, [p, value]) => put(made, keysIn(p), value), object([])));
}

/** A template that is one field is that field; any other is a text. */
function ofTemplate(node: FlowNode): Made {
  const keys = keysIn(textOf(node, "field") || "payload");
  if ((textOf(node, "fieldType") || "msg") !== "msg") return only(came);
  const text = textOf(node, "template");
  const field = /^\{\{\{?\s*([^{}#/^!>]+?)\s*\}?\}\}$/.exec(text)?.[1];
  if (field !== undefined) return only(put(came, keys, partOf("msg", keysIn(field))));
  return only(put(came, keys, text.includes("{{") ? unknown : fixed(text)));
}
