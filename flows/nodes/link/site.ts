import type { Signer, topicsOf } from "@busbar/protocol";
import { flowError } from "./errors.ts";
import type { NodeConfig, NodeStatus, Red, RedNode } from "./red.ts";
import type { LinkState, SiteConnection } from "./site-link.ts";

/** What a site node offers the nodes that use it. */
export type Site = {
  readonly id: string;
  readonly identity: string;
  readonly portal: string | undefined;
  readonly link: SiteConnection;
  /** The broker's address, and the member whose it is. */
  readonly url: string;
  readonly member: string;
  /** Another connection to the broker, as another identity; whoever opens it closes it. */
  open(as: { readonly identity: string; readonly signer: Signer }, report: Report): SiteConnection;
  /** A recorded day stands in the site's place. */
  readonly replayed: boolean;
  /** Signs as the identity. */
  readonly signer: Signer;
  /** Opens what was boxed to the identity. */
  readonly boxSecret: Uint8Array;
  readonly topics: ReturnType<typeof topicsOf>;
};

type Report = (text: string) => void;

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
  const site = siteOf(red, config);
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

/** The site that a node names; undefined where it names none, or one that does not work. */
export function siteOf(red: Red, config: NodeConfig): Site | undefined {
  const configured = red.nodes.getNode(String(config.site ?? ""));
  return (configured as { readonly site?: Site } | null | undefined)?.site;
}

/** The error of a node that was asked for something without a site. */
export const noSite = () =>
  flowError("flows.site-missing", "choose a site in the node, and see that the site has no error");

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
