import type * as acorn from "acorn";
import { called, type Hooks, handedOn } from "./calls.ts";
import { rootOf } from "./names.ts";
import type { Reader, Scope, Stored, Surroundings } from "./scope.ts";
import {
  barePart,
  constant,
  fixed,
  nothing,
  object,
  oneOf,
  partOf,
  product,
  put,
  quotient,
  select,
  spread,
  sum,
  unknown,
  type Value,
} from "./value.ts";

/** Reads expressions as amounts of parts of the message, as far as their text tells. */
export class Expressions implements Reader {
  readonly stored: Stored[] = [];
  readonly surroundings: Surroundings;
  readonly #hooks: Hooks;

  constructor(surroundings: Surroundings, hooks: Hooks) {
    this.surroundings = surroundings;
    this.#hooks = hooks;
  }

  value(node: acorn.Expression | acorn.Super | acorn.PrivateIdentifier, scope: Scope): Value {
    switch (node.type) {
      case "Literal":
        return typeof node.value === "number" ? constant(node.value) : fixed(node.value);
      case "Identifier":
        return this.#named(node.name, scope);
      case "TemplateLiteral":
        return this.#template(node, scope);
      case "ParenthesizedExpression":
      case "ChainExpression":
        return this.value(node.expression, scope);
      case "AwaitExpression":
        return this.value(node.argument, scope);
      case "SequenceExpression":
        return node.expressions.map((one) => this.value(one, scope)).at(-1) ?? nothing;
      case "MemberExpression": {
        const key = this.#keyOf(node, scope);
        const of = this.value(node.object, scope);
        return key === undefined ? unknown : select(of, [key]);
      }
      case "UnaryExpression":
        return this.#unary(node, scope);
      case "BinaryExpression":
        return this.#binary(node, scope);
      case "LogicalExpression": {
        const [left, right] = [this.value(node.left, scope), this.value(node.right, scope)];
        if (node.operator === "&&") return right;
        // A value to begin with stands for one that comes.
        return right.kind === "fixed" || isPlain(right) ? left : oneOf([left, right]);
      }
      case "ConditionalExpression": {
        this.value(node.test, scope);
        const [one, other] = [new Map(scope), new Map(scope)];
        return oneOf([this.value(node.consequent, one), this.value(node.alternate, other)]);
      }
      case "AssignmentExpression":
        return this.#assign(node, scope);
      case "UpdateExpression": {
        const root = rootOf(node.argument);
        if (root !== undefined) scope.set(root, unknown);
        return unknown;
      }
      case "ArrayExpression":
        return this.#list(node, scope);
      case "ObjectExpression":
        return this.#object(node, scope);
      case "ArrowFunctionExpression":
      case "FunctionExpression":
        return { kind: "function", node };
      case "CallExpression":
        return called(this, this.#hooks, { node, scope });
      case "NewExpression":
        return handedOn(this, this.#hooks, { node, scope });
      default:
        return unknown;
    }
  }

  /** Gives what a pattern names its values. */
  bind(pattern: acorn.Pattern, value: Value, scope: Scope): void {
    switch (pattern.type) {
      case "Identifier":
        scope.set(pattern.name, value);
        return;
      case "MemberExpression":
        this.#set(pattern, value, scope);
        return;
      case "AssignmentPattern":
        this.bind(pattern.left, value, scope);
        return;
      case "ObjectPattern":
        for (const one of pattern.properties) {
          if (one.type === "RestElement") this.bind(one.argument, unknown, scope);
          else {
            const key = this.#keyOf({ property: one.key, computed: one.computed }, scope);
            this.bind(one.value, key === undefined ? unknown : select(value, [key]), scope);
          }
        }
        return;
      case "ArrayPattern":
        for (const [i, one] of pattern.elements.entries()) {
          if (one?.type === "RestElement") this.bind(one.argument, unknown, scope);
          else if (one) this.bind(one, select(value, [String(i)]), scope);
        }
        return;
      default:
        return;
    }
  }

  #named(name: string, scope: Scope): Value {
    const known = scope.get(name);
    if (known !== undefined) return known;
    if (name === "undefined") return nothing;
    if (name === "NaN" || name === "Infinity") return unknown;
    return this.surroundings.bareNames ? partOf("msg", [name]) : unknown;
  }

  /** The key behind a point or in brackets; undefined where it is computed. */
  #keyOf(
    { property, computed }: { readonly property: acorn.Node; readonly computed: boolean },
    scope: Scope,
  ): string | undefined {
    const node = property as acorn.Expression;
    if (!computed && node.type === "Identifier") return node.name;
    const key = this.value(node, scope);
    if (key.kind === "fixed") return String(key.value);
    return isPlain(key) && key.kind === "amount" ? String(key.constant) : undefined;
  }

  #template(node: acorn.TemplateLiteral, scope: Scope): Value {
    const values = node.expressions.map((one) => this.value(one, scope));
    const texts = node.quasis.map(({ value }) => value.cooked ?? "");
    const [only] = values;
    if (only !== undefined && values.length === 1 && texts.every((text) => text.trim() === "")) {
      return only;
    }
    return values.length === 0 ? fixed(texts.join("")) : unknown;
  }

  #unary({ operator, argument }: acorn.UnaryExpression, scope: Scope): Value {
    const value = this.value(argument, scope);
    if (operator === "-") return product(value, constant(-1));
    if (operator === "+") return product(value, constant(1));
    if (operator === "delete") {
      const root = rootOf(argument);
      if (argument.type === "MemberExpression" && root !== undefined) {
        this.#set(argument, nothing, scope);
      }
    }
    // A truth or a text, and no number that came from outside.
    return operator === "~" ? unknown : fixed(true);
  }

  #binary({ operator, left, right }: acorn.BinaryExpression, scope: Scope): Value {
    const [a, b] = [this.value(left, scope), this.value(right, scope)];
    return this.#operated(operator, a, b);
  }

  #operated(operator: string, a: Value, b: Value): Value {
    const isText = [a, b].some((one) => one.kind === "fixed" && typeof one.value === "string");
    if (operator === "+") return isText ? unknown : sum(a, b, 1);
    if (operator === "-") return sum(a, b, -1);
    if (operator === "*") return product(a, b);
    if (operator === "/") return quotient(a, b);
    return /^([<>]=?|[=!]==?|in|instanceof)$/.test(operator) ? fixed(true) : unknown;
  }

  #assign({ operator, left, right }: acorn.AssignmentExpression, scope: Scope): Value {
    const given = this.value(right, scope);
    if (operator === "=") {
      this.bind(left as acorn.Pattern, given, scope);
      return given;
    }
    const now = this.value(left as acorn.Expression, scope);
    const made = /^(\?\?|\|\||&&)=$/.test(operator)
      ? oneOf([now, given])
      : this.#operated(operator.slice(0, -1), now, given);
    this.bind(left as acorn.Pattern, made, scope);
    return made;
  }

  /** Sets a part of a variable, and of the message where the variable is a part of it. */
  #set(target: acorn.MemberExpression, value: Value, scope: Scope): void {
    const root = rootOf(target);
    const keys = this.#keysOf(target, scope);
    if (root === undefined) return;
    const before = scope.get(root);
    if (before === undefined) return;
    if (keys === undefined) {
      scope.set(root, unknown);
      return;
    }
    const origin = before.kind === "object" ? before.rest : barePart(before);
    scope.set(root, put(before, keys, value));
    if (root !== "msg" && origin?.root === "msg" && origin.keys.length > 0) {
      scope.set("msg", put(scope.get("msg") ?? nothing, [...origin.keys, ...keys], value));
    }
  }

  #keysOf(node: acorn.Node, scope: Scope): readonly string[] | undefined {
    const at = node as acorn.AnyNode;
    if (at.type === "Identifier") return [];
    if (at.type !== "MemberExpression") return undefined;
    const before = this.#keysOf(at.object, scope);
    const key = this.#keyOf(at, scope);
    return before === undefined || key === undefined ? undefined : [...before, key];
  }

  #list({ elements }: acorn.ArrayExpression, scope: Scope): Value {
    const items: Value[] = [];
    for (const one of elements) {
      if (one === null) items.push(nothing);
      else if (one.type === "SpreadElement") return unknown;
      else items.push(this.value(one, scope));
    }
    return { kind: "list", items };
  }

  #object({ properties }: acorn.ObjectExpression, scope: Scope): Value {
    let made: Value = object([]);
    for (const one of properties) {
      if (one.type === "SpreadElement") {
        made = spread(made, this.value(one.argument, scope));
        continue;
      }
      const key = this.#keyOf({ property: one.key, computed: one.computed }, scope);
      if (key === undefined) return unknown;
      made = put(made, [key], this.value(one.value, scope));
    }
    return made;
  }
}

/** A number that stands in the text, or that the environment holds. */
const isPlain = (value: Value) => value.kind === "amount" && value.terms.length === 0;
