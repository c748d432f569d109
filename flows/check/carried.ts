import { isObject } from "../nodes/link/json.ts";
import type { Flow, FlowNode } from "./flow.ts";
import { textOf } from "./flow.ts";
import { type Linear, linearIn, pathOf } from "./linear.ts";

/** What a message's payload is, as far as the nodes before it tell. */
export type Carried = {
  readonly what: "power" | "import" | "export" | "price" | "reading" | "other";
  /** W, Wh, per kWh; kW where a node divided W by 1000, kWh where it multiplied by hours, too. */
  readonly unit: "W" | "kW" | "Wh" | "kWh" | "per kWh" | "";
  /** A node turned the sign: what was drawn is below 0. */
  readonly turned: boolean;
  /** The node that it comes from. */
  readonly from: FlowNode;
};

/** What a source says by itself. */
type Said = Pick<Carried, "what" | "unit">;

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

const whole: Linear = { path: "", factor: 1 };

/**
 * What reaches a node's input, by every way there is. `part`: which of it the node takes, such as
 * `payload.power`.
 */
export function carriedTo(flow: Flow, id: string, part = "payload"): readonly Carried[] {
  const found: Carried[] = [];
  const seen = new Set<string>();
  const visit = (at: string, taken: Linear): void => {
    // A way round that makes another part or multiple of it is one more way, but not without end.
    const key = `${at} ${taken.path} ${taken.factor}`;
    if (seen.has(key) || seen.size > waysMax) return;
    seen.add(key);
    for (const before of flow.previous(at)) {
      const node = flow.byId.get(before);
      if (node === undefined) continue;
      const said = saidBy(node, taken.path);
      if (said !== undefined) found.push(scaled(said, taken.factor, node));
      else if (passing.has(node.type)) visit(before, taken);
      else {
        const made = madeBy(node);
        if (made !== undefined) follow(before, made, taken);
      }
    }
  };
  const follow = (before: string, made: Linear, taken: Linear) => {
    // A part of what is one number is nothing.
    if (made.path !== "" && taken.path !== "") return;
    const path = made.path || taken.path;
    visit(before, { path, factor: made.factor * taken.factor });
  };
  const asked = /^payload(.*)$/.exec(part)?.[1];
  if (asked !== undefined) visit(id, { path: pathOf(asked), factor: 1 });
  return found;
}

/** Ways through a flow that are looked at for one node. */
const waysMax = 2_000;

/** What a source says, or a part of it; undefined for a node that is none. */
function saidBy(node: FlowNode, path: string): Said | undefined {
  if (node.type === "busbar-price") {
    return node.price === "all" ? undefined : { what: "price", unit: "per kWh" };
  }
  if (node.type !== "busbar-unit" && node.type !== "busbar-meter") return undefined;
  switch (textOf(node, "outputType") || "reading") {
    case "power":
      return power;
    case "import":
      return imported;
    case "export":
      return exported;
    case "reading":
      return partOfReading(path);
    case "quantity":
      return ofQuantity(textOf(node, "output"));
    default:
      return ofCode(textOf(node, "output"));
  }
}

const power: Said = { what: "power", unit: "W" };
const imported: Said = { what: "import", unit: "Wh" };
const exported: Said = { what: "export", unit: "Wh" };
const other: Said = { what: "other", unit: "" };

function partOfReading(path: string): Said {
  if (path === "") return { what: "reading", unit: "" };
  if (path === "power") return power;
  if (path === "importWh") return imported;
  if (path === "exportWh") return exported;
  const [, kind, name = ""] = /^(values|quantities)\.(.+)$/.exec(path) ?? [];
  if (kind === undefined) return other;
  return kind === "values" ? ofCode(name) : ofQuantity(name);
}

/** Registers by their OBIS code (IEC 62056-6-1): C = 1 import, 2 export, 16 net; D = 8 energy, 7 now. */
function ofCode(code: string): Said {
  const [, c, d] = /^\d+-\d+:(\d+)\.(\d+)\./.exec(code) ?? [];
  if (c === "1" && d === "8") return imported;
  if (c === "2" && d === "8") return exported;
  return d === "7" && (c === "1" || c === "2" || c === "16") ? power : other;
}

/** Registers by the name that profiles give them. */
function ofQuantity(name: string): Said {
  if (name === "power.total") return power;
  if (name.startsWith("energy.import")) return imported;
  return name.startsWith("energy.export") ? exported : other;
}

function scaled({ what, unit }: Said, factor: number, from: FlowNode): Carried {
  const times = Math.abs(factor);
  const thousandth = Math.abs(times - 0.001) < 1e-12;
  const of = (base: "W" | "Wh"): Carried["unit"] => {
    if (times === 1) return base;
    if (thousandth) return base === "W" ? "kW" : "kWh";
    // Hours are in it, as in W × 0.25 ÷ 1000.
    return "kWh";
  };
  const now = unit === "W" || unit === "Wh" ? of(unit) : unit;
  return { what, unit: now, turned: factor < 0, from };
}

/**
 * What a node makes of the payload that it gets, where that can be told: a part of it, times a number.
 * Any other may do anything.
 */
function madeBy(node: FlowNode): Linear | undefined {
  if (node.type === "function") return ofFunction(textOf(node, "func"));
  if (node.type === "range") return ofRange(node);
  if (node.type !== "change" || !Array.isArray(node.rules)) return undefined;
  const rules = node.rules.filter(isObject);
  const touching = rules.filter(({ p, to }) => [p, to].some((one) => /^payload/.test(String(one))));
  const [rule] = touching;
  if (rule === undefined) return whole;
  const sets = touching.length === 1 && rule.t === "set" && rule.p === "payload";
  if (!sets || (rule.tot !== "msg" && rule.tot !== "jsonata")) return undefined;
  return linearIn(String(rule.to));
}

function ofFunction(func: string): Linear | undefined {
  const code = func
    .replaceAll(/\/\*.*?\*\/|\/\/.*$/gms, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  if (/^return msg ?;?$/.test(code)) return whole;
  const [, returned] =
    /^return \{ ?(?:\.\.\.msg, ?)?payload: ?([^;{},]+?) ?\} ?;?$/.exec(code) ?? [];
  if (returned !== undefined) return linearIn(returned);
  const [, sign, set] = /^msg\.payload ?([*/]?)= ?([^;=]+?) ?; ?return msg ?;?$/.exec(code) ?? [];
  if (set === undefined) return undefined;
  return linearIn(sign === "" ? set : `msg.payload ${sign} (${set})`);
}

/** A range node without a shift. */
function ofRange(node: FlowNode): Linear | undefined {
  const [least, most, to, until] = ["minin", "maxin", "minout", "maxout"].map((name) =>
    Number(textOf(node, name)),
  );
  const factor = ((until ?? 0) - (to ?? 0)) / ((most ?? 0) - (least ?? 0));
  const shifts = Math.abs((to ?? 0) - (least ?? 0) * factor) > 1e-9;
  const isPayload = (textOf(node, "property") || "payload") === "payload";
  return isPayload && Number.isFinite(factor) && factor !== 0 && !shifts
    ? { path: "", factor }
    : undefined;
}
