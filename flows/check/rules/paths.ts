import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { type Flow, type FlowNode, textOf } from "../flow.ts";

/** Ways to the broker that nobody can trust. */
export function checkPaths(flow: Flow): Finding[] {
  return [...unsigned(flow), ...plain(flow)];
}

const sources: ReadonlySet<string> = new Set(["busbar-meter", "busbar-unit"]);

/** Readings that reach the site's broker, or its topics, by Node-RED's own MQTT node. */
function* unsigned(flow: Flow): Iterable<Finding> {
  const siteHosts = new Set(
    flow.nodes.filter(({ type }) => type === "busbar-site").map(hostOfSite),
  );
  for (const out of flow.nodes.filter(({ type }) => type === "mqtt out")) {
    const broker = flow.byId.get(textOf(out, "broker"));
    const atSite = broker !== undefined && siteHosts.has(hostOfBroker(broker));
    const onTopic = textOf(out, "topic").startsWith("busbar/");
    if (!atSite && !onTopic) continue;
    const before = ancestors(flow, out.id);
    const from = before.filter(({ type }) => sources.has(type));
    if (from.length === 0 && !onTopic) continue;
    yield finding("path.unsigned", "error", [out, ...from], {
      message: `${nameOf(out)} publishes at the site's broker without a signature: the ledger takes nothing that no device signed`,
      remedy: "wire the reading into a sign + publish node instead",
    });
  }
}

function* plain(flow: Flow): Iterable<Finding> {
  for (const site of flow.nodes.filter(({ type }) => type === "busbar-site")) {
    const url = textOf(site, "broker");
    const host = hostOfSite(site);
    if (!url.startsWith("mqtt://") || isHere(host) || host.includes("$")) continue;
    yield finding("path.plain-text", "warning", [site], {
      message: `${nameOf(site)} reaches ${url} in plain text: everybody on the way can watch`,
      remedy: "use mqtts:// with the broker's TLS port (usually 8883)",
    });
  }
}

const isHere = (host: string) =>
  host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);

function hostOfSite(site: FlowNode): string {
  const url = textOf(site, "broker");
  return /^mqtts?:\/\/([^/:]+|\[[^\]]+\])/.exec(url)?.[1] ?? url;
}

const hostOfBroker = (broker: FlowNode): string =>
  textOf(broker, "broker")
    .replace(/^\w+:\/\//, "")
    .replace(/:\d+$/, "");

function ancestors(flow: Flow, id: string): FlowNode[] {
  const seen = new Set([id]);
  for (const at of seen) for (const before of flow.previous(at)) seen.add(before);
  seen.delete(id);
  return [...seen].flatMap((at) => flow.byId.get(at) ?? []);
}
