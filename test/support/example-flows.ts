import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FlowNode } from "../../flows/testing/probe.ts";
import type { FlowsSite } from "./flows-site.ts";

/** What differs from the environment: devices of their own that sign, and a site with an order. */
function own(name: string, site: FlowsSite): Readonly<Record<string, string>> {
  const number = { "modbus-by-hand": "2", "meter-here": "3" }[name];
  if (name === "ev-charger-under-order") return site.orderedEnvironment;
  if (number === undefined) return {};
  return {
    BUSBAR_DEVICE: `unit-${number}`,
    BUSBAR_DEVICE_KEY: site.file(`unit-${number}.json`),
    BUSBAR_METER: `m-${number}`,
  };
}

/** An example as it is imported, with what is its own at a site. */
export function example(name: string, site: FlowsSite): FlowNode[] {
  let text = readFileSync(
    join(import.meta.dirname, "../../flows/examples", `${name}.json`),
    "utf8",
  );
  for (const [variable, value] of Object.entries(own(name, site))) {
    text = text.replaceAll(["$", "{", variable, "}"].join(""), value);
  }
  return JSON.parse(text) as FlowNode[];
}

/** Says something again and again until it is heard: the nodes' connections may still be on their way. */
export async function untilHeard<T>(hear: () => Promise<T>, say: () => void): Promise<T> {
  say();
  const again = setInterval(say, 100);
  try {
    return await hear();
  } finally {
    clearInterval(again);
  }
}

/** A live reading as the site's first unit publishes it. */
export const live = (watts: number, time: number, meter = "m-1") => ({
  meter,
  device: "unit-1",
  time,
  seq: 1,
  quality: 0,
  values: { "1-0:16.7.0": watts },
  quantities: { "power.total": watts },
});

/** Meters of one serial line: three units, one of them read by two nodes, and one node at a wrong speed. */
export function serialFlow(place: string): FlowNode[] {
  const tab = { id: "serial-tab", type: "tab", label: "one serial line" };
  const node = (name: string, unit: number, rest: object = {}) => ({
    id: `serial-${name}`,
    type: "busbar-meter",
    z: tab.id,
    name,
    place,
    profile: "eastron-sdm630",
    unit: String(unit),
    every: "0.1",
    outputType: "power",
    wires: [[]],
    ...rest,
  });
  const wrong = node("at another speed", 1, { every: "0", baud: "2400" });
  return [
    tab,
    node("first", 1),
    node("second", 2),
    node("third", 3),
    node("second again", 2),
    wrong,
    { id: "serial-ask", type: "inject", z: tab.id, name: "ask", props: [], wires: [[wrong.id]] },
    { id: "serial-catch", type: "catch", z: tab.id, name: "wrong", scope: [wrong.id], wires: [[]] },
  ];
}
