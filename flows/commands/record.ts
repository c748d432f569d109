import { appendFileSync } from "node:fs";
import { type FlowNode, parseFlow } from "../check/flow.ts";
import { flowError } from "../nodes/link/errors.ts";
import { parseObject } from "../nodes/link/json.ts";
import { SiteLink } from "../nodes/link/site-link.ts";
import { readDevice } from "../nodes/sign/settings.ts";
import { readSiteSettings, type SiteForm } from "../nodes/site/settings.ts";
import { dayLine } from "../replay/day.ts";
import { orderTopics, topicsFollowed } from "../replay/topics.ts";
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
  const day = new DayWriter((line) => appendFileSync(out, `${line}\n`));
  const write = (topic: string, payload: Buffer) => day.take(topic, payload);
  const links = sites.flatMap((site) => follow(site, { nodes, connection, report, write }));
  return {
    async stop() {
      await Promise.all(links.map((link) => link.close()));
      day.end();
    },
  };
}

type Following = {
  readonly nodes: readonly FlowNode[];
  readonly connection: string;
  report(text: string): void;
  write(topic: string, payload: Buffer): void;
};

/** A connection as the site's identity, and one as each unit whose orders the flow takes. */
function follow(site: FlowNode, { nodes, connection, report, write }: Following): SiteLink[] {
  const read = readSiteSettings({ ...(site as SiteForm), connection });
  if (!read.ok) throw flowError("flows.site-missing", `${read.message} (${read.code})`);
  const { settings } = read;
  const link = (as: typeof settings, topics: readonly string[]) => {
    const made = new SiteLink({ ...as, chain: settings.site, report });
    for (const topic of topics) {
      const onMessage = (payload: Buffer) => write(topic, payload);
      made.follow({ topic, latest: false, onMessage, onRefused: () => {} });
    }
    return made;
  };
  const ordered = nodes.filter((node) => node.type === "busbar-order" && node.site === site.id);
  const devices = new Map(ordered.map(readDevice).map((one) => [one.device, one.signer]));
  const units = Array.from(devices, ([device, signer]) => {
    const as = { ...settings, identity: device, client: `${device}:${connection}`, signer };
    return link(as, orderTopics(settings.site, device));
  });
  return [link(settings, topicsFollowed(nodes, { ...settings, id: site.id })), ...units];
}

/** Messages that wait for the first that tells the time; a site says more than that in no minute. */
const waitingMax = 10_000;

/**
 * Writes a day in the order of the site's time, which may be another than the wall's. Readings tell it;
 * what tells none came at the same distance from the wall's time, and what came before the first reading,
 * such as a retained price, with it.
 */
class DayWriter {
  readonly #write: (line: string) => void;
  #waiting: (readonly [topic: string, payload: Buffer])[] = [];
  #offset: number | undefined;
  #last = 0;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  take(topic: string, payload: Buffer): void {
    const { time } = parseObject(payload) ?? {};
    if (typeof time === "number") this.#offset = time - Date.now();
    this.#waiting.push([topic, payload]);
    if (this.#offset === undefined && this.#waiting.length < waitingMax) return;
    this.#flush(typeof time === "number" ? time : Date.now() + (this.#offset ?? 0));
  }

  /** Writes what still waits: no reading came. */
  end(): void {
    this.#flush(Date.now() + (this.#offset ?? 0));
  }

  /** Never backward. */
  #flush(at: number): void {
    this.#last = Math.max(this.#last, at);
    for (const [topic, payload] of this.#waiting.splice(0)) {
      this.#write(dayLine(this.#last, topic, payload));
    }
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
