import type * as acorn from "acorn";
import { Expressions } from "./expression.ts";
import { assignedIn } from "./names.ts";
import type { Scope, Stored, Surroundings } from "./scope.ts";
import { each, nothing, oneOf, partOf, unknown, type Value } from "./value.ts";

/** What a function node's body does, as far as its text tells. */
export type Done = {
  /** What it returns or sends: a message, a list of them by output, or nothing. */
  readonly sent: readonly Value[];
  /** What it leaves in a context. */
  readonly stored: readonly Stored[];
};

/** Functions deeper than this in one another are not looked into. */
const depthMax = 6;
/** Statements that are looked at in one body: branches and calls repeat them. */
const statementsMax = 5_000;

/** Goes through a function node's body, every branch of it. Throws: `RangeError` for a body without end. */
export function runBody(statements: readonly acorn.Statement[], surroundings: Surroundings): Done {
  const run = new Run(surroundings);
  run.block(statements, new Map([["msg", partOf("msg", [])]]));
  return { sent: run.sent, stored: run.expressions.stored };
}

class Run {
  readonly expressions: Expressions;
  readonly sent: Value[] = [];
  #statements = 0;
  #depth = 0;
  /** Where `return` leads: out of the node, or out of a function within it. */
  #returns: Value[] = this.sent;

  constructor(surroundings: Surroundings) {
    this.expressions = new Expressions(surroundings, {
      call: (node, given, scope) => this.#call(node, given, scope),
      onSend: (value) => this.sent.push(value),
    });
  }

  /** The scope behind the statements; undefined where none goes on. */
  block(statements: readonly acorn.Node[], scope: Scope): Scope | undefined {
    // Functions stand before all else.
    for (const one of statements as readonly acorn.Statement[]) {
      if (one.type === "FunctionDeclaration") {
        scope.set(one.id.name, { kind: "function", node: one });
      }
    }
    let at: Scope | undefined = scope;
    for (const one of statements) {
      if (at === undefined) break;
      at = this.#statement(one as acorn.Statement, at);
    }
    return at;
  }

  #statement(node: acorn.Statement, scope: Scope): Scope | undefined {
    this.#statements += 1;
    if (this.#statements > statementsMax) throw new RangeError("too many statements");
    const value = (one: acorn.Expression) => this.expressions.value(one, scope);
    switch (node.type) {
      case "ExpressionStatement":
        value(node.expression);
        return scope;
      case "VariableDeclaration":
        for (const { id, init } of node.declarations) {
          if (init) this.expressions.bind(id, value(init), scope);
          else if (id.type === "Identifier") scope.set(id.name, nothing);
        }
        return scope;
      case "ReturnStatement":
        this.#returns.push(node.argument ? value(node.argument) : nothing);
        return undefined;
      case "ThrowStatement":
        value(node.argument);
        return undefined;
      case "IfStatement": {
        value(node.test);
        const then = this.#statement(node.consequent, new Map(scope));
        const other = node.alternate ? this.#statement(node.alternate, new Map(scope)) : scope;
        return joined(then, other);
      }
      case "BlockStatement":
        return this.block(node.body, scope);
      case "TryStatement": {
        const tried = this.block(node.block.body, new Map(scope));
        const caught = node.handler
          ? this.block(node.handler.body.body, new Map(scope))
          : undefined;
        const after = joined(tried, caught);
        return node.finalizer && after ? this.block(node.finalizer.body, after) : after;
      }
      case "SwitchStatement":
        return this.#switch(node, scope);
      case "LabeledStatement":
        return this.#statement(node.body, scope);
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement":
      case "WhileStatement":
      case "DoWhileStatement":
        return this.#loop(node, scope);
      default:
        return scope;
    }
  }

  #switch(node: acorn.SwitchStatement, scope: Scope): Scope | undefined {
    this.expressions.value(node.discriminant, scope);
    const ends = node.cases.map(({ consequent }) => this.block(consequent, new Map(scope)));
    const always = node.cases.some(({ test }) => !test);
    return ends.reduce(joined, always ? undefined : scope);
  }

  /** What a loop changes is anything behind it. */
  #loop(node: acorn.Statement & { readonly body: acorn.Statement }, scope: Scope): Scope {
    for (const name of assignedIn(node)) scope.set(name, unknown);
    this.#statement(node.body, new Map(scope));
    return scope;
  }

  /** What a function within the body gives back. */
  #call(node: unknown, given: readonly Value[], scope: Scope): Value {
    const { params, body } = node as acorn.ArrowFunctionExpression;
    if (this.#depth >= depthMax) return unknown;
    const inner: Scope = new Map(scope);
    for (const [i, param] of params.entries()) {
      this.expressions.bind(param, given[i] ?? unknown, inner);
    }
    // It may change what stands around it, and nobody sees when.
    for (const name of assignedIn(body)) if (scope.has(name)) scope.set(name, unknown);
    const outer = this.#returns;
    const returned: Value[] = [];
    this.#returns = returned;
    this.#depth += 1;
    try {
      if (body.type !== "BlockStatement") return this.expressions.value(body, inner);
      const end = this.block(body.body, inner);
      return oneOf(end === undefined ? returned : [...returned, nothing]);
    } finally {
      this.#returns = outer;
      this.#depth -= 1;
    }
  }
}

function joined(one: Scope | undefined, other: Scope | undefined): Scope | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  const names = new Set([...one.keys(), ...other.keys()]);
  return new Map(
    [...names].map((name) => {
      const [a, b] = [one.get(name) ?? nothing, other.get(name) ?? nothing];
      return [name, a === b ? a : oneOf([a, b])];
    }),
  );
}

/** What leaves by an output, of what a body returned or sent: each message by itself. */
export function leavingBy(sent: readonly Value[], port: number): readonly Value[] {
  const messages: Value[] = [];
  const take = (value: Value): void => {
    if (value.kind === "one-of") value.values.forEach(take);
    else if (value.kind === "list") {
      const at = value.items[port];
      if (at?.kind === "list") at.items.forEach(take);
      else if (at !== undefined) takeOne(at);
    } else if (port === 0) takeOne(value);
  };
  const takeOne = (value: Value) => {
    each(value, (one) => {
      if (one.kind !== "fixed") messages.push(one);
      return one;
    });
  };
  sent.forEach(take);
  return messages;
}
