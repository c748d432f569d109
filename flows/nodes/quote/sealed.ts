import { type QuoteTerms, type Signer, sealFrame, sealQuotes, utcMs } from "@busbar/protocol";
import type { KeptQuote } from "./book.ts";

/** Seals a quote for a gate: the commitment to send now, and all that opening it will take. */
export function sealedQuote(options: {
  readonly chain: string;
  readonly owner: string;
  readonly signer: Signer;
  readonly gate: { readonly slot: number; readonly gate: number; readonly revealUntil: number };
  readonly terms: QuoteTerms;
  readonly random: (bytes: number) => Uint8Array;
}): { readonly commit: Uint8Array; readonly kept: KeptQuote } {
  const { chain, owner, signer, gate, terms, random } = options;
  const [id, salt] = [random(16), random(32)];
  const about = { id, owner, slot: utcMs(gate.slot), gate: utcMs(gate.gate) };
  const commit = { ...about, hash: sealQuotes(about, [terms], salt) };
  const signing = { chain, signer };
  const reveal = sealFrame("quote-reveal", { id, quotes: [terms], salt }, signing);
  const kept = {
    slot: gate.slot,
    gate: gate.gate,
    revealUntil: gate.revealUntil,
    terms,
    reveal: Buffer.from(reveal).toString("base64url"),
  };
  return { commit: sealFrame("quote-commit", commit, signing), kept };
}
