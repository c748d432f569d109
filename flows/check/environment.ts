import { isObject } from "../nodes/link/json.ts";
import { byKind, type Flow, type FlowNode } from "./flow.ts";

/** A number that a node's environment holds: its sheet's or subflow's, all sheets', the process's. */
export function numberFrom(flow: Flow, node: FlowNode, name: string): number | undefined {
  const held = heldIn(flow, node, name);
  const text = typeof held === "number" ? String(held) : held?.trim();
  const number = text === undefined || text === "" ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** A node's field with what the environment holds in place of `${NAME}`; as it is where that is not known. */
export function settled(flow: Flow, node: FlowNode, property: string): string {
  const value = node[property];
  const text = typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
  const name = /^\$\{([^}]+)\}$/.exec(text)?.[1];
  const held = name === undefined ? undefined : heldIn(flow, node, name);
  return held === undefined || held === "" ? text : String(held).trim();
}

/** Whether a text stands for something that is not known here. */
export const isVariable = (text: string): boolean => text.includes("${");

function heldIn(flow: Flow, { z }: FlowNode, name: string): string | number | undefined {
  const sheet = z === undefined ? undefined : flow.byId.get(z);
  const instances = byKind(flow, `subflow:${z}`);
  // Each instance may give a subflow's variables values of its own.
  if (instances.some((one) => variableOf(one, name) !== undefined)) return undefined;
  const all = byKind(flow, "global-config");
  for (const place of [sheet, ...all]) {
    const variable = place && variableOf(place, name);
    if (variable === undefined) continue;
    const { type, value } = variable;
    const isPlain = type === "str" || type === "num";
    return isPlain && (typeof value === "string" || typeof value === "number") ? value : undefined;
  }
  return flow.environment[name];
}

function variableOf(
  { env }: FlowNode,
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  return Array.isArray(env) ? env.filter(isObject).find((one) => one.name === name) : undefined;
}
