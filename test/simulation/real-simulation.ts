import { usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import {
  delayAfter,
  fair,
  hurriedTiming,
  type Outcome,
  type Plan,
  problemIn,
  viewsForNothingMax,
  viewsToHealMax,
} from "./life.ts";
import { Random } from "./random.ts";
import { RealAuditor } from "./real-auditor.ts";
import { RealCluster } from "./real-cluster.ts";
import { Trouble, toldBy } from "./trouble.ts";

/** After the faults have healed, all that waits must be in blocks within so much virtual time. */
const healMsMax = 120_000;

/**
 * One life of a consortium under a seed, with everything but the network real: engine, application,
 * rules, signatures, SQLite files. Nobody lies in it; links, clocks and processes fail.
 */
export class RealSimulation {
  readonly plan: Plan;
  readonly #random: Random;
  readonly #cluster: RealCluster;
  readonly #auditor: RealAuditor;
  readonly #hurried: boolean;
  readonly #trouble: Trouble;
  #views = { healing: 0, after: 0 };

  constructor(seed: number, options: { readonly trace?: (line: string) => void } = {}) {
    const random = new Random(seed);
    this.#random = random;
    const members = random.int(4, 7);
    const frames = random.int(10, 30);
    this.plan = { seed, members, faulty: [], frames, troubleMs: random.int(2_000, 12_000) };
    const hurried = random.chance(0.5);
    this.#hurried = hurried;
    const weathers = hurried ? random.int(8, 30) : random.int(1, 5);
    this.#cluster = new RealCluster({
      random,
      count: members,
      timing: hurried ? hurriedTiming : usualTiming,
      blockIntervalMs: random.pick([0, 5, 50]),
      clockOffsetMs: () => random.int(-2_000, 2_000) * 60,
    });
    this.#trouble = new Trouble(this.#cluster, random, { weathers, ...this.plan });
    this.#auditor = new RealAuditor(this.#cluster.genesis);
    this.#cluster.onCommit = (member, block) => this.#auditor.look(member, block);
    const { trace } = options;
    if (trace !== undefined) {
      this.#cluster.onSend = (from, message) =>
        trace(
          `${this.#cluster.agenda.now.toFixed(2)} ${from} ${Buffer.from(message).toString("base64")}`,
        );
    }
    this.#schedule();
  }

  /** Can be called once: its files are gone afterwards. */
  run(): Outcome {
    const problem = problemIn(() => this.#live());
    const { agenda, network } = this.#cluster;
    const told = toldBy(this.#cluster);
    this.#cluster.end();
    return {
      plan: this.plan,
      ok: problem === undefined,
      problem,
      blocks: this.#auditor.height,
      virtualMs: Math.round(agenda.now),
      messages: network.sent,
      views: { troubled: this.#trouble.views, ...this.#views },
      ...told,
    };
  }

  #live(): string | undefined {
    const cluster = this.#cluster;
    const well = cluster.until(
      () => this.#trouble.isOver && cluster.frames.length === this.plan.frames && cluster.isQuiet,
      this.plan.troubleMs + healMsMax,
    );
    if (!well) return `after ${Math.round(cluster.agenda.now)} ms: ${cluster.standing}`;
    const healing = cluster.said.views - this.#trouble.views;
    this.#views.healing = healing;
    if (healing > viewsToHealMax(this.plan)) return `${healing} views until all was well again`;
    const problem = this.#goOn();
    if (problem !== undefined) return problem;
    this.#auditor.settle(cluster.members, cluster.frames.length);
    const accused = cluster.members.flatMap(({ life }) => life.engine.status()?.evidence ?? []);
    return accused[0] && `${accused[0].member} is accused and honest`;
  }

  /** All is well: from here on no view is left for nothing, also on slow links. */
  #goOn(): string | undefined {
    const cluster = this.#cluster;
    const { agenda, network, members, said } = cluster;
    const delayMs = delayAfter(this.plan, this.#hurried);
    network.weather = fair(delayMs);
    const most = viewsForNothingMax(delayMs, cluster.hasQuorumInForce);
    const before = said.views;
    const count = 10;
    for (let i = 0; i < count; i += 1) {
      agenda.at(agenda.now + i * 300, () => cluster.read(i, members.slice(i % 4, (i % 4) + 1)));
    }
    const all = this.plan.frames + count;
    if (!cluster.until(() => cluster.frames.length === all && cluster.isQuiet, healMsMax)) {
      return `all was well, and then: ${cluster.standing}`;
    }
    this.#views.after = said.views - before;
    if (this.#views.after <= most) return undefined;
    return `${this.#views.after} views for nothing on links of ${delayMs} ms`;
  }

  #schedule(): void {
    const random = this.#random;
    const { agenda } = this.#cluster;
    const { frames, troubleMs } = this.plan;
    for (let i = 0; i < frames; i += 1) {
      agenda.at(random.next() * troubleMs, () =>
        this.#cluster.read(random.int(0, 2), random.some(this.#cluster.up)),
      );
    }
    this.#trouble.schedule();
  }
}
