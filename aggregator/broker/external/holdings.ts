import type { Group } from "./group.ts";

/** What is to be done so that a worker hears what it takes care of. */
export type Changes = { readonly take: readonly string[]; readonly letGo: readonly string[] };

/**
 * The keys that a worker knows of and those that it has: it takes what its group gives it at once, and
 * lets go of nothing before the new holder has said that it has it. Pure.
 */
export class Holdings {
  readonly #known = new Set<string>();
  readonly #held = new Set<string>();
  readonly #knownMax: number;

  /** `knownMax`: whoever may publish births could name any number of devices. */
  constructor(knownMax: number) {
    this.#knownMax = knownMax;
  }

  get held(): ReadonlySet<string> {
    return this.#held;
  }

  /** Notes a key; whether it is a new one, or one too many. */
  learn(key: string): "new" | "known" | "too-many" {
    if (this.#known.has(key)) return "known";
    if (this.#known.size >= this.#knownMax) return "too-many";
    this.#known.add(key);
    return "new";
  }

  knows(key: string): boolean {
    return this.#known.has(key);
  }

  changes(group: Pick<Group, "holds" | "mayLetGo">): Changes {
    return {
      take: [...this.#known].filter((key) => !this.#held.has(key) && group.holds(key)),
      letGo: [...this.#held].filter((key) => !group.holds(key) && group.mayLetGo(key)),
    };
  }

  took(keys: readonly string[]): void {
    for (const key of keys) this.#held.add(key);
  }

  letGo(keys: readonly string[]): void {
    for (const key of keys) this.#held.delete(key);
  }
}
