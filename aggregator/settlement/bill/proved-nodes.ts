import { compareBytes, nodeHash } from "@busbar/protocol";

/** The way from a node up to the root, from below: at each step whether the node is the right one of two (1). */
export type Way = Uint8Array;

const hashBytes = 32;

/** What is known of a tree: from a node on that is known, both or none of those below it are. */
type Known = { left?: Known; right?: Known; hash?: Uint8Array };

/** The lowest known node on a way, and how many steps of the way lie below it. */
function lowest(root: Known, way: Way): { readonly node: Known; readonly below: number } {
  let node = root;
  for (let below = way.length; below > 0; below--) {
    const next = way[below - 1] === 1 ? node.right : node.left;
    if (next === undefined) return { node, below };
    node = next;
  }
  return { node, below: 0 };
}

/**
 * Cuts paths of one tree where those before have been, so that many together hold each node once: what is left
 * leads up to the first node that they made known.
 */
export class PathCutter {
  readonly #root: Known = {};

  /** `siblings`: beside the way, from below; all of them. */
  cut(way: Way, siblings: readonly Uint8Array[]): Uint8Array {
    let { node, below } = lowest(this.#root, way);
    const kept = hashesJoined(siblings.slice(0, below));
    for (; below > 0; below--) {
      const [left, right] = [{}, {}];
      Object.assign(node, { left, right });
      node = way[below - 1] === 1 ? right : left;
    }
    return kept;
  }
}

/**
 * Nodes that are proved to be in a tree, by their places. A path proves its lower end when it leads to one of
 * them; then all along it are proved too.
 */
export class ProvedNodes {
  readonly #root: Known;

  constructor(root: Uint8Array) {
    this.#root = { hash: root };
  }

  /** Whether a node stands at the lower end of a way. `path`: hashes beside it, from below, no more than it takes. */
  prove(end: Uint8Array, way: Way, path: Uint8Array): boolean {
    const { node: top, below } = lowest(this.#root, way);
    // A path that goes on behind a known node would be a second text for the same proof.
    if (path.length !== below * hashBytes) return false;
    const own = [end];
    for (let step = 0; step < below; step++) {
      const node = own[step] ?? end;
      const other = besides(path, step);
      own.push(way[step] === 1 ? nodeHash(1, other, node) : nodeHash(1, node, other));
    }
    const met = own[below];
    if (met === undefined || top.hash === undefined) return false;
    if (compareBytes(met, top.hash) !== 0) return false;
    let node = top;
    for (let step = below - 1; step >= 0; step--) {
      const [on, beside]: [Known, Known] = [
        { hash: own[step] ?? end },
        { hash: besides(path, step) },
      ];
      [node.left, node.right] = way[step] === 1 ? [beside, on] : [on, beside];
      node = on;
    }
    return true;
  }
}

function besides(path: Uint8Array, step: number): Uint8Array {
  return path.subarray(step * hashBytes, (step + 1) * hashBytes);
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
  return Uint8Array.from({ length: depth }, (_, step) => {
    const at = depth - 1 - step;
    return ((name[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
  });
}

/** The way of a leaf through a tree of `size` leaves (RFC 6962 §2.1). */
export function leafWay(index: number, size: number): Way {
  const steps: number[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    let half = 1;
    while (2 * half < to - from) half *= 2;
    const middle = from + half;
    const isRight = index >= middle;
    steps.push(isRight ? 1 : 0);
    if (isRight) from = middle;
    else to = middle;
  }
  return Uint8Array.from(steps.reverse());
}
