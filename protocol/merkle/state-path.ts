import { utf8ToBytes } from "@noble/hashes/utils.js";
import { compareBytes } from "../cbor/value.ts";
import { sha256 } from "../sha256.ts";

/**
 * A path through the ledger's state tree, a compact sparse Merkle tree over the bits of SHA-256(key),
 * most significant first:
 *
 *     leaf  = SHA-256(0x00 ‖ SHA-256(key) ‖ SHA-256(value))
 *     inner = SHA-256(0x01 ‖ left ‖ right)
 *     empty = 32 zero bytes
 *
 * `siblings`: from the root down, the hash beside the path at each depth. `other` is the leaf that
 * stands where an absent key's would: hashes of its key and value.
 */
export type StatePath = {
  readonly siblings: readonly Uint8Array[];
  readonly other?: { readonly key: Uint8Array; readonly value: Uint8Array };
};

/** What a path is said to prove; with `value` undefined: that the key holds nothing. */
export type StateClaim = {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly path: StatePath;
};

/** Deepest path: one step for each bit of a key's hash. */
const depthMax = 256;

/** Whether the state with this root holds what the claim says. Never throws. */
export function verifyStatePath(root: Uint8Array, { key, value, path }: StateClaim): boolean {
  const { siblings, other } = path;
  if (siblings.length > depthMax || siblings.some(({ length }) => length !== 32)) return false;
  const name = sha256(utf8ToBytes(key));
  let node = startOf(name, value, other);
  if (node === undefined) return false;
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth] ?? new Uint8Array(32);
    node = bit(name, depth) === 1 ? nodeHash(1, sibling, node) : nodeHash(1, node, sibling);
  }
  return compareBytes(node, root) === 0;
}

/** The node at the path's lower end; undefined where the claim contradicts itself. */
function startOf(
  name: Uint8Array,
  value: Uint8Array | undefined,
  other: StatePath["other"],
): Uint8Array | undefined {
  if (value !== undefined)
    return other === undefined ? nodeHash(0, name, sha256(value)) : undefined;
  if (other === undefined) return new Uint8Array(32);
  if (other.key.length !== 32 || other.value.length !== 32) return undefined;
  if (compareBytes(other.key, name) === 0) return undefined;
  // The way up follows the bits of the absent key, so only a leaf on its path leads to the root.
  return nodeHash(0, other.key, other.value);
}

/** SHA-256 of a byte and two hashes: an inner node of the tree (1, as in RFC 6962) or a leaf (0). */
export function nodeHash(prefix: 0 | 1, first: Uint8Array, second: Uint8Array): Uint8Array {
  message[0] = prefix;
  message.set(first, 1);
  message.set(second, 33);
  return sha256(message);
}

const message = new Uint8Array(65);

function bit(name: Uint8Array, depth: number): number {
  return ((name[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1;
}
