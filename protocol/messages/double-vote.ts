import { utf8ToBytes } from "@noble/hashes/utils.js";
import { bytes, int, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";

const most = Number.MAX_SAFE_INTEGER;

/** A block as CometBFT's votes name it: its hash, and the root over the parts that it is sent in. */
export const votedBlock = record("cometbft-block", {
  hash: field(1, bytes(32)),
  parts: field(2, int(0, 0xffff_ffff)),
  partsRoot: field(3, bytes(32)),
});

/** What a validator of CometBFT says with its key: a prevote (1) or a precommit (2), for a block or for none. */
export const castVote = record("cometbft-vote", {
  block: optional(1, votedBlock),
  seconds: field(2, int(0, most)),
  nanos: field(3, int(0, 999_999_999)),
  signature: field(4, bytes(64)),
});

/**
 * Two votes of one member in one round of CometBFT that exclude each other, and the member that noticed. `epoch`:
 * of the council in which `from` votes with the key that signed; `height`: as CometBFT counts it.
 */
export const doubleVote = record("double-vote", {
  member: field(1, id),
  from: field(2, id),
  epoch: field(3, int(0, most)),
  type: field(4, int(1, 2)),
  height: field(5, int(1, most)),
  round: field(6, int(0, 0x7fff_ffff)),
  first: field(7, castVote),
  second: field(8, castVote),
});

export type DoubleVote = TypeOf<typeof doubleVote>;
export type CometbftVote = TypeOf<typeof castVote>;

/** Where a vote was cast. */
export type VotePlace = Pick<DoubleVote, "type" | "height" | "round">;

/**
 * What a validator's signature on a vote covers: `CanonicalVote` in protobuf, behind its length. Heights and rounds
 * are of fixed size there; zeros and what is absent are left out, but for the time.
 * Source: CometBFT v0.38, "Data structures": Vote, CanonicalVote.
 */
export function cometbftVoteBytes(
  { type, height, round }: VotePlace,
  { block, seconds, nanos }: Omit<CometbftVote, "signature">,
  chain: string,
): Uint8Array {
  const message = [
    ...number(1, type),
    ...fixed64(2, height),
    ...fixed64(3, round),
    ...(block === undefined
      ? []
      : nested(4, [
          ...nested(1, block.hash),
          ...nested(2, [...number(1, block.parts), ...nested(2, block.partsRoot)]),
        ])),
    ...nested(5, [...number(1, seconds), ...number(2, nanos)]),
    ...nested(6, utf8ToBytes(chain)),
  ];
  return Uint8Array.from([...varint(message.length), ...message]);
}

const wire = { varint: 0, fixed64: 1, bytes: 2 } as const;

function number(at: number, value: number): number[] {
  return value === 0 ? [] : [(at << 3) | wire.varint, ...varint(value)];
}

function fixed64(at: number, value: number): number[] {
  if (value === 0) return [];
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return [(at << 3) | wire.fixed64, ...bytes];
}

function nested(at: number, content: Iterable<number>): number[] {
  const bytes = [...content];
  return [(at << 3) | wire.bytes, ...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  const out: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) out.push((left % 128) + 128);
  return [...out, left];
}
