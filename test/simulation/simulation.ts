import { usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import { Violation } from "./auditor.ts";
import { manners } from "./byzantine.ts";
import { Cluster, type Liar, type Place } from "./cluster.ts";
import type { Cut } from "./network.ts";
import { Random } from "./random.ts";

/** What a seed drew, in words. */
export type Plan = {
  readonly seed: number;
  readonly members: number;
  readonly faulty: readonly Liar[];
  readonly frames: number;
  readonly troubleMs: number;
};

/** How a seed went. */
export type Outcome = {
  readonly plan: Plan;
  readonly ok: boolean;
  readonly problem: string | undefined;
  readonly blocks: number;
  readonly virtualMs: number;
  readonly messages: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly accused: readonly string[];
};

/** After the faults have healed, all that waits must be in blocks within so much virtual time. */
const healMsMax = 240_000;

/** One life of a consortium under a seed: trouble, then healing, looked at after every step. */
export class Simulation {
  readonly plan: Plan;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #weathers: number;
  #submissions = 0;
  #calm = false;

  constructor(seed: number, options: { readonly trace?: (line: string) => void } = {}) {
    const random = new Random(seed);
    this.#random = random;
    const size = random.int(4, 10);
    const ids = Array.from({ length: size }, (_, i) => `m${String(i).padStart(2, "0")}`);
    const count = random.chance(0.2) ? 0 : random.int(1, Math.floor((size - 1) / 3));
    const liars = random.shuffled(ids).slice(0, count);
    // The first liar's manner goes round with the seeds, so that few seeds see each.
    const turn = manners[seed % manners.length] ?? "silent";
    const faulty = liars.map((id, i) => ({ id, manner: i === 0 ? turn : random.pick(manners) }));
    const others = ["n0", "n1"].slice(0, random.int(0, 2));
    const frames = random.int(10, 40);
    this.plan = { seed, members: size, faulty, frames, troubleMs: random.int(5_000, 40_000) };
    // Half of the lives are hurried: short limits and ever new partitions make many views fail.
    const hurried = random.chance(0.5);
    this.#weathers = hurried ? random.int(20, 80) : random.int(1, 6);
    this.#cluster = new Cluster({
      random,
      ids,
      others,
      liars: faulty,
      timing: hurried ? { ...usualTiming, requestMs: 200, resendMs: 100 } : usualTiming,
      framesPerBlock: random.int(1, 8),
      clockOffsetMs: () => random.int(-2_000, 2_000),
    });
    this.#cluster.trace = options.trace;
    this.#schedule();
    this.#replaceMembers(ids, { others, liars });
  }

  run(): Outcome {
    let problem: string | undefined;
    try {
      problem = this.#live();
    } catch (error) {
      // A failed assertion stops a process for good, and so is no better than a broken rule.
      if (!(error instanceof Error)) throw error;
      problem = error instanceof Violation ? error.message : (error.stack ?? error.message);
    }
    const { auditor, agenda, network, counts, accused } = this.#cluster;
    return {
      plan: this.plan,
      ok: problem === undefined,
      problem,
      blocks: auditor.height,
      virtualMs: Math.round(agenda.now),
      messages: network.sent,
      counts: Object.fromEntries([...counts].sort()),
      accused: [...accused.keys()].sort(),
    };
  }

  /** Lives until all is well again; says what is not. */
  #live(): string | undefined {
    const cluster = this.#cluster;
    const well = cluster.until(
      () => this.#calm && cluster.frames.length === this.#submissions && cluster.isQuiet,
      this.plan.troubleMs + healMsMax,
    );
    if (!well) return `after ${Math.round(cluster.agenda.now)} ms: ${cluster.standing}`;
    const guilty = new Set(this.plan.faulty.map(({ id }) => id));
    const innocent = [...cluster.accused.keys()].find((id) => !guilty.has(id));
    return innocent === undefined ? undefined : `${innocent} is accused and honest`;
  }

  #schedule(): void {
    const random = this.#random;
    const { agenda } = this.#cluster;
    const { frames, troubleMs } = this.plan;
    this.#submissions += frames;
    for (let i = 0; i < frames; i += 1) {
      const line = `pay a${random.int(0, 9)} a${random.int(0, 9)} ${random.int(1, 100)} #${i}`;
      agenda.at(random.next() * troubleMs, () => this.#cluster.submit(line));
    }
    for (let i = 0; i < this.#weathers; i += 1) {
      agenda.at((i * troubleMs) / this.#weathers, () => this.#trouble());
    }
    agenda.at(troubleMs, () => this.#heal());
  }

  /** In some lives the voters change: each list is one that bears all the liars there are. */
  #replaceMembers(
    ids: readonly string[],
    { others, liars }: { readonly others: readonly string[]; readonly liars: readonly string[] },
  ): void {
    const random = this.#random;
    if (random.chance(0.5)) return;
    let present = ids;
    for (let i = random.int(1, 3); i > 0; i -= 1) {
      const guest = random.pick(others.filter((id) => !present.includes(id)));
      const leaves = random.chance(0.5) ? random.pick(present) : undefined;
      const next = [
        ...present.filter((id) => id !== leaves),
        ...(guest === undefined ? [] : [guest]),
      ];
      const bearable = Math.floor((next.length - 1) / 3);
      const liarsLeft = liars.filter((id) => next.includes(id)).length;
      if (next.length < 4 || liarsLeft > bearable || next.join() === present.join()) continue;
      present = next;
      this.#submissions += 1;
      const line = `members ${next.join()} #m${i}`;
      const { agenda } = this.#cluster;
      agenda.at(random.next() * this.plan.troubleMs, () => this.#cluster.submit(line));
    }
  }

  /** Another kind of weather: links, slow machines, partitions, deaths. */
  #trouble(): void {
    if (this.#calm) return;
    const random = this.#random;
    const { network, places } = this.#cluster;
    network.weather = {
      delayMsMax: random.pick([5, 20, 100]),
      loss: random.pick([0, 0.05, 0.3]),
      duplication: random.pick([0, 0.1, 0.5]),
    };
    network.cut = partition(random, places.length);
    const slow = random.int(0, places.length - 1);
    network.slow = random.chance(0.3) ? { place: slow, ms: random.int(100, 2_000) } : undefined;
    for (const { member } of places) {
      const ms = random.chance(0.2) ? random.int(1, 200) : 0;
      member.diskMs = () => (ms === 0 ? 0 : random.next() * ms);
    }
    for (const place of random.some(places)) if (random.chance(0.3)) this.#kill(place);
  }

  /** Now, or between two of the things that a step does. */
  #kill({ member }: Place): void {
    const random = this.#random;
    const { agenda } = this.#cluster;
    if (!member.isUp) return;
    if (random.chance(0.5)) member.crash();
    else member.diesAfter = random.int(0, 40);
    agenda.at(agenda.now + random.int(10, 5_000), () => {
      if (!member.isUp) member.start();
    });
  }

  #heal(): void {
    this.#calm = true;
    const { network, places } = this.#cluster;
    network.weather = { delayMsMax: 5, loss: 0, duplication: 0 };
    network.cut = () => false;
    network.slow = undefined;
    for (const { member } of places) {
      member.diskMs = () => 0;
      member.diesAfter = undefined;
      if (!member.isUp) member.start();
    }
  }
}

/** Halves, halves of which one hears the other, a single one, one that hears nothing, a ring, or none. */
export function partition(random: Random, count: number): Cut {
  switch (random.int(0, 6)) {
    case 0: {
      const half = new Set(random.some(Array.from({ length: count }, (_, i) => i)));
      return (from, to) => half.has(from) !== half.has(to);
    }
    case 4: {
      const half = new Set(random.some(Array.from({ length: count }, (_, i) => i)));
      return (from, to) => half.has(from) && !half.has(to);
    }
    case 1: {
      const alone = random.int(0, count - 1);
      return (from, to) => from === alone || to === alone;
    }
    case 2: {
      const deaf = random.int(0, count - 1);
      return (_, to) => to === deaf;
    }
    case 3:
      return (from, to) => (from + 1) % count !== to && (to + 1) % count !== from;
    default:
      return () => false;
  }
}
