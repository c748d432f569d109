import {
  encodeCbor,
  Failure,
  idPattern,
  keyId,
  type Signer,
  toBeSigned,
  type Verify,
} from "@busbar/protocol";
import { z } from "zod";
import { parseAddress } from "../links/address.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits");

const wordFile = z.strictObject({
  chain: z.string().regex(idPattern),
  member: z.string().regex(idPattern),
  height: z.int().min(1),
  block: hash,
  appHash: hash,
  node: z.string().regex(/^[0-9a-f]{40}$/, "expected 40 hex digits"),
  address: z.string().refine((text) => parseAddress(text) !== undefined, "expected host:port"),
  signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/, "expected a signature in base64url"),
});

/**
 * A member's word that it makes no block by PBFT behind `block`, and where its CometBFT is found. With a quorum
 * of them no other block can ever be certified at the next height, so all who go on behind it go on alike.
 */
export type HandOverWord = z.output<typeof wordFile>;

/** The block behind which a chain is handed over. */
export type Checkpoint = Pick<HandOverWord, "chain" | "height" | "block" | "appHash">;

/** Signs a member's word. */
export function signWord(said: Omit<HandOverWord, "signature">, signer: Signer): HandOverWord {
  const signature = signer.sign(signed(said, signer.kid));
  return { ...said, signature: Buffer.from(signature).toString("base64url") };
}

/**
 * A word as its file has it, by a member whose key this is. Throws: `Failure` `hand-over.word` for what is none,
 * or was not signed by who it says.
 */
export function readWord(
  text: string,
  {
    name,
    keyOf,
    verify,
  }: {
    /** What the file is called, for people. */
    readonly name: string;
    readonly keyOf: (member: string) => Uint8Array | undefined;
    readonly verify: Verify;
  },
): HandOverWord {
  const stop = (what: string) =>
    new Failure("hand-over.word", `${name}: ${what}; ask its member for a new one`, {
      retry: "never",
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw stop("expected a member's word, as busbar-aggregator hand-over makes it");
  }
  const read = wordFile.safeParse(value);
  if (!read.success) throw stop(z.prettifyError(read.error));
  const word = read.data;
  const key = keyOf(word.member);
  if (key === undefined) throw stop(`${word.member} is no member here`);
  const signature = new Uint8Array(Buffer.from(word.signature, "base64url"));
  if (verify(signature, signed(word, keyId(key)), key)) return word;
  throw stop(`it was not signed by ${word.member}`);
}

/**
 * Insists that all words are of one checkpoint, the one where this member stands.
 * Throws: `Failure` `hand-over.differs`.
 */
export function insistOnOne(words: readonly HandOverWord[], here: Checkpoint): void {
  for (const word of words) {
    if (word.chain !== here.chain) {
      throw differs(`${word.member} speaks of chain ${word.chain}, this member of ${here.chain}`);
    }
    const isSame =
      word.height === here.height && word.block === here.block && word.appHash === here.appHash;
    if (isSame) continue;
    throw differs(
      `${word.member} hands over behind block ${word.height} (${word.block}), this member stands at ${here.height} (${here.block})`,
    );
  }
}

/** Words that bind enough: a quorum of PBFT's, and more than two thirds, without which CometBFT decides nothing. */
export function wordsNeeded(voters: number, quorum: number): number {
  return Math.max(quorum, Math.floor((2 * voters) / 3) + 1);
}

function differs(what: string): Failure {
  const message = `${what}; take the words back (hand-over --withdraw), set the same consensus.until on all members, above all of these heights, and let them come to it`;
  return new Failure("hand-over.differs", message, { retry: "never" });
}

function signed(word: Omit<HandOverWord, "signature">, kid: Uint8Array): Uint8Array {
  const { chain, member, height, block, appHash, node, address } = word;
  const payload = encodeCbor([member, height, block, appHash, node, address]);
  return toBeSigned(payload, kid, { chain, kind: "hand-over" });
}
