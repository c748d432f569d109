import { usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import {
  delayAfter,
  fair,
  foul,
  hurriedTiming,
  type Outcome,
  type Plan,
  partition,
  problemIn,
  viewsForNothingMax,
  viewsToHealMax,
} from "./life.ts";
import { Random } from "./random.ts";
import { RealAuditor } from "./real-auditor.ts";
import { RealCluster } from "./real-cluster.ts";
import type { Death, RealMember } from "./real-member.ts";

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
  readonly #weathers: number;
  #calm = false;
  #views = { troubled: 0, healing: 0, after: 0 };

  constructor(seed: number, options: { readonly trace?: (line: string) => void } = {}) {
    const random = new Random(seed);
    this.#random = random;
    const members = random.int(4, 7);
    const frames = random.int(10, 30);
    this.plan = { seed, members, faulty: [], frames, troubleMs: random.int(2_000, 12_000) };
    const hurried = random.chance(0.5);
    this.#hurried = hurried;
    this.#weathers = hurried ? random.int(8, 30) : random.int(1, 5);
    this.#cluster = new RealCluster({
      random,
      count: members,
      timing: hurried ? hurriedTiming : usualTiming,
      blockIntervalMs: random.pick([0, 5, 50]),
      clockOffsetMs: () => random.int(-2_000, 2_000) * 60,
    });
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
    const { agenda, network, up } = this.#cluster;
    const counts = new Map<string, number>();
    for (const { life } of up) {
      for (const [reason, count] of Object.entries(life.engine.status()?.counts ?? {})) {
        counts.set(reason, (counts.get(reason) ?? 0) + count);
      }
    }
    const accused = up.flatMap(({ life }) => life.engine.status()?.evidence ?? []);
    this.#cluster.end();
    return {
      plan: this.plan,
      ok: problem === undefined,
      problem,
      blocks: this.#auditor.height,
      virtualMs: Math.round(agenda.now),
      messages: network.sent,
      views: this.#views,
      counts: Object.fromEntries([...counts].sort()),
      accused: accused.map(({ member }) => member),
    };
  }

  #live(): string | undefined {
    const cluster = this.#cluster;
    const well = cluster.until(
      () => this.#calm && cluster.frames.length === this.plan.frames && cluster.isQuiet,
      this.plan.troubleMs + healMsMax,
    );
    if (!well) return `after ${Math.round(cluster.agenda.now)} ms: ${cluster.standing}`;
    const healing = cluster.said.views - this.#views.troubled;
    this.#views.healing = healing;
    if (healing > viewsToHealMax(this.plan)) return `${healing} views until all was well again`;
    const problem = this.#goOn();
    if (problem !== undefined) return problem;
    this.#auditor.settle(
      cluster.members,
      cluster.frames.map((frame) => Buffer.from(frame).toString("latin1")),
    );
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
    for (let i = 0; i < this.#weathers; i += 1) {
      agenda.at((i * troubleMs) / this.#weathers, () => this.#trouble());
    }
    agenda.at(troubleMs, () => this.#heal());
  }

  #trouble(): void {
    if (this.#calm) return;
    const random = this.#random;
    const { network, members } = this.#cluster;
    network.weather = foul(random);
    network.cut = partition(random, members.length);
    for (const member of random.some(members)) if (random.chance(0.3)) this.#kill(member);
  }

  /** Now, before or after a write, or with the write torn by a power cut. */
  #kill(member: RealMember): void {
    const random = this.#random;
    const { agenda } = this.#cluster;
    if (!member.isUp) return;
    const tear = (before: Buffer, after: Buffer) => {
      let first = 0;
      while (first < before.length && before[first] === after[first]) first += 1;
      return after.subarray(0, random.int(first, after.length - 1));
    };
    const sides: readonly [Death["side"], ...Death["side"][]] = ["before", "after", tear];
    if (random.chance(0.3)) member.crash();
    else member.dieAt({ write: random.int(0, 10), side: random.pick(sides) });
    agenda.at(agenda.now + random.int(10, 5_000), () => {
      if (!member.isUp) member.start();
    });
  }

  #heal(): void {
    this.#calm = true;
    this.#views.troubled = this.#cluster.said.views;
    const { network, members } = this.#cluster;
    network.weather = fair();
    network.cut = () => false;
    for (const member of members) {
      member.live();
      if (!member.isUp) member.start();
    }
  }
}
