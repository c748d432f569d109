import type { Flow, FlowNode } from "./flow.ts";
import { textOf } from "./flow.ts";

/** What a message's payload is, as far as the nodes before it tell. */
export type Carried = {
  readonly what: "power" | "import" | "export" | "price" | "reading" | "other";
  /** W, Wh, per kWh; kW where a function divided W by 1000. */
  readonly unit: "W" | "kW" | "Wh" | "kWh" | "per kWh" | "";
  /** The node that it comes from. */
  readonly from: FlowNode;
};

/** Nodes that hand the payload on as it came. */
const passing: ReadonlySet<string> = new Set([
  "rbe",
  "switch",
  "delay",
  "junction",
  "link in",
  "link out",
  "catch",
  "busbar-sign",
]);

/** What reaches a node's input, by every way there is. */
export function carriedTo(flow: Flow, id: string): readonly Carried[] {
  const seen = new Set<string>();
  const found: Carried[] = [];
  const visit = (at: string): void => {
    if (seen.has(at)) return;
    seen.add(at);
    for (const before of flow.previous(at)) {
      const node = flow.byId.get(before);
      if (node === undefined) continue;
      const said = saidBy(node);
      if (said !== undefined) found.push(said);
      else if (passing.has(node.type)) visit(before);
      else if (node.type === "function") found.push(...converted(flow, node));
    }
  };
  visit(id);
  return found;
}

/** What a node says by itself; undefined for one that hands on, or makes what nobody can tell. */
function saidBy(node: FlowNode): Carried | undefined {
  if (node.type === "busbar-price") {
    return node.price === "all" ? undefined : { what: "price", unit: "per kWh", from: node };
  }
  if (node.type !== "busbar-unit" && node.type !== "busbar-meter") return undefined;
  switch (textOf(node, "outputType") || "reading") {
    case "power":
      return { what: "power", unit: "W", from: node };
    case "import":
      return { what: "import", unit: "Wh", from: node };
    case "export":
      return { what: "export", unit: "Wh", from: node };
    case "reading":
      return { what: "reading", unit: "", from: node };
    default:
      return ofCode(node);
  }
}

/** Registers by their OBIS code (IEC 62056-6-1): C = 1 import, 2 export, 16 net; D = 8 energy, 7 now. */
function ofCode(node: FlowNode): Carried {
  const [, c, d] = /^\d+-\d+:(\d+)\.(\d+)\./.exec(textOf(node, "output")) ?? [];
  if (c === "1" && d === "8") return { what: "import", unit: "Wh", from: node };
  if (c === "2" && d === "8") return { what: "export", unit: "Wh", from: node };
  if (d === "7" && (c === "1" || c === "2" || c === "16")) {
    return { what: "power", unit: "W", from: node };
  }
  return { what: "other", unit: "", from: node };
}

/**
 * What a function makes of what it gets, where that can be told: one that does nothing but divide by
 * 1000 turns W into kW and Wh into kWh. Any other may do anything.
 */
function converted(flow: Flow, node: FlowNode): readonly Carried[] {
  const code = textOf(node, "func").replaceAll(/\/\/.*$/gm, "");
  const divides =
    /msg\.payload\s*(?:\/=\s*(?:1000|1e3)|\*=\s*(?:0\.001|1e-3)|=\s*msg\.payload\s*(?:\/\s*(?:1000|1e3)|\*\s*(?:0\.001|1e-3)))\s*;?/;
  const rest = code.replace(divides, "").replaceAll(/return\s+msg\s*;?|\s/g, "");
  if (!divides.test(code) || rest !== "") return [];
  return carriedTo(flow, node.id).map((carried) => ({
    ...carried,
    unit: carried.unit === "W" ? "kW" : carried.unit === "Wh" ? "kWh" : carried.unit,
  }));
}
