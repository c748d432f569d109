import type * as acorn from "acorn";
import { assignedIn, isChanging, rootOf } from "./names.ts";
import type { Reader, Scope } from "./scope.ts";
import {
  constant,
  isConstant,
  keysIn,
  nothing,
  object,
  oneOf,
  type Part,
  partOf,
  sizeOf,
  spread,
  unknown,
  type Value,
} from "./value.ts";

/** What of a call only the body knows. */
export type Hooks = {
  /** What a function within the body gives back. */
  call(node: unknown, given: readonly Value[], scope: Scope): Value;
  /** What `node.send` is given. */
  onSend(value: Value): void;
};

type Call = {
  readonly node: acorn.CallExpression | acorn.NewExpression;
  readonly scope: Scope;
};

/** Functions that give back the number that they get, or one close to it. */
const keeping: ReadonlySet<string> = new Set([
  "Math.round",
  "Math.floor",
  "Math.ceil",
  "Math.trunc",
  "Math.fround",
  "Number",
  "Number.parseFloat",
  "Number.parseInt",
  "parseFloat",
  "parseInt",
  "String",
  "structuredClone",
  "RED.util.cloneMessage",
  "Object.freeze",
  "JSON.parse",
  "JSON.stringify",
  // JSONata's.
  "$number",
  "$round",
  "$floor",
  "$ceil",
  "$string",
]);
/** Methods of a number that give it back as it is, or as a text. */
const keepingMethods: ReadonlySet<string> = new Set([
  "toFixed",
  "toPrecision",
  "valueOf",
  "toString",
]);
const stores: ReadonlySet<string> = new Set(["context", "flow", "global"]);

/** What a call gives back. */
export function called(on: Reader, hooks: Hooks, { node, scope }: Call): Value {
  const args = argumentsOf(on, { node, scope });
  const name = nameOf(node.callee);
  const [store = "", method = ""] = name.split(".").slice(-2);
  if (stores.has(store) && (method === "get" || method === "set")) {
    return stored(on, { root: store as Part["root"], method, args });
  }
  if (name === "env.get") return fromEnvironment(on, args);
  if (name === "node.send") {
    hooks.onSend(args[0] ?? nothing);
    return nothing;
  }
  if (name.startsWith("node.")) return nothing;
  if (keeping.has(name)) return args[0] ?? nothing;
  if (name === "Math.abs" || name === "$abs") return sizeOf(args[0] ?? nothing);
  if (name === "Math.max" || name === "Math.min") return bounded(args);
  if (name === "Object.assign") return assigned({ node, scope, args });
  return callOf(on, hooks, { node, scope, args });
}

function callOf(
  on: Reader,
  hooks: Hooks,
  { node, scope, args }: Call & { readonly args: readonly Value[] },
): Value {
  const { callee } = node;
  if (callee.type === "MemberExpression" && callee.property.type === "Identifier") {
    const method = callee.property.name;
    if (keepingMethods.has(method)) return on.value(callee.object, scope);
    const root = rootOf(callee.object);
    if (isChanging(method) && root !== undefined && scope.has(root)) scope.set(root, unknown);
  }
  const body = callee.type === "Super" ? unknown : on.value(callee, scope);
  if (body.kind === "function") return hooks.call(body.node, args, scope);
  return handedOn(on, hooks, { node, scope }, args);
}

/** A call of something that is not here: functions that it is given may be called now or later, with whatever. */
export function handedOn(
  on: Reader,
  hooks: Hooks,
  { node, scope }: Call,
  args: readonly Value[] = argumentsOf(on, { node, scope }),
): Value {
  for (const arg of args) {
    if (arg.kind === "function") hooks.call(arg.node, [], new Map(scope));
  }
  for (const changed of assignedIn(node.arguments)) {
    if (scope.has(changed)) scope.set(changed, unknown);
  }
  return unknown;
}

const argumentsOf = (on: Reader, { node, scope }: Call): readonly Value[] =>
  node.arguments.map((one) => (one.type === "SpreadElement" ? unknown : on.value(one, scope)));

/** `Object.assign` changes what it is given first. */
function assigned({ node, scope, args }: Call & { readonly args: readonly Value[] }): Value {
  const made = args.reduce(spread, args[0] === undefined ? nothing : object([]));
  const [first] = node.arguments;
  if (first?.type === "Identifier" && scope.has(first.name)) scope.set(first.name, made);
  return made;
}

/** `Math.max(0, x)` is x or 0. */
function bounded(args: readonly Value[]): Value {
  const moving = args.filter((one) => !isConstant(one) && one.kind !== "fixed");
  return oneOf(moving.length === 0 ? args : moving);
}

function stored(
  on: Reader,
  { root, method, args }: { root: Part["root"]; method: string; args: readonly Value[] },
): Value {
  const [key, value = nothing] = args;
  if (key?.kind !== "fixed" || typeof key.value !== "string") return unknown;
  const keys = keysIn(key.value);
  if (method === "get") return partOf(root, keys);
  on.stored.push({ at: { root, keys }, value });
  return nothing;
}

function fromEnvironment(on: Reader, [key]: readonly Value[]): Value {
  if (key?.kind !== "fixed" || typeof key.value !== "string") return unknown;
  const number = on.surroundings.environment(key.value);
  return number === undefined ? unknown : constant(number, true);
}

/** `Math.round`, `flow.get`; empty for what is called in another way. */
function nameOf(node: acorn.Node): string {
  const at = node as acorn.AnyNode;
  if (at.type === "Identifier") return at.name;
  if (at.type === "ChainExpression") return nameOf(at.expression);
  if (at.type !== "MemberExpression" || at.computed) return "";
  const before = nameOf(at.object);
  const { property } = at;
  return before === "" || property.type !== "Identifier" ? "" : `${before}.${property.name}`;
}
