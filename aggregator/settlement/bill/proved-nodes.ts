import { compareBytes, nodeHash } from "@busbar/protocol";

/** A node of a hash tree by where it stands, the one beside it, and whether it is the right one of the two. */
type Step = { readonly place: string; readonly beside: string; readonly isRight: boolean };

/** The way from a node up to the root, from below; without the root. */
export type Way = readonly Step[];

const hashBytes = 32;

/**
 * Cuts paths of one tree where those before have been, so that many together hold each node once: what is left
 * leads up to the first node that they made known.
 */
export class PathCutter {
  readonly #known = new Set<string>();

  /** `siblings`: beside the way, from below; all of them. */
  cut(way: Way, siblings: readonly Uint8Array[]): Uint8Array {
    const met = way.findIndex(({ place }) => this.#known.has(place));
    const kept = met < 0 ? way : way.slice(0, met);
    for (const { place, beside } of kept) this.#known.add(place).add(beside);
    return hashesJoined(siblings.slice(0, kept.length));
  }
}

/**
 * Nodes that are proved to be in a tree, by their places. A path proves its lower end when it leads to one of
 * them; then all along it are proved too.
 */
export class ProvedNodes {
  readonly #root: Uint8Array;
  readonly #known = new Map<string, Uint8Array>();

  constructor(root: Uint8Array) {
    this.#root = root;
  }

  /** Whether a node stands at the lower end of a way. `path`: hashes beside it, from below, no more than it takes. */
  prove(end: Uint8Array, way: Way, path: Uint8Array): boolean {
    const made = new Map<string, Uint8Array>();
    let node = end;
    let at = 0;
    let known: Uint8Array | undefined;
    for (const { place, beside, isRight } of way) {
      known = this.#known.get(place);
      if (known !== undefined) break;
      const other = path.subarray(at, at + hashBytes);
      at += hashBytes;
      made.set(place, node).set(beside, other);
      node = isRight ? nodeHash(1, other, node) : nodeHash(1, node, other);
    }
    // A path that goes on behind a known node would be a second text for the same proof.
    if (at !== path.length || compareBytes(known ?? this.#root, node) !== 0) return false;
    for (const [place, hash] of made) this.#known.set(place, hash);
    return true;
  }
}

/** Hashes that stand one behind the other. */
export function hashesIn(path: Uint8Array): Uint8Array[] {
  const count = Math.ceil(path.length / hashBytes);
  return Array.from({ length: count }, (_, i) => path.subarray(i * hashBytes, (i + 1) * hashBytes));
}

/** Hashes one behind the other. */
export function hashesJoined(hashes: readonly Uint8Array[]): Uint8Array {
  const path = new Uint8Array(hashes.length * hashBytes);
  for (const [i, hash] of hashes.entries()) path.set(hash, i * hashBytes);
  return path;
}

/** The way of a key through the state's tree, from a depth up: by the bits of its hash, most significant first. */
export function stateWay(name: Uint8Array, depth: number): Way {
  let bits = "";
  for (let at = 0; at < depth; at++) bits += ((name[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
  return Array.from(bits, (_, step) => {
    const place = bits.slice(0, depth - step);
    const isRight = place.endsWith("1");
    return { place, beside: place.slice(0, -1) + (isRight ? "0" : "1"), isRight };
  });
}

/** The way of a leaf through a tree of `size` leaves (RFC 6962 §2.1): each node by the leaves that it holds. */
export function leafWay(index: number, size: number): Way {
  const steps: Step[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    let half = 1;
    while (2 * half < to - from) half *= 2;
    const middle = from + half;
    const isRight = index >= middle;
    const [left, right] = [`${from}-${middle}`, `${middle}-${to}`];
    steps.push(
      isRight ? { place: right, beside: left, isRight } : { place: left, beside: right, isRight },
    );
    if (isRight) from = middle;
    else to = middle;
  }
  return steps.reverse();
}
