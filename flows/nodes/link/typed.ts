import { flowError } from "./errors.ts";
import type { Msg, NodeConfig, Red, RedNode } from "./red.ts";

/** The value of a property that a person typed, or that the message, the context or the environment
 * holds. Undefined where nothing was entered, or the message has no such property. */
export function typedValue(
  red: Red,
  { node, config, property }: { node: RedNode; config: NodeConfig; property: string },
  msg: Msg,
): Promise<unknown> {
  const value = config[property];
  const type = String(config[`${property}Type`] ?? "str");
  // Choices of the node's own, such as the next slot, have no value.
  if (value === undefined || value === "" || type === "next") return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    red.util.evaluateNodeProperty(value, type, node, msg, (error, found) => {
      if (error === null || error === undefined) return resolve(found);
      const message = `${property}: ${type}.${String(value)} cannot be read: ${error.message}`;
      reject(flowError("flows.value", message, { cause: error }));
    });
  });
}

/** A finite number within bounds, from a number or its text. Throws: `Failure` `flows.value`. */
export function numberIn(
  name: string,
  value: unknown,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number === "number" && number >= least && number <= most) return number;
  const got = JSON.stringify(value) ?? "nothing";
  throw flowError("flows.value", `${name}: expected a number from ${least} to ${most}, got ${got}`);
}

/** One of some words. Throws: `Failure` `flows.value`. */
export function wordIn<W extends string>(name: string, value: unknown, words: readonly W[]): W {
  const word = words.find((known) => known === value);
  if (word !== undefined) return word;
  const got = JSON.stringify(value) ?? "nothing";
  throw flowError("flows.value", `${name}: expected ${words.join(" or ")}, got ${got}`);
}
