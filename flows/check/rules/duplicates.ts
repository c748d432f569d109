import { isVariable, settled } from "../environment.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode } from "../flow.ts";
import { lineOf, meterAt } from "../places.ts";
import { isSource } from "../said.ts";

/** The same meter or device twice. */
export function checkDuplicates(flow: Flow): Finding[] {
  return [
    ...meters(flow),
    ...buses(flow),
    ...devices(flow),
    ...besideUnit(flow),
    ...signedTwice(flow),
  ];
}

const names = (nodes: readonly FlowNode[]) => nodes.map(nameOf).join(" and ");

function* meters(flow: Flow): Iterable<Finding> {
  const all = byKind(flow, "busbar-meter");
  const place = (node: FlowNode) => meterAt(flow, node);
  const named = (node: FlowNode) => settled(flow, node, "meter");
  for (const same of twice(all, place)) {
    const given = new Set(same.map(named));
    if (given.size < 2) continue;
    yield finding("duplicate.meter", "error", same, {
      message: `${names(same)} read one meter (${place(same[0])}) under the names ${[...given].join(", ")}: its energy would be billed twice`,
      remedy: "read it in one node and wire that to all that need it",
    });
  }
  for (const same of twice(all, named)) {
    if (new Set(same.map(place)).size < 2) continue;
    yield finding("duplicate.meter", "error", same, {
      message: `${names(same)} call different meters ${named(same[0])}: their readings would form one chain`,
      remedy: "give each meter a name of its own",
    });
  }
}

function* buses(flow: Flow): Iterable<Finding> {
  const line = (node: FlowNode) => (settled(flow, node, "place") === "" ? "" : lineOf(flow, node));
  for (const same of twice(byKind(flow, "busbar-meter"), line)) {
    const speed = (node: FlowNode) =>
      `${settled(flow, node, "baud")} ${settled(flow, node, "parity").replace(/^default$/, "")}`;
    if (new Set(same.map(speed)).size < 2) continue;
    yield finding("duplicate.bus-settings", "error", same, {
      message: `${names(same)} ask the line ${line(same[0])} at different speeds: only the first would be read`,
      remedy: "set all meters of a line to one speed, in the meters and in the nodes",
    });
  }
}

/** Sign nodes have a journal and order nodes a desk for a device: one each. */
function* devices(flow: Flow): Iterable<Finding> {
  const device = (node: FlowNode) => settled(flow, node, "device");
  const key = (node: FlowNode) => settled(flow, node, "keyFile");
  const signers = byKind(flow, "busbar-sign");
  for (const same of twice(signers, device)) {
    yield finding("duplicate.device", "error", same, {
      message: `${names(same)} sign as ${device(same[0])}: one journal and one sequence of numbers serve one node`,
      remedy: "wire all readings of the device into one sign node, or admit a second device",
    });
  }
  for (const same of twice(byKind(flow, "busbar-order"), device)) {
    yield finding("duplicate.device", "error", same, {
      message: `${names(same)} take the orders of ${device(same[0])}: each would answer, and either ends the other's connection`,
      remedy: "keep one order node for a device and wire it to all that heed it",
    });
  }
  for (const same of twice([...signers, ...byKind(flow, "busbar-order")], key)) {
    if (new Set(same.map(device)).size < 2) continue;
    yield finding("duplicate.device", "error", same, {
      message: `${names(same)} sign with one key file under different devices`,
      remedy: "give each device the key that it was admitted with",
    });
  }
}

/** An edge unit signs by itself: a sign node under its name forks its chain of readings. */
function* besideUnit(flow: Flow): Iterable<Finding> {
  for (const sign of byKind(flow, "busbar-sign")) {
    const device = settled(flow, sign, "device");
    const units = byKind(flow, "busbar-unit").filter(
      (one) => settled(flow, one, "device") === device,
    );
    if (device === "" || units.length === 0) continue;
    yield finding("duplicate.device", "error", [sign, ...units], {
      message: `${nameOf(sign)} signs as ${isVariable(device) ? "the device of" : `${device}, which is the unit of`} ${names(units)}: two that sign as one device fork its chain of readings`,
      remedy:
        "where an edge unit runs, take the sign node away or admit a device of its own for it; where the sign node alone is the device, take the values from the meter node that it is wired to",
    });
  }
}

/** Two ways that a meter's readings reach the ledger, and two meters that reach it as one. */
function* signedTwice(flow: Flow): Iterable<Finding> {
  const signers = byKind(flow, "busbar-sign");
  const signed = byKind(flow, "busbar-meter").flatMap((meter) => {
    const reached = reachedFrom(flow, meter.id);
    const by = signers.filter(({ id }) => reached.has(id));
    return by.length === 0 ? [] : [{ meter, at: meterAt(flow, meter) || meter.id, by }];
  });
  // Two nodes may read one meter, and both be signed.
  for (const same of Map.groupBy(signed, ({ at }) => at).values()) {
    const by = [...new Set(same.flatMap((one) => one.by))];
    const ways = same.map(({ meter }) => meter);
    if (by.length < 2) continue;
    yield finding("duplicate.meter", "error", [...ways, ...by], {
      message: `${names(ways)} is signed by ${names(by)}: its energy would be counted twice`,
      remedy: "wire it into one sign node",
    });
  }
  for (const sign of signers) {
    const named = settled(flow, sign, "meter");
    if (sign.meterType !== "str" || named === "") continue;
    const its = signed.filter(({ by }) => by.includes(sign));
    if (new Set(its.map(({ at }) => at)).size < 2) continue;
    const meters = its.map(({ meter }) => meter);
    yield finding("duplicate.meter", "error", [sign, ...meters], {
      message: `${nameOf(sign)} signs what ${names(meters)} read as one meter, ${named}: its register would jump between them`,
      remedy:
        'let the sign node take the meter\'s name from the message ("meter"), or give each meter a sign node and a device of its own',
    });
  }
}

/** Nodes that what a node sends comes to, before a source puts its own in its place. */
function reachedFrom(flow: Flow, from: string): ReadonlySet<string> {
  const seen = new Set([from]);
  for (const id of seen) {
    const node = flow.byId.get(id);
    if (id !== from && node !== undefined && isSource(node)) continue;
    for (const next of flow.next(id)) seen.add(next);
  }
  return seen;
}

export type AtLeastTwo = readonly [FlowNode, ...FlowNode[]];

/** Nodes that have one key; an empty key is none. */
export function twice(nodes: readonly FlowNode[], key: (node: FlowNode) => string): AtLeastTwo[] {
  const keyed = nodes.filter((node) => key(node) !== "");
  return Array.from(Map.groupBy(keyed, key).values()).flatMap(([first, ...others]) =>
    first === undefined || others.length === 0 ? [] : [[first, ...others] as const],
  );
}
