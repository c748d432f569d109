import type { Evidence } from "./pbft/ports.ts";

/** Lies kept for people to look at; who lies all the time fills no memory. */
const keptMax = 64;

/** Proofs that a member said two things that exclude each other, each lie once. */
export class EvidenceList {
  readonly #known = new Map<string, Evidence>();
  readonly #listeners: ((evidence: Evidence) => void)[] = [];

  onNew(listener: (evidence: Evidence) => void): void {
    this.#listeners.push(listener);
  }

  add(evidence: Evidence): void {
    const name = nameOf(evidence.member, evidence.second);
    if (this.#known.has(name)) return;
    if (this.#known.size >= keptMax) {
      const oldest = this.#known.keys().next();
      if (!oldest.done) this.#known.delete(oldest.value);
    }
    this.#known.set(name, evidence);
    for (const listener of this.#listeners) listener(evidence);
  }

  /** Lets a lie be reported anew, where nobody could be told of it. */
  forget({ member, second }: Evidence): void {
    this.#known.delete(nameOf(member, second));
  }

  list(): readonly Evidence[] {
    return [...this.#known.values()];
  }
}

function nameOf(member: string, { phase, epoch, view, height }: Evidence["second"]): string {
  return [member, phase, epoch, view, height].join("/");
}
