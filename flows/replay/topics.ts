import { topicsOf } from "@busbar/protocol";
import { type FlowNode, textOf } from "../check/flow.ts";

/** What an owner may record of what a flow's nodes follow at one of its sites. `id`: the site node's. */
export function topicsFollowed(
  nodes: readonly FlowNode[],
  { id, site, identity }: { readonly id: string; readonly site: string; readonly identity: string },
): readonly string[] {
  const topics = topicsOf(site);
  const of = (node: FlowNode): string[] => {
    if (textOf(node, "site") !== id) return [];
    switch (node.type) {
      case "busbar-unit":
        return [topics.live(textOf(node, "device"))];
      case "busbar-price":
        return [topics.prices];
      case "busbar-quote":
        // One that quotes by itself offers what its owner has not sold yet.
        return node.when === "gates" ? [topics.gates, topics.positions(identity)] : [topics.gates];
      case "busbar-trade": {
        const owner = textOf(node, "owner");
        const isOwn = node.scope !== "site" && (owner === "" || owner === identity);
        return [isOwn ? topics.ownTrades(identity) : topics.trades];
      }
      case "busbar-notice":
        return [topics.notices(identity)];
      default:
        return [];
    }
  };
  return [...new Set(nodes.flatMap(of))];
}

/** What a unit may record of the orders to it, which come to nobody else. */
export function orderTopics(site: string, device: string): readonly string[] {
  const topics = topicsOf(site);
  return [topics.receipts(device), topics.commands(device)];
}
