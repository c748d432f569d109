import { createHash, randomBytes } from "node:crypto";

/** Secrets that are handed out once, and die by themselves. Only their hashes are kept. */
export class Secrets<T> {
  readonly #lifeMs: number;
  readonly #most: number;
  readonly #known = new Map<string, { readonly value: T; readonly until: number }>();

  /** `most`: kept at once; a flood drops the oldest, and whoever had it asks again. */
  constructor({ lifeMs, most }: { readonly lifeMs: number; readonly most: number }) {
    this.#lifeMs = lifeMs;
    this.#most = most;
  }

  get size(): number {
    return this.#known.size;
  }

  issue(value: T, nowMs: number): { readonly secret: Uint8Array; readonly until: number } {
    const secret = new Uint8Array(randomBytes(32));
    const until = nowMs + this.#lifeMs;
    this.#known.set(nameOf(secret), { value, until });
    for (const [name] of this.#known) {
      if (this.#known.size <= this.#most) break;
      this.#known.delete(name);
    }
    return { secret, until };
  }

  /** Undefined for one that is unknown, was taken before, or is too old. */
  take(secret: Uint8Array, nowMs: number): { readonly value: T } | undefined {
    const name = nameOf(secret);
    const found = this.#known.get(name);
    this.#known.delete(name);
    return found === undefined || found.until <= nowMs ? undefined : { value: found.value };
  }
}

/** What a secret is kept under: nobody who reads the memory, or measures a comparison, learns it. */
export function nameOf(secret: Uint8Array): string {
  return createHash("sha256").update(secret).digest("base64url");
}
