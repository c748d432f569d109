import type { Store } from "../ledger/store.ts";
import type { BlockWork, Done } from "./block-work.ts";
import type { LinkMessage } from "./link-messages.ts";
import type { Deviating, Effect, Event, Evidence } from "./pbft/ports.ts";
import type { Silence } from "./silence.ts";
import { rowOf } from "./vote-records.ts";

/** What is done between two writes of votes. */
type Job = Extract<Effect, { do: "go-on" | "foresee" | "run" | "certify" | "apply" | "serve" }>;

type EffectParts = {
  readonly store: Pick<Store, "addVotes">;
  readonly work: BlockWork;
  readonly silence: Pick<Silence, "holds">;
  readonly send: (to: string | "all", message: LinkMessage) => void;
  /** What was sent goes out. */
  readonly flush: () => void;
  readonly count: (reason: string) => void;
  /** Keeps the proof of a lie on disk. */
  readonly accuse: (evidence: Evidence) => void;
  /** Keeps the proof that a member came to another result. */
  readonly deviates: (deviating: Deviating) => void;
  /** A block is on disk. */
  readonly done: (done: Done) => void;
  /** Tells the replica what came of it; what that asks for is pushed here. */
  readonly step: (event: Event) => void;
};

/** What the replica asked for and is not done yet; it is done in that order. */
export class EffectQueue {
  readonly #parts: EffectParts;
  readonly #effects: Effect[] = [];

  constructor(parts: EffectParts) {
    this.#parts = parts;
  }

  push(effects: readonly Effect[]): void {
    this.#effects.push(...effects);
  }

  /** Does all of it; a block's work comes between two writes of votes. */
  perform(): void {
    while (this.#effects.length > 0) {
      const at = this.#effects.findIndex(isJob);
      this.#say(this.#effects.splice(0, at < 0 ? this.#effects.length : at));
      const job = this.#effects.shift();
      if (job !== undefined && isJob(job)) this.#do(job);
    }
  }

  /** Votes on disk first, all together, and the lies that were heard; then what rests on them goes out. */
  #say(effects: readonly Effect[]): void {
    const { store, silence, send, flush, count, accuse, deviates } = this.#parts;
    // Who looks on has said nothing that could bind it.
    const rows = effects.flatMap((effect) =>
      effect.do === "persist" && !silence.holds ? [rowOf(effect.record)] : [],
    );
    if (rows.length > 0) store.addVotes(rows);
    for (const effect of effects) {
      if (effect.do === "report") accuse(effect.evidence);
      if (effect.do === "deviates") deviates(effect.deviating);
    }
    for (const effect of effects) {
      if (effect.do === "send") send(effect.to, effect.message);
      if (effect.do === "count") count(effect.reason);
    }
    flush();
  }

  #do(job: Job): void {
    const { work, send, step, done } = this.#parts;
    switch (job.do) {
      case "go-on":
        return step({ kind: "frames" });
      case "foresee":
        return step(work.foresee(job.proposal));
      case "run":
        return step(work.run(job.proposal));
      case "certify":
        done(work.certify(job.height, job.certificate));
        // The next height could not be proposed while this block was not on disk.
        return step({ kind: "frames" });
      case "apply": {
        const applied = work.apply(job.height, job.block);
        if (applied.done !== undefined) done(applied.done);
        return step(applied.event);
      }
      case "serve":
        for (const body of work.above(job.above)) send(job.to, { name: "block", body });
        return;
      default:
        return job satisfies never;
    }
  }
}

const jobs: ReadonlySet<Effect["do"]> = new Set<Job["do"]>([
  "go-on",
  "foresee",
  "run",
  "certify",
  "apply",
  "serve",
]);

function isJob(effect: Effect): effect is Job {
  return jobs.has(effect.do);
}
