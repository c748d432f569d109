import { flowError } from "../nodes/link/errors.ts";
import { isObject } from "../nodes/link/json.ts";

/** A node of a flow file, as Node-RED exports it. */
export type FlowNode = {
  readonly id: string;
  readonly type: string;
  readonly z?: string;
  readonly wires?: readonly (readonly string[])[];
} & Readonly<Record<string, unknown>>;

/** Where a message comes from: a node's output, or the place in a flow from which a link is called. */
export type Edge = { readonly from: string; readonly port: number; readonly called?: true };

/** A flow's nodes and where their messages go. Nodes and tabs that are switched off are left out. */
export type Flow = {
  readonly nodes: readonly FlowNode[];
  readonly byId: ReadonlyMap<string, FlowNode>;
  readonly byType: ReadonlyMap<string, readonly FlowNode[]>;
  /** By node: whom its outputs reach at once, links and subflows followed. */
  readonly next: (id: string) => readonly string[];
  readonly previous: (id: string) => readonly string[];
  /** By node: the outputs that are wired or linked to its input. A subflow's input is an output of the subflow. */
  readonly edges: (id: string) => readonly Edge[];
  /** Where a called link gives its messages back, by the node that calls it. */
  readonly returnsTo: (id: string) => readonly FlowNode[];
  /** Counts a step of looking at ways through the flow. Throws: `Failure` `flows.flow-file` beyond all patience. */
  readonly step: () => void;
  /** What the process that runs the flow, or is to, has in its environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
};

/** A flow of more nodes is none that a person drew. */
const nodesMax = 10_000;
/** Ways that are looked at in one: some seconds, for whoever may look at flows may have them checked. */
const stepsMax = 500_000;

/** Reads a flow. Throws: `Failure` `flows.flow-file` for what Node-RED would not import. */
export function parseFlow(value: unknown, environment: Flow["environment"] = {}): Flow {
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
  return flowOf(value, environment);
}

function flowOf(all: readonly FlowNode[], environment: Flow["environment"]): Flow {
  const off = new Set(
    all.filter((node) => node.type === "tab" && node.disabled === true).map(({ id }) => id),
  );
  const nodes = all.filter((node) => node.d !== true && !off.has(node.z ?? ""));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const edges = edgesOf(nodes);
  let steps = 0;
  const next = nextOf(nodes, byId);
  const previous = new Lists<string>();
  for (const [from, targets] of next.lists) for (const to of targets) previous.add(to, from);
  return {
    nodes,
    byId,
    byType: Map.groupBy(nodes, ({ type }) => type),
    next: (id) => next.of(id),
    previous: (id) => previous.of(id),
    edges: (id) => edges.of(id),
    returnsTo: (id) => returnsOf(byId, id),
    environment,
    step: () => {
      steps += 1;
      if (steps <= stepsMax) return;
      const message =
        "more ways lead through this flow than can be looked at; check it sheet by sheet";
      throw flowError("flows.flow-file", message);
    },
  };
}

/** Lists by name. */
class Lists<T> {
  readonly lists = new Map<string, T[]>();

  of(id: string): readonly T[] {
    return this.lists.get(id) ?? [];
  }

  add(id: string, one: T): void {
    const list = this.lists.get(id);
    if (list === undefined) this.lists.set(id, [one]);
    else list.push(one);
  }
}

function edgesOf(nodes: readonly FlowNode[]): Lists<Edge> {
  const edges = new Lists<Edge>();
  for (const node of nodes) {
    const { id: from, wires = [] } = node;
    for (const [port, targets] of wires.entries()) {
      for (const to of targets) edges.add(to, { from, port });
    }
    for (const to of linksOf(node)) {
      edges.add(to, { from, port: 0, ...(node.type === "link call" ? { called: true } : {}) });
    }
    for (const { id: to } of inputsOf(node)) edges.add(to, { from, port: 0 });
  }
  return edges;
}

/** Whom a message reaches that comes into a node, or leaves it: enough to tell what is never reached. */
function nextOf(nodes: readonly FlowNode[], byId: ReadonlyMap<string, FlowNode>): Lists<string> {
  const next = new Lists<string>();
  const instances = Map.groupBy(nodes, ({ type }) => /^subflow:(.+)$/.exec(type)?.[1] ?? "");
  for (const node of nodes) {
    for (const to of targetsOf(node)) next.add(node.id, to);
    const within = /^subflow:(.+)$/.exec(node.type)?.[1];
    const definition = within === undefined ? undefined : byId.get(within);
    if (definition !== undefined) {
      for (const { id } of inputsOf(definition)) next.add(node.id, id);
    }
    if (node.type === "subflow") {
      for (const [port, from] of outputsOf(node).flatMap((wires, i) =>
        wires.map((w) => [i, w.id] as const),
      )) {
        for (const instance of instances.get(node.id) ?? []) {
          const [source, targets] = [from === node.id ? instance.id : from, instance.wires?.[port]];
          for (const to of targets ?? []) next.add(source, to);
        }
      }
    }
    if (node.type === "link call") {
      for (const out of returnsOf(byId, node.id)) {
        for (const to of node.wires?.flat() ?? []) next.add(out.id, to);
      }
    }
  }
  return next;
}

/** The nodes that give a called link's messages back: reached from where it is called. */
function returnsOf(byId: ReadonlyMap<string, FlowNode>, id: string): readonly FlowNode[] {
  const call = byId.get(id);
  const seen = new Set(call === undefined ? [] : linksOf(call));
  for (const at of seen) {
    const node = byId.get(at);
    for (const to of node === undefined ? [] : targetsOf(node)) seen.add(to);
  }
  return [...seen].flatMap((at) => {
    const node = byId.get(at);
    return node?.type === "link out" && node.mode === "return" ? [node] : [];
  });
}

/** The ids that a node's wires and links name, there or not. */
export function targetsOf(node: FlowNode): string[] {
  return [...(node.wires ?? []).flat(), ...linksOf(node)];
}

function linksOf({ type, links, mode, linkType }: FlowNode): string[] {
  const leads =
    (type === "link out" && mode !== "return") || (type === "link call" && linkType !== "dynamic");
  return leads && Array.isArray(links) ? links.map(String) : [];
}

/** Where a subflow's input leads. */
function inputsOf({ type, in: inputs }: FlowNode): readonly Wire[] {
  return type === "subflow" ? portsOf(inputs).flat() : [];
}

/** Where a subflow's outputs come from, by output. */
export function outputsOf({ type, out }: FlowNode): readonly (readonly Wire[])[] {
  return type === "subflow" ? portsOf(out) : [];
}

type Wire = { readonly id: string; readonly port: number };

function portsOf(ports: unknown): readonly (readonly Wire[])[] {
  if (!Array.isArray(ports)) return [];
  return ports.map((port) =>
    isObject(port) && Array.isArray(port.wires)
      ? port.wires
          .filter(isObject)
          .flatMap(({ id, port: at }) =>
            typeof id === "string" ? [{ id, port: typeof at === "number" ? at : 0 }] : [],
          )
      : [],
  );
}

/** A node's property as text, trimmed; empty where there is none. */
export function textOf(node: FlowNode, property: string): string {
  const value = node[property];
  return typeof value === "string" || typeof value === "number" ? String(value).trim() : "";
}

/** All nodes of a type. */
export const byKind = ({ byType }: Flow, type: string): readonly FlowNode[] =>
  byType.get(type) ?? [];
