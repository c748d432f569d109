import { isVariable, settled } from "../environment.ts";
import type { Finding } from "../finding.ts";
import { finding, nameOf } from "../finding.ts";
import { byKind, type Flow, type FlowNode, textOf } from "../flow.ts";
import { brokerOf, hostNamed } from "../places.ts";

/** Ways to the broker that nobody can trust, and what goes over the network readable. */
export function checkPaths(flow: Flow): Finding[] {
  return [...unsigned(flow), ...plain(flow), ...plainPages(flow)];
}

const sources: ReadonlySet<string> = new Set(["busbar-meter", "busbar-unit"]);
const remedy = "wire the reading into a sign + publish node instead";

/** What is sent to the site's broker, or on its topics, by Node-RED's own MQTT node. */
function* unsigned(flow: Flow): Iterable<Finding> {
  const sites = byKind(flow, "busbar-site").map((site) => brokerOf(flow, site));
  for (const out of byKind(flow, "mqtt out")) {
    const node = flow.byId.get(textOf(out, "broker"));
    const broker = node && brokerOf(flow, node);
    const from = ancestors(flow, out.id).filter(({ type }) => sources.has(type));
    const atSite = broker !== undefined && sites.includes(broker);
    if (atSite || textOf(out, "topic").startsWith("busbar/")) {
      yield finding("path.unsigned", "error", [out, ...from], {
        message: `${nameOf(out)} publishes at the site's broker without a signature: the ledger takes nothing that no device signed`,
        remedy:
          from.length > 0
            ? remedy
            : "make a reading { importWh, exportWh } of it and wire that into a sign + publish node; what is no reading belongs to a broker of your own",
      });
      continue;
    }
    const open = [broker, ...sites].some((one) => one !== undefined && isVariable(one));
    if (from.length === 0 || broker === undefined || !open) continue;
    yield finding("path.unsigned", "warning", [out, ...from], {
      message: `${nameOf(out)} publishes readings without a signature, and whether at the site's broker only the environment knows: the ledger would take none of them`,
      remedy: `${remedy}; where the broker is one of your own, check with the environment that the flow will have`,
    });
  }
}

function* plain(flow: Flow): Iterable<Finding> {
  for (const site of byKind(flow, "busbar-site")) {
    const url = settled(flow, site, "broker");
    const host = /^mqtt:\/\/(?:[^@/]*@)?(\[[^\]]+\]|[^:/]+)/i.exec(url)?.[1];
    if (host === undefined || isVariable(url) || isHere(host)) continue;
    yield finding("path.plain-text", "warning", [site], {
      message: `${nameOf(site)} reaches ${hostNamed(host)} in plain text: everybody on the way can watch`,
      remedy: "use mqtts:// with the broker's TLS port (usually 8883)",
    });
  }
}

/** Where a session, a token or what an owner is told goes over HTTP to another machine. */
function* plainPages(flow: Flow): Iterable<Finding> {
  for (const [type, field] of [
    ["busbar-site", "portal"],
    ["busbar-notice", "url"],
  ] as const) {
    for (const node of byKind(flow, type)) {
      const url = settled(flow, node, field);
      if (!/^http:\/\//i.test(url) || !URL.canParse(url) || isHere(new URL(url).hostname)) continue;
      yield finding("path.plain-text", "warning", [node], {
        message: `${nameOf(node)} reaches ${new URL(url).host} in plain text: everybody on the way can read what is said`,
        remedy: "use https://",
      });
    }
  }
}

const isHere = (host: string) => hostNamed(host) === "localhost";

function ancestors(flow: Flow, id: string): FlowNode[] {
  const seen = new Set([id]);
  for (const at of seen) for (const before of flow.previous(at)) seen.add(before);
  seen.delete(id);
  return [...seen].flatMap((at) => flow.byId.get(at) ?? []);
}
