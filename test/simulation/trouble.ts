import { fair, foul, partition } from "./life.ts";
import type { Random } from "./random.ts";
import type { RealCluster } from "./real-cluster.ts";
import type { Death, RealMember } from "./real-member.ts";

/** What befalls real members until all of it heals: links fail, processes die, at any write too. */
export class Trouble {
  readonly #cluster: RealCluster;
  readonly #random: Random;
  readonly #weathers: number;
  readonly #ms: number;
  #views = 0;
  /** All has healed, and nothing befalls anybody any more. */
  isOver = false;

  constructor(
    cluster: RealCluster,
    random: Random,
    plan: { readonly weathers: number; readonly troubleMs: number },
  ) {
    this.#cluster = cluster;
    this.#random = random;
    this.#weathers = plan.weathers;
    this.#ms = plan.troubleMs;
  }

  /** Views that were asked for until all healed. */
  get views(): number {
    return this.#views;
  }

  schedule(): void {
    const { agenda } = this.#cluster;
    for (let i = 0; i < this.#weathers; i += 1) {
      agenda.at((i * this.#ms) / this.#weathers, () => this.#befall());
    }
    agenda.at(this.#ms, () => this.#heal());
  }

  #befall(): void {
    if (this.isOver) return;
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
    this.isOver = true;
    this.#views = this.#cluster.said.views;
    const { network, members } = this.#cluster;
    network.weather = fair();
    network.cut = () => false;
    for (const member of members) {
      member.live();
      if (!member.isUp) member.start();
    }
  }
}

/** What the engines of all members counted, by reason; and whom they accuse. */
export function toldBy(cluster: RealCluster) {
  const counts = new Map<string, number>();
  for (const { life } of cluster.up) {
    for (const [reason, count] of Object.entries(life.engine.status()?.counts ?? {})) {
      counts.set(reason, (counts.get(reason) ?? 0) + count);
    }
  }
  const accused = cluster.up.flatMap(({ life }) => life.engine.status()?.evidence ?? []);
  return {
    counts: Object.fromEntries([...counts].sort()),
    accused: accused.map(({ member }) => member),
  };
}
