import { usualTiming } from "../../aggregator/consensus/pbft/limits.ts";
import { manners } from "./byzantine.ts";
import { Cluster, type Place } from "./cluster.ts";
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

/** After the faults have healed, all that waits must be in blocks within so much virtual time. */
const healMsMax = 240_000;

/** One life of a consortium under a seed: trouble, then healing, looked at after every step. */
export class Simulation {
  readonly plan: Plan;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #hurried: boolean;
  readonly #weathers: number;
  #submissions = 0;
  /** How often the voters change. */
  #changes = 0;
  #calm = false;
  #views = { troubled: 0, healing: 0, after: 0 };

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
    this.#hurried = hurried;
    this.#weathers = hurried ? random.int(20, 80) : random.int(1, 6);
    this.#cluster = new Cluster({
      random,
      ids,
      others,
      liars: faulty,
      timing: hurried ? hurriedTiming : usualTiming,
      framesPerBlock: random.int(1, 8),
      clockOffsetMs: () => random.int(-2_000, 2_000),
    });
    this.#cluster.trace = options.trace;
    this.#schedule();
    this.#replaceMembers(ids, { others, liars });
  }

  run(): Outcome {
    const problem = problemIn(() => this.#live());
    const { auditor, agenda, network, counts, accused } = this.#cluster;
    return {
      plan: this.plan,
      ok: problem === undefined,
      problem,
      blocks: auditor.height,
      virtualMs: Math.round(agenda.now),
      messages: network.sent,
      views: this.#views,
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
    if (innocent !== undefined) return `${innocent} is accused and honest`;
    const healing = cluster.words.views - this.#views.troubled;
    this.#views.healing = healing;
    if (healing > viewsToHealMax(this.plan, this.#changes))
      return `${healing} views until all was well again`;
    return this.plan.faulty.length > 0 ? undefined : this.#goOn();
  }

  /** All is well, and nobody lies: from here on no view is left for nothing, also on slow links. */
  #goOn(): string | undefined {
    const cluster = this.#cluster;
    const { agenda, network, words } = cluster;
    const delayMs = delayAfter(this.plan, this.#hurried);
    network.weather = fair(delayMs);
    const most = viewsForNothingMax(delayMs, cluster.hasQuorumInForce);
    const before = words.views;
    this.#submissions += 20;
    for (let i = 0; i < 20; i += 1) {
      agenda.at(agenda.now + i * 300, () => cluster.submit(`pay a0 a1 1 #later${i}`));
    }
    const all = () => cluster.frames.length === this.#submissions && cluster.isQuiet;
    if (!cluster.until(all, healMsMax)) return `all was well, and then: ${cluster.standing}`;
    this.#views.after = words.views - before;
    if (this.#views.after <= most) return undefined;
    return `${this.#views.after} views for nothing on links of ${delayMs} ms`;
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
      this.#changes += 1;
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
    network.weather = foul(random);
    network.cut = partition(random, places.length);
    const slow = random.int(0, places.length - 1);
    network.slow = random.chance(0.3) ? { place: slow, ms: random.int(100, 2_000) } : undefined;
    for (const { member } of places) {
      const ms = random.chance(0.2) ? random.int(1, 200) : 0;
      member.diskMs = () => (ms === 0 ? 0 : random.next() * ms);
    }
    for (const place of random.some(places)) {
      if (random.chance(0.3)) this.#kill(place);
      else if (random.chance(0.2)) this.#pause(place);
    }
  }

  /** The process stands still for a while. */
  #pause({ member }: Place): void {
    const { agenda } = this.#cluster;
    member.pause();
    agenda.at(agenda.now + this.#random.int(10, 3_000), () => member.resume());
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
    this.#views.troubled = this.#cluster.words.views;
    const { network, places } = this.#cluster;
    network.weather = fair();
    network.cut = () => false;
    network.slow = undefined;
    for (const { member } of places) {
      member.diskMs = () => 0;
      member.diesAfter = undefined;
      member.resume();
      if (!member.isUp) member.start();
    }
  }
}
