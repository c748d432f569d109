import { lanes } from "./sha256-lanes.ts";

/**
 * A hash in eight words, which take no more memory than its 32 characters would, and no time to put
 * together and apart. Written once, while the update that made the node is at work.
 */
export type Hash = {
  h0: number;
  h1: number;
  h2: number;
  h3: number;
  h4: number;
  h5: number;
  h6: number;
  h7: number;
};

/** That of an empty subtree. */
export const zero: Readonly<Hash> = { h0: 0, h1: 0, h2: 0, h3: 0, h4: 0, h5: 0, h6: 0, h7: 0 };

/** Lays messages for nodes into the lanes, four at a time, and writes their hashes into them. */
export function inFours<T extends Hash>(
  nodes: readonly T[],
  layOne: (node: T, lane: number) => void,
): void {
  const { output, run } = lanes();
  for (let first = 0; first < nodes.length; first += 4) {
    const count = Math.min(4, nodes.length - first);
    for (let lane = 0; lane < count; lane++) layOne(nodes[first + lane] as T, lane);
    run();
    for (let lane = 0; lane < count; lane++) take(nodes[first + lane] as T, output, lane);
  }
}

/** A message of one byte and two hashes: all its words lie a byte behind theirs. */
export function lay(
  lane: number,
  prefix: number,
  left: Readonly<Hash>,
  right: Readonly<Hash>,
): void {
  const { input } = lanes();
  input[lane] = (prefix << 24) | (left.h0 >>> 8);
  input[4 + lane] = (left.h0 << 24) | (left.h1 >>> 8);
  input[8 + lane] = (left.h1 << 24) | (left.h2 >>> 8);
  input[12 + lane] = (left.h2 << 24) | (left.h3 >>> 8);
  input[16 + lane] = (left.h3 << 24) | (left.h4 >>> 8);
  input[20 + lane] = (left.h4 << 24) | (left.h5 >>> 8);
  input[24 + lane] = (left.h5 << 24) | (left.h6 >>> 8);
  input[28 + lane] = (left.h6 << 24) | (left.h7 >>> 8);
  input[32 + lane] = (left.h7 << 24) | (right.h0 >>> 8);
  input[36 + lane] = (right.h0 << 24) | (right.h1 >>> 8);
  input[40 + lane] = (right.h1 << 24) | (right.h2 >>> 8);
  input[44 + lane] = (right.h2 << 24) | (right.h3 >>> 8);
  input[48 + lane] = (right.h3 << 24) | (right.h4 >>> 8);
  input[52 + lane] = (right.h4 << 24) | (right.h5 >>> 8);
  input[56 + lane] = (right.h5 << 24) | (right.h6 >>> 8);
  input[60 + lane] = (right.h6 << 24) | (right.h7 >>> 8);
  // The message's last byte, and the bit that ends it.
  input[64 + lane] = (right.h7 << 24) | 0x80_0000;
}

function take(node: Hash, output: Int32Array, lane: number): void {
  node.h0 = output[lane] as number;
  node.h1 = output[4 + lane] as number;
  node.h2 = output[8 + lane] as number;
  node.h3 = output[12 + lane] as number;
  node.h4 = output[16 + lane] as number;
  node.h5 = output[20 + lane] as number;
  node.h6 = output[24 + lane] as number;
  node.h7 = output[28 + lane] as number;
}

/** The words of a hash that is kept as text. */
export function wordsOf(text: string): Hash {
  const word = (at: number) =>
    (text.charCodeAt(at) << 24) |
    (text.charCodeAt(at + 1) << 16) |
    (text.charCodeAt(at + 2) << 8) |
    text.charCodeAt(at + 3);
  return {
    h0: word(0),
    h1: word(4),
    h2: word(8),
    h3: word(12),
    h4: word(16),
    h5: word(20),
    h6: word(24),
    h7: word(28),
  };
}

/** 32 bytes; of nothing zeros. */
export function hashBytes(node: Readonly<Hash> | undefined): Uint8Array {
  const { h0, h1, h2, h3, h4, h5, h6, h7 } = node ?? zero;
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of [h0, h1, h2, h3, h4, h5, h6, h7].entries()) view.setInt32(4 * i, word);
  return bytes;
}
