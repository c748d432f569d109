import { flowError } from "../nodes/link/errors.ts";

/** A node of a flow file, as Node-RED exports it. */
export type FlowNode = {
  readonly id: string;
  readonly type: string;
  readonly z?: string;
  readonly wires?: readonly (readonly string[])[];
} & Readonly<Record<string, unknown>>;

/** A flow's nodes and where their messages go. Nodes and tabs that are switched off are left out. */
export type Flow = {
  readonly nodes: readonly FlowNode[];
  readonly byId: ReadonlyMap<string, FlowNode>;
  /** By node: whom its outputs reach at once, links followed. */
  readonly next: (id: string) => readonly string[];
  readonly previous: (id: string) => readonly string[];
};

/** A flow of more nodes is none that a person drew. */
const nodesMax = 20_000;

/** Reads a flow. Throws: `Failure` `flows.flow-file` for what Node-RED would not import. */
export function parseFlow(value: unknown): Flow {
  const isNode = (one: unknown): one is FlowNode => {
    const { id, type, wires } = (one ?? {}) as FlowNode;
    const isWire = (wire: unknown) =>
      Array.isArray(wire) && wire.every((to) => typeof to === "string");
    return (
      typeof id === "string" &&
      typeof type === "string" &&
      (wires === undefined || (Array.isArray(wires) && wires.every(isWire)))
    );
  };
  if (!Array.isArray(value) || value.length > nodesMax || !value.every(isNode)) {
    throw flowError(
      "flows.flow-file",
      "expected a list of nodes with id, type and wires, as Node-RED exports it",
    );
  }
  return flowOf(value);
}

function flowOf(all: readonly FlowNode[]): Flow {
  const off = new Set(
    all.filter((node) => node.type === "tab" && node.disabled === true).map(({ id }) => id),
  );
  const nodes = all.filter((node) => node.d !== true && !off.has(node.z ?? ""));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const next = new Map<string, string[]>();
  const previous = new Map<string, string[]>();
  for (const node of nodes) {
    for (const to of targetsOf(node)) {
      next.set(node.id, [...(next.get(node.id) ?? []), to]);
      previous.set(to, [...(previous.get(to) ?? []), node.id]);
    }
  }
  return {
    nodes,
    byId,
    next: (id) => next.get(id) ?? [],
    previous: (id) => previous.get(id) ?? [],
  };
}

/** The ids that a node's wires and links name, there or not. */
export function targetsOf({ type, wires = [], links }: FlowNode): string[] {
  const linked = type === "link out" || type === "link call" ? links : [];
  return [...wires.flat(), ...(Array.isArray(linked) ? linked.map(String) : [])];
}

/** A node's property as text, trimmed; empty where there is none. */
export function textOf(node: FlowNode, property: string): string {
  const value = node[property];
  return typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
}
