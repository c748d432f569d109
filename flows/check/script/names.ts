import type * as acorn from "acorn";

/** Methods that change what they are called on. */
const changing: ReadonlySet<string> = new Set([
  "add",
  "clear",
  "copyWithin",
  "delete",
  "fill",
  "pop",
  "push",
  "reverse",
  "set",
  "shift",
  "sort",
  "splice",
  "unshift",
]);

/** Whether a call changes what stands before its point. */
export const isChanging = (name: string): boolean => changing.has(name);

/** Every node of a syntax tree below one, it too. */
export function* nodesIn(node: unknown): Iterable<acorn.AnyNode> {
  const waiting: unknown[] = [node];
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (Array.isArray(one)) waiting.push(...one);
    else if (typeof one === "object" && one !== null) {
      if (typeof (one as { type?: unknown }).type === "string") yield one as acorn.AnyNode;
      waiting.push(...Object.values(one));
    }
  }
}

/** Names of variables that something below a node assigns to, or to a part of. */
export function assignedIn(node: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  const add = (name: string | undefined) => name !== undefined && names.add(name);
  for (const one of nodesIn(node)) {
    if (one.type === "AssignmentExpression") {
      for (const target of nodesIn(one.left)) {
        if (target.type === "Identifier" || target.type === "MemberExpression") add(rootOf(target));
      }
    } else if (one.type === "UpdateExpression") add(rootOf(one.argument));
    else if (one.type === "ForOfStatement" || one.type === "ForInStatement") {
      for (const target of nodesIn(one.left)) {
        if (target.type === "Identifier") add(target.name);
      }
    } else if (one.type === "CallExpression" && one.callee.type === "MemberExpression") {
      const { property, object } = one.callee;
      if (property.type === "Identifier" && isChanging(property.name)) add(rootOf(object));
    }
  }
  // What flows and nodes offer is no variable of the body.
  for (const given of ["context", "flow", "global", "node", "env", "RED"]) names.delete(given);
  return names;
}

/** The variable at the beginning of `a.b.c`. */
export function rootOf(node: acorn.Node): string | undefined {
  let at = node as acorn.AnyNode;
  while (at.type === "MemberExpression" || at.type === "ChainExpression") {
    at = (at.type === "MemberExpression" ? at.object : at.expression) as acorn.AnyNode;
  }
  return at.type === "Identifier" ? at.name : undefined;
}
