import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { type Flow, type FlowNode, textOf } from "../flow.ts";

/** The same meter, device or connection twice. */
export function checkDuplicates(flow: Flow): Finding[] {
  return [
    ...meters(flow),
    ...buses(flow),
    ...devices(flow),
    ...clients(flow),
    ...signedTwice(flow),
  ];
}

function* meters(flow: Flow): Iterable<Finding> {
  const place = (node: FlowNode) =>
    ["place", "unit", "address"].map((name) => textOf(node, name)).join(" · ");
  for (const same of twice(flow, "busbar-meter", place)) {
    const names = new Set(same.map((node) => textOf(node, "meter")));
    if (names.size < 2) continue;
    yield finding("duplicate.meter", "error", same, {
      message: `${same.map(nameOf).join(" and ")} read one meter (${place(same[0])}) under the names ${[...names].join(", ")}: its energy would be billed twice`,
      remedy: "read it in one node and wire that to all that need it",
    });
  }
  for (const same of twice(flow, "busbar-meter", (node) => textOf(node, "meter"))) {
    if (new Set(same.map(place)).size < 2) continue;
    yield finding("duplicate.meter", "error", same, {
      message: `${same.map(nameOf).join(" and ")} call different meters ${textOf(same[0], "meter")}: their readings would form one chain`,
      remedy: "give each meter a name of its own",
    });
  }
}

function* buses(flow: Flow): Iterable<Finding> {
  for (const same of twice(flow, "busbar-meter", (node) => textOf(node, "place"))) {
    const settings = new Set(
      same.map((node) => `${textOf(node, "baud")} ${textOf(node, "parity")}`),
    );
    if (settings.size < 2) continue;
    yield finding("duplicate.bus-settings", "error", same, {
      message: `${same.map(nameOf).join(" and ")} ask the line ${textOf(same[0], "place")} at different speeds: only the first would be read`,
      remedy: "set all meters of a line to one speed, in the meters and in the nodes",
    });
  }
}

function* devices(flow: Flow): Iterable<Finding> {
  const device = (node: FlowNode) => textOf(node, "device");
  for (const same of twice(flow, "busbar-sign", device)) {
    yield finding("duplicate.device", "error", same, {
      message: `${same.map(nameOf).join(" and ")} sign as ${device(same[0])}: one journal and one sequence of numbers serve one node`,
      remedy: "wire all readings of the device into one sign node, or admit a second device",
    });
  }
  const key = (node: FlowNode) => textOf(node, "keyFile");
  for (const same of twice(flow, "busbar-sign", key)) {
    if (new Set(same.map(device)).size < 2) continue;
    yield finding("duplicate.device", "error", same, {
      message: `${same.map(nameOf).join(" and ")} sign with one key file under different devices`,
      remedy: "give each device the key that it was admitted with",
    });
  }
}

function* clients(flow: Flow): Iterable<Finding> {
  const site = (node: FlowNode) =>
    [
      textOf(node, "site"),
      `${textOf(node, "identity")}:${textOf(node, "connection") || "flows"}`,
    ].join(" ");
  for (const same of twice(flow, "busbar-site", site)) {
    yield finding("duplicate.client", "error", same, {
      message: `${same.map(nameOf).join(" and ")} connect as ${site(same[0])}: the broker ends the one when the other comes`,
      remedy: "use one site node for all, or give each a connection name of its own",
    });
  }
  const client = (node: FlowNode) =>
    textOf(node, "clientid") && `${textOf(node, "broker")} ${textOf(node, "clientid")}`;
  for (const same of twice(flow, "mqtt-broker", client)) {
    yield finding("duplicate.client", "error", same, {
      message: `${same.map(nameOf).join(" and ")} have one client id at one broker: ${textOf(same[0], "clientid")}`,
      remedy: "leave the client id empty, or give each its own",
    });
  }
}

/** Two ways that a meter's readings reach the ledger. */
function* signedTwice(flow: Flow): Iterable<Finding> {
  const signers = flow.nodes.filter(({ type }) => type === "busbar-sign");
  for (const meter of flow.nodes.filter(({ type }) => type === "busbar-meter")) {
    const by = signers.filter((sign) => reaches(flow, meter.id, sign.id));
    if (by.length < 2) continue;
    yield finding("duplicate.meter", "error", [meter, ...by], {
      message: `${nameOf(meter)} is signed by ${by.map(nameOf).join(" and ")}: its energy would be counted twice`,
      remedy: "wire it into one sign node",
    });
  }
}

function reaches(flow: Flow, from: string, to: string): boolean {
  const seen = new Set([from]);
  for (const id of seen) for (const next of flow.next(id)) seen.add(next);
  return seen.has(to);
}

type AtLeastTwo = readonly [FlowNode, ...FlowNode[]];

function twice(flow: Flow, type: string, key: (node: FlowNode) => string): AtLeastTwo[] {
  const ofType = flow.nodes.filter((node) => node.type === type && key(node) !== "");
  return Array.from(Map.groupBy(ofType, key).values()).flatMap(([first, ...others]) =>
    first === undefined || others.length === 0 ? [] : [[first, ...others] as const],
  );
}
