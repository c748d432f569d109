import { encodeCbor } from "../cbor/encode.ts";
import { certificate } from "../receipt/block.ts";
import { bytes, int, oneOf, type TypeOf } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";
import { id } from "./id.ts";

const most = Number.MAX_SAFE_INTEGER;

/** A member's word on one digest at one height of one view, signed under its phase. */
export const vote = record("vote", {
  phase: field(1, oneOf("pre-prepare", "prepare", "commit")),
  epoch: field(2, int(0, most)),
  view: field(3, int(0, most)),
  height: field(4, int(1, most)),
  digest: field(5, bytes(32)),
  from: field(6, id),
  signature: field(7, bytes(64)),
});

/** Two signed words of one member that exclude each other, and the member that noticed. */
export const evidence = record("evidence", {
  member: field(1, id),
  first: field(2, vote),
  second: field(3, vote),
});

const header = bytes(1, 1024);

/**
 * A member's signature over the header of a block that it came to, the header of that height that a
 * quorum signed, and the member that noticed.
 */
export const deviation = record("deviation", {
  member: field(1, id),
  from: field(2, id),
  header: field(3, header),
  signature: field(4, bytes(64)),
  certified: field(5, header),
  certificate: field(6, certificate),
});

export type Deviation = TypeOf<typeof deviation>;
export type Vote = TypeOf<typeof vote>;
export type Evidence = TypeOf<typeof evidence>;

/** What a vote's signature covers; the phase is the domain's kind. */
export function voteBytes({ epoch, view, height, digest }: Omit<Vote, "signature">): Uint8Array {
  return encodeCbor([epoch, view, height, digest]);
}
