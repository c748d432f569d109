import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FlowNode } from "../check/flow.ts";
import { loadNodeRed, type NodeRed, untilFlowsKnown } from "../runtime/node-red.ts";
import type { DayEvent } from "./day.ts";
import { ReplayLink } from "./link.ts";
import { stillFlow } from "./stilled.ts";
import { VirtualTime } from "./virtual-time.ts";

/** What reached the ends of a flow, by the end's name, in order. */
export type Replayed = {
  readonly ends: ReadonlyMap<string, readonly Point[]>;
  /** Nodes that would have acted on the world, or read from it. */
  readonly stilled: readonly string[];
  /** Events that nobody in the flow listened to. */
  readonly unheard: number;
  readonly errors: readonly string[];
};

/** What an end was given; `at` is the site time of the event or the timer that led to it. */
export type Point = { readonly at: number; readonly value: unknown };

/** Rounds of the event loop without a message: whatever a flow does at once is done by then. */
const quietRounds = 4;
const roundsMax = 100_000;
/** A flow is deployed so long before its day begins, ms: what it does at its start is done by then. */
const leadMs = 1_000;

/** A Node-RED without editor, network and disk of its own, for one process. */
export class HeadlessNodeRed {
  readonly #red: NodeRed = loadNodeRed();
  readonly #userDir = mkdtempSync(join(tmpdir(), "busbar-replay-"));
  readonly #links: ReplayLink[] = [];
  #moving = 0;
  #time = new VirtualTime(0);
  #ends = new Map<string, string>();
  #points = new Map<string, Point[]>();
  #errors: string[] = [];

  async start(nodesDir: string): Promise<void> {
    const link = () => {
      const made = new ReplayLink(({ topic }) =>
        this.#point(`said on ${topic.split("/").slice(3).join("/")}`, topic),
      );
      this.#links.push(made);
      return made;
    };
    this.#red.init(createServer(), {
      userDir: this.#userDir,
      nodesDir: [nodesDir],
      disableEditor: true,
      httpAdminRoot: false,
      httpNodeRoot: false,
      credentialSecret: false,
      telemetry: { enabled: false },
      functionExternalModules: false,
      busbarReplay: { connectionOf: link },
      logging: { replay: { level: "error", handler: () => (entry: unknown) => this.#note(entry) } },
    });
    const known = this.#known();
    await this.#red.start();
    await known;
    this.#red.hooks.add("onReceive.busbar", ({ msg, destination }) => {
      this.#moving += 1;
      const end = this.#ends.get(destination.id);
      if (end !== undefined) this.#point(end, msg.payload);
    });
  }

  /**
   * Runs a day through a flow, whose delays and schedules go by the day's time.
   * Throws: `Failure` `flows.replay-timers`.
   */
  async replay(given: readonly FlowNode[], day: readonly DayEvent[]): Promise<Replayed> {
    await this.#deploy([]);
    this.#time = new VirtualTime((day[0]?.at ?? 0) - leadMs);
    this.#time.install();
    try {
      return await this.#replay(given, day);
    } finally {
      this.#time.restore();
    }
  }

  async #replay(given: readonly FlowNode[], day: readonly DayEvent[]): Promise<Replayed> {
    const { flow, stilled } = stillFlow(given);
    this.#ends = endsOf(flow);
    this.#points = new Map([...this.#ends.values()].map((name) => [name, []]));
    this.#errors = [];
    this.#links.length = 0;
    await this.#deploy(flow);
    await this.#quiet();
    const byName = metersByName(given);
    let unheard = 0;
    for (const event of day) {
      await this.#time.advance(event.at, () => this.#quiet());
      if (!this.#say(event, byName)) unheard += 1;
      await this.#quiet();
    }
    return { ends: this.#points, stilled, unheard, errors: this.#errors };
  }

  async stop(): Promise<void> {
    await this.#red.stop();
    rmSync(this.#userDir, { recursive: true, force: true });
  }

  #say(event: DayEvent, byName: ReadonlyMap<string, string>): boolean {
    if ("topic" in event) {
      const heard = this.#links.map((link) => link.say(event.topic, event.payload));
      return heard.includes(true);
    }
    const node = this.#red.nodes.getNode(byName.get(event.node) ?? "");
    node?.receive({ ...event.msg, time: event.msg.time ?? event.at });
    return node !== null && node !== undefined;
  }

  #point(end: string, value: unknown): void {
    const points = this.#points.get(end) ?? [];
    points.push({ at: this.#time.now, value });
    this.#points.set(end, points);
  }

  #note(entry: unknown): void {
    const { msg } = entry as { msg?: unknown };
    this.#errors.push(msg instanceof Error ? msg.message : String(msg));
  }

  #known(): Promise<void> {
    return untilFlowsKnown(this.#red, (reason) => this.#errors.push(`not started: ${reason}`));
  }

  async #deploy(flows: readonly FlowNode[]): Promise<void> {
    const known = this.#known();
    await this.#red.runtime.flows.setFlows({
      flows: { flows: structuredClone(flows) },
      deploymentType: "full",
    });
    await known;
  }

  /** Resolves when no message moves any more. */
  async #quiet(): Promise<void> {
    let still = 0;
    for (let round = 0; still < quietRounds && round < roundsMax; round += 1) {
      const before = this.#moving;
      await new Promise((resolve) => setImmediate(resolve));
      still = before === this.#moving ? still + 1 : 0;
    }
  }
}

/** Nodes whose outputs lead nowhere, or that act: there the flow's result is seen. */
export function endsOf(flow: readonly FlowNode[]): Map<string, string> {
  const acting = /^busbar-(?:quote|notice|sign)$/;
  const ends = flow.filter(({ type, z, wires }) => {
    if (z === undefined || wires === undefined || type === "comment") return false;
    const leads = wires.flat().length > 0;
    return acting.test(type) || (!leads && type !== "link out" && type !== "group");
  });
  const names = ends.map((node) => String(node.name || node.id));
  const isAlone = (name: string) => names.indexOf(name) === names.lastIndexOf(name);
  return new Map(
    ends.map(({ id }, i) => {
      const name = names[i] ?? id;
      return [id, isAlone(name) ? name : `${name} (${id})`];
    }),
  );
}

/**
 * Meter nodes by what a recorded day calls them: their id, or a name that one of them has alone. No other
 * node hears what a meter said, whatever its name is.
 */
export function metersByName(flow: readonly FlowNode[]): Map<string, string> {
  const meters = flow.filter(({ type }) => type === "busbar-meter");
  const named = meters.flatMap((node) =>
    [...new Set([node.name, node.meter].filter((name) => Boolean(name)).map(String))].map(
      (name) => [name, node.id] as const,
    ),
  );
  const isAlone = (name: string) => named.filter(([other]) => other === name).length === 1;
  return new Map([
    ...named.filter(([name]) => isAlone(name)),
    ...meters.map(({ id }) => [id, id] as const),
  ]);
}
