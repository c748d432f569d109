import type { FlowNode } from "./flow.ts";
import { textOf } from "./flow.ts";

/** What a source says by itself. */
export type Said = {
  readonly what:
    | "power"
    | "phase"
    | "import"
    | "export"
    | "energy"
    | "price"
    | "reading"
    | "other"
    | "unknown";
  /** W, Wh, kWh, currency per kWh; empty for all else. */
  readonly unit: "W" | "Wh" | "kWh" | "per kWh" | "";
  /** Which phase of power or energy. */
  readonly phase?: 1 | 2 | 3;
};

const power: Said = { what: "power", unit: "W" };
const imported: Said = { what: "import", unit: "Wh" };
const exported: Said = { what: "export", unit: "Wh" };
const price: Said = { what: "price", unit: "per kWh" };
const reading: Said = { what: "reading", unit: "" };
const other: Said = { what: "other", unit: "" };
const unreadable: Said = { what: "unknown", unit: "" };

/** Nodes of the palette, and what each sets of a message. */
const sets: Readonly<Record<string, readonly string[]>> = {
  "busbar-unit": ["topic", "payload", "device", "meter", "time", "seq", "quality"],
  "busbar-meter": ["topic", "payload", "meter", "time", "serial", "unknown", "reading"],
  "busbar-price": ["topic", "payload", "slot", "reference", "clearing", "feedIn", "retail"],
  "busbar-quote": ["topic", "payload"],
  "busbar-trade": ["topic", "payload", "portal"],
  "busbar-order": ["topic", "payload", "order"],
  "busbar-ledger": ["payload"],
  "busbar-notice": ["topic", "payload", "title", "time", "notice"],
};

/** Whether a node is one of ours that hands on what it does not set. */
export const isOurs = ({ type }: FlowNode): boolean => type in sets;

/** Whether a node tells something of the site: what becomes of it, is looked at. */
export const isSource = (node: FlowNode): boolean =>
  (node.type in sets && node.type !== "busbar-notice" && node.type !== "busbar-quote") ||
  tellsSite(node);

/** The site's own topics, by Node-RED's own node. */
const tellsSite = (node: FlowNode): boolean =>
  node.type === "mqtt in" && textOf(node, "topic").startsWith("busbar/");

/** What a node says at some keys of its message; undefined where it hands on what came. */
export function saidBy(node: FlowNode, keys: readonly string[]): Said | undefined {
  if (tellsSite(node)) return unreadable;
  const [first = "", ...others] = keys;
  if (!sets[node.type]?.includes(first)) return undefined;
  switch (node.type) {
    case "busbar-unit":
    case "busbar-meter":
      if (first === "reading") return reading;
      return first === "payload" ? measured(node, others) : other;
    case "busbar-price":
      return priced(node, first, others);
    case "busbar-quote":
      if (others[0] === "kwh") return { what: "energy", unit: "kWh" };
      return others[0] === "price" ? price : other;
    default:
      return first === "payload" ? unreadable : other;
  }
}

function priced(node: FlowNode, first: string, others: readonly string[]): Said {
  if (["reference", "clearing", "feedIn", "retail"].includes(first)) return price;
  if (first !== "payload") return other;
  if (node.price !== "all") return price;
  const [field = ""] = others;
  return ["reference", "clearing", "feedIn", "retail"].includes(field) ? price : other;
}

function measured(node: FlowNode, keys: readonly string[]): Said {
  const kind = textOf(node, "outputType") || "reading";
  if (kind === "reading") return partOfReading(keys);
  // A part of what is one number is nothing.
  if (keys.length > 0) return other;
  if (kind === "power") return power;
  if (kind === "import") return imported;
  if (kind === "export") return exported;
  const name = textOf(node, "output");
  return kind === "quantity" ? ofQuantity(name) : ofCode(name);
}

function partOfReading([first, ...others]: readonly string[]): Said {
  if (first === undefined) return reading;
  if (first === "power") return power;
  if (first === "importWh") return imported;
  if (first === "exportWh") return exported;
  const name = others.join(".");
  if (first === "values") return ofCode(name);
  return first === "quantities" ? ofQuantity(name) : other;
}

/**
 * Registers by their OBIS code (IEC 62056-6-1): C = 1 import, 2 export, 16 net, and 20, 40, 60 more for
 * one phase; D = 8 energy, 7 now.
 */
function ofCode(code: string): Said {
  const [, c = "", d] = /^\d+-\d+:(\d+)\.(\d+)\./.exec(code) ?? [];
  const [phase, register] = [Math.floor(Number(c) / 20), Number(c) % 20];
  if (d === "8" && phase === 0 && register === 1) return imported;
  if (d === "8" && phase === 0 && register === 2) return exported;
  if (d !== "7" || ![1, 2, 16].includes(register)) return other;
  if (phase === 1 || phase === 2 || phase === 3) return { what: "phase", unit: "W", phase };
  return phase === 0 ? power : other;
}

/** Registers by the name that profiles give them. */
function ofQuantity(name: string): Said {
  if (name === "power.total") return power;
  const phase = /^power\.l([123])$/i.exec(name)?.[1];
  if (phase !== undefined) return { what: "phase", unit: "W", phase: Number(phase) as 1 | 2 | 3 };
  const part = /^energy\.(?:import|export)\.l([123])$/i.exec(name)?.[1];
  if (part !== undefined) return { what: "phase", unit: "Wh", phase: Number(part) as 1 | 2 | 3 };
  if (name.startsWith("energy.import")) return imported;
  return name.startsWith("energy.export") ? exported : other;
}
