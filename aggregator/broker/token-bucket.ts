/** An allowance: `burst` things at once, then `perSecond`. */
export type Allowance = { readonly burst: number; readonly perSecond: number };

/** One holder's allowance. Time is an argument; a clock that runs backwards refills nothing. */
export class TokenBucket {
  readonly #allowance: Allowance;
  #tokens: number;
  #at: number;

  constructor(allowance: Allowance, nowMs: number) {
    this.#allowance = allowance;
    this.#tokens = allowance.burst;
    this.#at = nowMs;
  }

  /** Takes one token if there is one. */
  take(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#allowance.burst;
  }

  #refill(nowMs: number): void {
    const passed = Math.max(0, nowMs - this.#at) / 1000;
    this.#tokens = Math.min(
      this.#allowance.burst,
      this.#tokens + passed * this.#allowance.perSecond,
    );
    this.#at = nowMs;
  }
}

/** An allowance for each key. A full bucket says nothing, so it is forgotten when space is needed. */
export class TokenBuckets {
  readonly #allowance: Allowance;
  readonly #keysMax: number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(allowance: Allowance, keysMax: number) {
    this.#allowance = allowance;
    this.#keysMax = keysMax;
  }

  take(key: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#keysMax) this.#makeRoom(nowMs);
      bucket = new TokenBucket(this.#allowance, nowMs);
      this.#buckets.set(key, bucket);
    }
    return bucket.take(nowMs);
  }

  get size(): number {
    return this.#buckets.size;
  }

  #makeRoom(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (bucket.isFull(nowMs)) this.#buckets.delete(key);
    }
    // None is full: under a flood from that many addresses the one known longest is forgiven.
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size >= this.#keysMax && oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/**
 * Who an address stands for: IPv4 as it is (also when mapped into IPv6), IPv6 by its /64, because
 * one host owns a whole /64 and could use each of its addresses once.
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    while (groups.length + after.length < 8) groups.push("0");
    groups.push(...after);
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}
