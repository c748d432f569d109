import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { type Flow, textOf } from "../flow.ts";

const needing: ReadonlySet<string> = new Set([
  "busbar-sign",
  "busbar-unit",
  "busbar-price",
  "busbar-quote",
  "busbar-trade",
  "busbar-order",
  "busbar-ledger",
]);

/** Nodes without a site, and sites without what a connection takes. */
export function checkSites(flow: Flow): Finding[] {
  return [...missing(flow), ...incomplete(flow)];
}

function* missing(flow: Flow): Iterable<Finding> {
  for (const node of flow.nodes) {
    const site = textOf(node, "site");
    // Without a site a notice node hands on what it gets; it has to know where to.
    const tells = node.type === "busbar-notice" && (site !== "" || textOf(node, "url") === "");
    if (!needing.has(node.type) && !tells) continue;
    if (flow.byId.get(site)?.type === "busbar-site") continue;
    const why = site === "" ? "names no site" : "names a site that is not in this flow";
    yield finding("site.missing", "error", [node], {
      message: `${nameOf(node)} ${why}: it would stay silent`,
      remedy: "open the node and choose a site, or make one with the pencil beside it",
    });
  }
}

function* incomplete(flow: Flow): Iterable<Finding> {
  for (const site of flow.nodes.filter(({ type }) => type === "busbar-site")) {
    const empty = ["broker", "site", "identity"].filter((field) => textOf(site, field) === "");
    if (empty.length > 0) {
      yield finding("site.incomplete", "error", [site], {
        message: `${nameOf(site)} lacks ${empty.join(", ")}`,
        remedy: "the operator of the site tells them; membership.json has the site's id as chain",
      });
    }
    const asksPortal = flow.nodes.filter(
      (node) =>
        node.type === "busbar-ledger" && node.operation !== "verify" && node.site === site.id,
    );
    if (asksPortal.length > 0 && textOf(site, "portal") === "") {
      yield finding("site.incomplete", "error", [site, ...asksPortal], {
        message: `${nameOf(site)} names no portal, which ${asksPortal.map(nameOf).join(", ")} would ask`,
        remedy: "enter the portal's address, like http://127.0.0.1:8080",
      });
    }
  }
}
