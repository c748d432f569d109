import { CborError, decodeCbor } from "@busbar/protocol";
import {
  array,
  bytes,
  encodeAs,
  field,
  int,
  record,
  SchemaError,
  type TypeOf,
} from "@busbar/protocol/schema";

/** Most blocks whose headers a member signs in one vote, the oldest of those that lack a certificate. */
export const openBlocksMax = 64;
/** Most validators: CometBFT's block carries the words of all of them. */
const votersMax = 128;

/** A transaction of this byte is a proposer's: what voters said of earlier blocks' headers. */
const wordsByte = 0x00;

const headerSignature = record("header-signature", {
  height: field(1, int(1, Number.MAX_SAFE_INTEGER)),
  signature: field(2, bytes(64)),
});
const said = record("said", {
  kid: field(1, bytes(20)),
  signatures: field(2, array(headerSignature, 1, openBlocksMax)),
});
const words = record("words", { voters: field(1, array(said, 1, votersMax)) });

/** One member's signatures over headers of decided blocks: a vote's extension. */
export type Said = TypeOf<typeof said>;

export const encodeSaid = (what: Said): Uint8Array => encodeAs(said, what);
/** Undefined for bytes that are none. */
export const decodeSaid = (from: Uint8Array): Said | undefined => decoded(said, from);

/** The transaction in which a proposer puts what voters said where all members see it. */
export const encodeWords = (voters: readonly Said[]): Uint8Array =>
  Buffer.concat([Uint8Array.of(wordsByte), encodeAs(words, { voters: [...voters] })]);

export const areWords = (tx: Uint8Array | undefined): tx is Uint8Array => tx?.[0] === wordsByte;

/** Undefined for bytes that are none. */
export const decodeWords = (tx: Uint8Array): readonly Said[] | undefined =>
  decoded(words, tx.subarray(1))?.voters;

function decoded<T>(
  codec: { decode(value: ReturnType<typeof decodeCbor>, path: string): T },
  from: Uint8Array,
): T | undefined {
  try {
    return codec.decode(decodeCbor(from), "");
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) return undefined;
    throw error;
  }
}
