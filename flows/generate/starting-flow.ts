import type { LoadedConfig } from "@busbar/edge";
import type { FlowNode } from "../check/flow.ts";

/** What of a unit's configuration a flow is made of. */
export type UnitConfig = Pick<
  LoadedConfig,
  "site" | "owner" | "device" | "brokers" | "membership" | "agent"
> & {
  readonly meters: readonly Pick<LoadedConfig["meters"][number], "id" | "role" | "profile">[];
};

const column = { source: 160, middle: 400, end: 640 };
const rowHeight = 60;

/**
 * A flow that runs as it is: the unit's meters, the market's prices, the owner's trades and notices,
 * each shown below its node and in the debug sidebar. Ids follow from names, so that the same
 * configuration gives the same flow.
 */
export function startingFlow(config: UnitConfig): readonly FlowNode[] {
  const { site, device, owner, meters, brokers } = config;
  const tab = idOf(device.id, "tab");
  const siteId = idOf(device.id, "site");
  let y = 0;
  const row = () => {
    y += rowHeight;
    return y;
  };
  const comment = (name: string) =>
    node("comment", name, { x: column.middle, y: row(), wires: [] });
  const node = (type: string, name: string, rest: Readonly<Record<string, unknown>>): FlowNode => ({
    id: idOf(device.id, `${type} ${name}`),
    type,
    z: tab,
    name,
    ...rest,
  });
  /** A node that speaks and a debug node that shows it. */
  const shown = (
    type: string,
    name: string,
    rest: Readonly<Record<string, unknown>>,
  ): FlowNode[] => {
    const at = row();
    const debug = node("debug", `${name} →`, { ...debugNode, x: column.end, y: at, wires: [] });
    const source = { site: siteId, x: column.source, y: at, wires: [[debug.id]], ...rest };
    return [node(type, name, source), debug];
  };
  const [broker] = brokers;
  return [
    {
      id: tab,
      type: "tab",
      label: `${device.id} at ${site}`,
      disabled: false,
      info: about(config),
    },
    {
      id: siteId,
      type: "busbar-site",
      name: "",
      broker: broker?.url ?? variable("BUSBAR_BROKER"),
      site,
      member: broker?.id ?? "",
      identity: owner.id,
      connection: "flows",
      keyFile: owner.key ?? variable("BUSBAR_KEY_FILE"),
      portal: variable("BUSBAR_PORTAL"),
    },
    comment("1. What the meters show now (W; below 0 the meter feeds in)"),
    ...meters.flatMap(({ id }) =>
      shown("busbar-unit", id, { device: device.id, meter: id, output: "", outputType: "power" }),
    ),
    comment("2. What a kWh costs, and what was traded"),
    ...shown("busbar-price", "price", { price: "clearing", horizon: "any" }),
    ...shown("busbar-trade", "my trades", { scope: "own", owner: "", events: "all" }),
    comment("3. What the owner is told; wire it on to a phone"),
    ...shown("busbar-notice", "notices", { push: "ntfy", url: "" }),
  ];
}

/**
 * What the examples read from the environment, as far as a unit's configuration says it. Its key is left
 * out: a flow that signed as the unit beside it would part the chain of its readings.
 */
export function environmentOf(config: UnitConfig, portal?: string): Record<string, string> {
  const { site, device, owner, meters, brokers, membership } = config;
  const [broker] = brokers;
  const billed = meters.find(({ role }) => role === "connection") ?? meters[0];
  const known = {
    BUSBAR_BROKER: broker?.url,
    BUSBAR_SITE: site,
    BUSBAR_MEMBER: broker?.id,
    BUSBAR_IDENTITY: owner.id,
    BUSBAR_KEY_FILE: owner.key,
    BUSBAR_MEMBERSHIP: membership,
    BUSBAR_DEVICE: device.id,
    BUSBAR_METER: billed?.id,
    BUSBAR_PORTAL: portal,
  };
  const given = Object.entries(known).filter((pair): pair is [string, string] => Boolean(pair[1]));
  return Object.fromEntries(given);
}

/** A field that Node-RED fills in from the environment. */
const variable = (name: string) => ["$", "{", name, "}"].join("");

const debugNode = {
  active: true,
  tosidebar: true,
  console: false,
  tostatus: true,
  complete: "payload",
  targetType: "msg",
  statusVal: "payload",
  statusType: "auto",
};

/** What to know before a flow quotes beside a unit that quotes by itself; undefined where it does not. */
export const quotesItself = ({ agent, device }: Pick<UnitConfig, "agent" | "device">) =>
  agent.enabled
    ? `${device.id} quotes by itself (agent.enabled in its edge.yaml): switch that off before a flow quotes, for one party quotes one side of a slot.`
    : undefined;

function about(config: UnitConfig): string {
  const { device, meters, owner } = config;
  const hint = quotesItself(config);
  return [
    `Made from the configuration of the unit ${device.id}, whose owner is ${owner.id}.`,
    "",
    ...meters.map(({ id, role, profile }) => `- ${id}: ${profile}, ${role}`),
    "",
    "The site node signs in with the owner's key file. BUSBAR_PORTAL may name the aggregator's portal.",
    ...(hint === undefined ? [] : ["", hint]),
  ].join("\n");
}

/** 16 hexadecimal digits from a text (FNV-1a, twice): Node-RED wants unique ids, not secret ones. */
function idOf(...parts: readonly string[]): string {
  const text = parts.join("\n");
  const half = (basis: number) => {
    let hash = basis;
    for (const sign of text) hash = Math.imul(hash ^ (sign.codePointAt(0) ?? 0), 0x01000193) >>> 0;
    return hash.toString(16).padStart(8, "0");
  };
  return half(0x811c9dc5) + half(0x050c5d1f);
}
