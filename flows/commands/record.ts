import { appendFileSync } from "node:fs";
import { type FlowNode, parseFlow } from "../check/flow.ts";
import { flowError } from "../nodes/link/errors.ts";
import { parseObject } from "../nodes/link/json.ts";
import { SiteLink } from "../nodes/link/site-link.ts";
import { readSiteSettings, type SiteForm } from "../nodes/site/settings.ts";
import { dayLine } from "../replay/day.ts";
import { topicsFollowed } from "../replay/topics.ts";
import { readFlow } from "./check.ts";

/** Options of `busbar-flows record`. `connection`: a name that no running flow has. */
export type RecordOptions = { readonly out: string; readonly connection: string };

/**
 * `busbar-flows record`: writes down what the sites of a flow say, until it is stopped: a day to
 * replay. Throws: `Failure` `flows.site-missing`, `flows.flow-file`.
 */
export function startRecording(
  file: string,
  { out, connection }: RecordOptions,
  report: (text: string) => void,
): { stop(): Promise<void> } {
  const flow = readFlow(file).map((node) => withEnvironment(node, process.env));
  const { nodes } = parseFlow(flow);
  const sites = nodes.filter(({ type }) => type === "busbar-site");
  if (sites.length === 0) throw flowError("flows.site-missing", `${file}: there is no site in it`);
  const clock = new DayClock();
  const write = (topic: string, payload: Buffer) =>
    appendFileSync(out, `${dayLine(clock.timeOf(payload), topic, payload)}\n`);
  const links = sites.map((site) => follow(site, { nodes, connection, report, write }));
  return { stop: async () => void (await Promise.all(links.map((link) => link.close()))) };
}

type Following = {
  readonly nodes: readonly FlowNode[];
  readonly connection: string;
  report(text: string): void;
  write(topic: string, payload: Buffer): void;
};

function follow(site: FlowNode, { nodes, connection, report, write }: Following): SiteLink {
  const read = readSiteSettings({ ...(site as SiteForm), connection });
  if (!read.ok) throw flowError("flows.site-missing", `${read.message} (${read.code})`);
  const { settings } = read;
  const link = new SiteLink({ ...settings, chain: settings.site, report });
  for (const topic of topicsFollowed(nodes, { ...settings, id: site.id })) {
    const onMessage = (payload: Buffer) => write(topic, payload);
    link.follow({ topic, latest: false, onMessage, onRefused: () => {} });
  }
  return link;
}

/** The site's time: readings tell it, and what tells none came when the wall says. Never backward. */
class DayClock {
  #offset = 0;
  #last = 0;

  timeOf(payload: Buffer): number {
    const { time } = parseObject(payload) ?? {};
    if (typeof time === "number") this.#offset = time - Date.now();
    this.#last = Math.max(this.#last, typeof time === "number" ? time : Date.now() + this.#offset);
    return this.#last;
  }
}

/** A node with `${NAME}` put in from the environment, as Node-RED does. */
export function withEnvironment(
  node: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  const entries = Object.entries(node).map(([key, value]) => {
    const name = typeof value === "string" ? /^\$\{([^}]+)\}$/.exec(value)?.[1] : undefined;
    return [key, name === undefined ? value : (environment[name] ?? value)] as const;
  });
  return Object.fromEntries(entries);
}
