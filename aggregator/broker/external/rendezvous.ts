import { createHash } from "node:crypto";

/**
 * Who of several takes care of a key: the one whose hash with it is the highest. Whoever leaves or
 * comes changes the holder of its own keys only, and nobody has to agree on more than who is there.
 * Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998 (rendezvous
 * hashing). Undefined where there is nobody.
 */
export function holderOf(key: string, workers: readonly string[]): string | undefined {
  let [best, most]: [string | undefined, bigint] = [undefined, -1n];
  for (const worker of workers) {
    const weight = weightOf(key, worker);
    if (weight < most || (weight === most && best !== undefined && worker > best)) continue;
    [best, most] = [worker, weight];
  }
  return best;
}

/** Neither topics nor names of workers hold a line feed, so no two pairs are one text. */
function weightOf(key: string, worker: string): bigint {
  return createHash("sha256").update(`${worker}\n${key}`).digest().readBigUInt64BE();
}
