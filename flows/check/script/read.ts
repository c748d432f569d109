import { type Expression, type Program, parse, parseExpressionAt } from "acorn";
import { type Done, runBody } from "./body.ts";
import { Expressions } from "./expression.ts";
import type { Scope, Surroundings } from "./scope.ts";
import { select, unknown, type Value } from "./value.ts";

/** Nobody writes a longer body by hand. */
const textMax = 100_000;

const options = {
  ecmaVersion: "latest",
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
} as const;

type Environment = Surroundings["environment"];

/** The syntax tree of a function node's body; undefined where it is none. */
export function treeOf(text: string): Program | undefined {
  return text.length > textMax ? undefined : orNothing(() => parse(text, options));
}

/** What a function node's body does; undefined where it cannot be read. */
export function readBody(text: string, environment: Environment): Done | undefined {
  const tree = treeOf(text);
  if (tree === undefined) return undefined;
  return orNothing(() =>
    runBody(tree.body as Parameters<typeof runBody>[0], { environment, bareNames: false }),
  );
}

/**
 * What an expression in JSONata makes of a message, where it is written as it would be in JavaScript
 * too, as arithmetic is.
 */
export function readJsonata(text: string, environment: Environment, message: Value): Value {
  // A name in quotes behind a point is a key.
  const written = text.trim().replaceAll(/\.\s*("[^"]*")/g, "[$1]");
  const node = orNothing(() => whole(written));
  if (node === undefined) return unknown;
  const on = new Expressions(
    { environment, bareNames: true },
    { call: () => unknown, onSend: () => {} },
  );
  return orNothing(() => on.value(node, fieldsOf(message))) ?? unknown;
}

function whole(text: string): Expression | undefined {
  if (text.length > textMax) return undefined;
  const node = parseExpressionAt(text, 0, options);
  return text.slice(node.end).trim() === "" ? node : undefined;
}

/** What rules before have set stands for what the message brought. */
function fieldsOf(message: Value): Scope {
  if (message.kind !== "object") return new Map();
  return new Map([...message.fields.keys()].map((key) => [key, select(message, [key])]));
}

/** A text that is no program, or one so deep that reading it ends in no time, says nothing. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}
