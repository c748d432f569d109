import type { FlowNode } from "./flow.ts";

/** What `check` finds, and nothing else: code → what is wrong in general. A code is never renamed. */
export const checkCodes = {
  "direction.one-way": "a value that is never below 0 decides between selling and buying",
  "direction.swapped": "import stands where export belongs, or the other way round",
  "direction.turned": "a node turns the sign, and a surplus is bought where it should be sold",
  "direction.wrong-side":
    "energy that was drawn is offered, or energy that was fed in is asked for",
  "duplicate.bus-settings": "meters on one line are asked at different speeds",
  "duplicate.client": "two connections have one MQTT client id and end each other",
  "duplicate.device": "two nodes sign as one device and fork its chain of readings",
  "duplicate.quote": "one energy is quoted by two nodes",
  "duplicate.meter": "one meter is read or signed under two names",
  "graph.dangling": "what a node sends goes nowhere",
  "graph.missing": "a wire, a link or a subflow leads to what is not there",
  "graph.unreachable": "nothing ever reaches a node",
  "path.plain-text": "a broker, portal or webhook on another machine is reached without encryption",
  "path.unsigned": "readings go to the broker without a signature",
  "push.key": "a webhook is signed with no key, or a weak one",
  "quote.horizon": "one message is quoted for every slot, whatever its hour",
  "secret.plain": "a secret stands in the flow, readable by whoever gets it",
  "site.incomplete": "a site lacks a field",
  "site.missing": "a node has no site, and so nothing to tell",
  "unit.factor": "a value is multiplied by what no unit of the node makes of it",
  "unit.kilowatts": "power in kW is taken for energy in kWh",
  "unit.not-a-price": "energy or power stands where a price is expected",
  "unit.not-a-reading": "a single number is to be signed as a reading",
  "unit.phase": "one phase stands for all three",
  "unit.price": "a price stands where energy is expected",
  "unit.reading-kept": "a payload is changed, and the reading beside it is signed as it was",
  "unit.register": "a register's total is taken for the energy of a slot",
  "unit.unknown": "what a node makes of a value cannot be told",
  "unit.wrong": "a value is in another unit than the node takes",
} as const;

export type CheckCode = keyof typeof checkCodes;

/** What is wrong at a place of a flow, and what to do. */
export type Finding = {
  readonly code: CheckCode;
  readonly severity: "error" | "warning";
  /** The nodes concerned, the one to mend first. */
  readonly nodes: readonly { readonly id: string; readonly type: string; readonly name: string }[];
  /** What was found. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
};

/** A finding about some nodes. */
export function finding(
  code: CheckCode,
  severity: Finding["severity"],
  nodes: readonly FlowNode[],
  { message, remedy }: Pick<Finding, "message" | "remedy">,
): Finding {
  const named = nodes.map((node) => ({ id: node.id, type: node.type, name: nameOf(node) }));
  return { code, severity, nodes: named, message, remedy };
}

/** How a person knows a node: its name, else its label, else its type. */
export function nameOf({ name, label, type, id }: FlowNode): string {
  const known = [name, label].find((text) => typeof text === "string" && text !== "");
  return typeof known === "string" ? known : `${type.replace("busbar-", "")} (${id.slice(0, 6)})`;
}
