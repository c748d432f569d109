import { hkdf } from "@noble/hashes/hkdf.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { ClaimCode } from "./code.ts";

/** What a claim code opens: the seed of the Ed25519 key that the label has on the ledger, and the key of
 * what is sealed on the card. 32 bytes each. */
export type ClaimKeys = { readonly seed: Uint8Array; readonly sealing: Uint8Array };

/**
 * scrypt (RFC 7914) with N = 2^15, r = 8, p = 1: 32 MiB, 0.3 s of a processor of an office, some
 * seconds of the smallest board that runs a unit (512 MB), and it is done once. A code has 70 bits, and the label's public key stands on the
 * ledger, where everybody may guess at it for ever: that would be 2^69 guesses of 32 MiB each on average.
 * More memory would not fit beside a unit that reads meters; fewer would make guessing cheap on cards with
 * thousands of cores.
 */
export const claimCost = { N: 2 ** 15, r: 8, p: 1, dkLen: 32 } as const;

/** scrypt by whoever has it: `nativeScrypt` of `@busbar/protocol/node`, else @noble/hashes. */
export type Scrypt = (
  password: Uint8Array,
  salt: Uint8Array,
  cost: typeof claimCost,
) => Promise<Uint8Array>;

/**
 * The keys that follow from a code at a site; they are the same wherever they are made. The site is the
 * salt, so that a code of one site says nothing at another.
 */
export async function claimKeys(
  code: ClaimCode,
  site: string,
  scrypt: Scrypt = scryptAsync,
): Promise<ClaimKeys> {
  const salt = utf8ToBytes(`busbar/claim/1/${site}`);
  const master = await scrypt(utf8ToBytes(code), salt, claimCost);
  const part = (name: string) => hkdf(sha256, master, undefined, utf8ToBytes(name), 32);
  return { seed: part("label"), sealing: part("card") };
}
