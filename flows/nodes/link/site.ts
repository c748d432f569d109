import type { topicsOf } from "@busbar/protocol";
import type { NodeConfig, NodeStatus, Red, RedNode } from "./red.ts";
import type { LinkState, SiteLink } from "./site-link.ts";

/** What a site node offers the nodes that use it. */
export type Site = {
  readonly id: string;
  readonly identity: string;
  readonly portal: string | undefined;
  readonly link: SiteLink;
  readonly topics: ReturnType<typeof topicsOf>;
};

/** What a node wants to hear of its site. */
export type Interest = {
  readonly topic: (site: Site) => string;
  /** See `Follower.latest`. */
  readonly latest: boolean;
  onMessage(payload: Buffer, site: Site): void;
};

/**
 * Ties a node to its site: follows its topic, shows the connection as the node's status, lets go
 * when the node closes. A node without a working site says so, stays silent and gets none back.
 */
export function tieToSite(
  red: Red,
  node: RedNode,
  config: NodeConfig,
  interest: Interest,
): Site | undefined {
  const configured = red.nodes.getNode(String(config.site ?? ""));
  const site = (configured as { readonly site?: Site } | null | undefined)?.site;
  if (site === undefined) {
    node.status({ fill: "red", shape: "ring", text: "busbar.status.no-site" });
    return undefined;
  }
  const stop = site.link.follow({
    topic: interest.topic(site),
    latest: interest.latest,
    onMessage: (payload) => interest.onMessage(payload, site),
    onRefused: () => node.status({ fill: "red", shape: "ring", text: "busbar.status.not-allowed" }),
  });
  const unwatch = site.link.watch((state) => node.status(statusOf(state)));
  node.on("close", (_removed, done) => {
    unwatch();
    stop();
    done();
  });
  return site;
}

/** Node-RED's own words where it has them, so that they read as with its MQTT nodes. */
export function statusOf(state: LinkState): NodeStatus {
  switch (state) {
    case "idle":
    case "connecting":
      return { fill: "yellow", shape: "ring", text: "node-red:common.status.connecting" };
    case "connected":
      return { fill: "green", shape: "ring", text: "node-red:common.status.connected" };
    case "disconnected":
      return { fill: "red", shape: "ring", text: "node-red:common.status.disconnected" };
    case "refused":
      return { fill: "red", shape: "ring", text: "busbar.status.login-refused" };
    default:
      return state satisfies never;
  }
}
