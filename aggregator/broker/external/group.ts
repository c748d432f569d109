import { createHash } from "node:crypto";
import type { Beat, WorkerName } from "./beat.ts";
import { holderOf } from "./rendezvous.ts";

export type GroupOptions = {
  readonly own: Pick<Beat, "worker" | "instance">;
  /** A worker that says nothing for so long is taken for dead, ms of the caller's clock. */
  readonly leaseMs: number;
  /** More are not listened to: whoever may publish on the workers' topic could name any number. */
  readonly workersMax?: number;
};

type Known = { beat: Beat; until: number };

/**
 * The workers that share a broker, as one of them sees them, and who takes care of what. Pure: times
 * are arguments, of a clock that never goes back.
 *
 * Two workers that see different groups for a moment both take care of a device, or neither does.
 * Both is harmless, for the ledger takes a reading once; neither costs time, for a unit sends what has
 * no receipt again. So nobody votes here. Handing over is make before break: who gives a device
 * away keeps it until the new holder has said that its subscriptions stand for the very same group.
 */
export class Group {
  readonly #options: Required<GroupOptions>;
  readonly #others = new Map<WorkerName, Known>();
  /** Instances that their broker said are gone: a beat of theirs that was under way comes late. */
  readonly #gone = new Set<string>();
  /** Who holds which key among the workers of which member, as long as the view is the same. */
  readonly #holders = new Map<string, WorkerName | undefined>();
  #live: readonly WorkerName[];
  #view = "";
  #settled = "";
  #count = 0;

  constructor(options: GroupOptions) {
    this.#options = { workersMax: 64, ...options };
    this.#live = [options.own.worker];
    this.#look();
  }

  /** Names of all that live, this one among them, in order. */
  get live(): readonly WorkerName[] {
    return this.#live;
  }

  /** A name for who lives: equal for two workers that see the same instances. */
  get view(): string {
    return this.#view;
  }

  /** Takes a beat; whether it changed who lives, or what is settled. */
  hear(beat: Beat, at: number): "changed" | "known" | "old" | "duplicate" | "too-many" {
    const { own, leaseMs, workersMax } = this.#options;
    if (beat.worker === own.worker) return beat.instance === own.instance ? "known" : "duplicate";
    if (this.#gone.has(beat.instance)) return "old";
    const known = this.#others.get(beat.worker);
    if (known === undefined && this.#others.size + 1 >= workersMax) return "too-many";
    const same = known?.beat.instance === beat.instance;
    if (same && known !== undefined && beat.count <= known.beat.count) return "old";
    this.#others.set(beat.worker, { beat, until: at + leaseMs });
    if (same && known.beat.view === beat.view) return "known";
    this.#look();
    return "changed";
  }

  /** An instance is gone, as its last will says; whether that changed who lives. */
  lost({ worker, instance }: Pick<Beat, "worker" | "instance">): boolean {
    if (this.#others.get(worker)?.beat.instance !== instance) return false;
    this.#others.delete(worker);
    this.#gone.add(instance);
    // Oldest first; one is only of use for as long as a beat may be under way.
    for (const old of this.#gone) {
      if (this.#gone.size <= this.#options.workersMax) break;
      this.#gone.delete(old);
    }
    this.#look();
    return true;
  }

  /** Ends leases that are over at `at`; returns whose. */
  lapse(at: number): readonly WorkerName[] {
    const over = [...this.#others].filter(([, { until }]) => until <= at).map(([name]) => name);
    for (const name of over) this.#others.delete(name);
    if (over.length > 0) this.#look();
    return over;
  }

  /** Whether this worker takes care of a key. `of`: only among the workers of a member. */
  holds(key: string, of?: string): boolean {
    return this.#holder(key, of) === this.#options.own.worker;
  }

  /** Whether this worker may let go of a key that it does not hold any more. */
  mayLetGo(key: string): boolean {
    const holder = this.#holder(key);
    if (holder === undefined || holder === this.#options.own.worker) return false;
    return this.#others.get(holder)?.beat.view === this.#view;
  }

  /** All subscriptions stand that this worker needs in a view; it is told with the next beat. */
  settle(view: string): void {
    this.#settled = view;
  }

  /** The next beat to be told to the others. */
  beat(): Beat {
    this.#count += 1;
    return { ...this.#options.own, count: this.#count, view: this.#settled };
  }

  #holder(key: string, of = ""): WorkerName | undefined {
    const asked = `${of}/${key}`;
    const known = this.#holders.get(asked);
    if (known !== undefined) return known;
    const among = of === "" ? this.#live : this.#live.filter((name) => name.startsWith(`${of}/`));
    const holder = holderOf(key, among) as WorkerName | undefined;
    this.#holders.set(asked, holder);
    return holder;
  }

  #look(): void {
    const { own } = this.#options;
    this.#holders.clear();
    const all = [own, ...Array.from(this.#others.values(), ({ beat }) => beat)];
    this.#live = all.map(({ worker }) => worker).sort();
    const text = all.map(({ worker, instance }) => `${worker} ${instance}\n`).sort();
    this.#view = createHash("sha256").update(text.join("")).digest("hex").slice(0, 16);
  }
}
