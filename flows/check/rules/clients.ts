import { settled } from "../environment.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode } from "../flow.ts";
import { brokerOf, mayBeOne } from "../places.ts";

/** A connection that a node makes to a broker. */
type Client = { readonly node: FlowNode; readonly id: string; readonly broker: string | undefined };

/** Connections under one client id end each other, whoever makes them. */
export function checkClients(flow: Flow): Finding[] {
  const clients = [...clientsOf(flow)].filter(({ id }) => id !== "");
  const found: Finding[] = [];
  for (const same of Map.groupBy(clients, ({ id }) => id).values()) {
    const [first, ...others] = same;
    const rivals = others.filter((other) => first !== undefined && areRivals(first, other));
    if (first === undefined || rivals.length === 0) continue;
    const nodes = [first, ...rivals].map(({ node }) => node);
    found.push(
      finding("duplicate.client", "error", nodes, {
        message: `${nodes.map(nameOf).join(" and ")} connect as ${first.id}: the broker ends the one when the other comes`,
        remedy:
          "use one site node for all, or give each a connection name or client id of its own; a sign node connects as its device, an order node as its device and the site node's connection name",
      }),
    );
  }
  return found;
}

/** Two nodes that sign as one device are told as such. */
function areRivals(a: Client, b: Client): boolean {
  const signs = (node: FlowNode) => node.type === "busbar-sign" || node.type === "busbar-order";
  if (signs(a.node) && a.node.type === b.node.type) return false;
  return mayBeOne(a.broker, b.broker);
}

function* clientsOf(flow: Flow): Iterable<Client> {
  const label = (site: FlowNode) => settled(flow, site, "connection") || "flows";
  for (const node of flow.nodes) {
    if (node.type === "mqtt-broker") {
      yield { node, id: settled(flow, node, "clientid"), broker: brokerOf(flow, node) };
    } else if (node.type === "busbar-site") {
      const identity = settled(flow, node, "identity");
      const id = identity === "" ? "" : `${identity}:${label(node)}`;
      yield { node, id, broker: brokerOf(flow, node) };
    } else if (node.type === "busbar-sign" || node.type === "busbar-order") {
      const site = byKind(flow, "busbar-site").find(({ id }) => id === node.site);
      const device = settled(flow, node, "device");
      if (site === undefined || device === "") continue;
      const id = node.type === "busbar-sign" ? device : `${device}:${label(site)}`;
      yield { node, id, broker: brokerOf(flow, site) };
    }
  }
}
