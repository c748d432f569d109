import { createHash } from "node:crypto";
import type { Kind, Message, Refusal, Verify } from "@busbar/protocol";
import { decodeMessage } from "@busbar/protocol";
import { type Allowance, TokenBuckets } from "../broker/token-bucket.ts";
import type { Pool } from "../consensus/pool.ts";
import type { Identity, Registry } from "../ledger/registry.ts";
import type { Outcome } from "../ledger/rule.ts";
import { examine } from "./examine.ts";

/** What became of a quote that was handed in by hand. */
export type QuoteAnswer =
  | { readonly ok: true; readonly ref: string; readonly state: "stored" | "pending" | "committed" }
  | Refusal;

/** Takes a signed quote, or how to be told, from an owner without a unit that hands it in. */
export type QuoteDoor = (frame: Uint8Array) => Promise<QuoteAnswer>;

export type QuoteDoorOptions = {
  readonly chain: string;
  readonly registry: Registry;
  readonly verify: Verify;
  readonly pool: Pool;
  /** What the ledger's rule says of it as things are now; nothing is written. */
  readonly tryOut: <K extends Kind>(kind: K, message: Message<K>, signer: Identity) => Outcome;
  /** Wall ms. */
  readonly now: () => number;
};

/** Frames of one signer, counted when its signature was found genuine: nobody spends another one's. What
 * comes from one address is bounded by the portal. Units come by MQTT and are not counted. */
const each: Allowance = { burst: 20, perSecond: 20 };
/** Signers whose allowances are remembered. */
const signersMax = 10_000;

/** What owners hand in by themselves: quotes, what there is to plan with, what they were paid, orders of
 * demand response, certificates that they move, trades with other feeders, and how they want to be told. */
const handKinds: readonly Kind[] = [
  "quote-commit",
  "quote-reveal",
  "assets",
  "payment",
  "demand-mandate",
  "demand-order",
  "demand-answer",
  "certificate-move",
  "notice-preferences",
  "feeder-offer",
  "feeder-accept",
  "feeder-proof",
];

/**
 * A door for what owners sign by hand, besides the broker's. Whoever comes through it proves itself by the signature alone, and is
 * told at once what the rule says, since nobody stays to hear of it. Codes besides those of `examine`
 * and of the rules: `ingest.too-many`.
 */
export function quoteDoor(options: QuoteDoorOptions): QuoteDoor {
  const { pool, tryOut, now } = options;
  const allowances = new TokenBuckets(each, signersMax);
  return async (payload) => {
    const examined = examine(payload, { of: "market", name: "quotes" }, options);
    if (!examined.ok) return { ok: false, code: examined.code, message: examined.message };
    const { frame, signer } = examined;
    const { kind } = frame;
    if (!allowances.take(signer.id, now())) {
      const message = `more than ${each.perSecond} messages of ${signer.id} came by hand within a second; try again`;
      return { ok: false, code: "ingest.too-many", message };
    }
    if (!handKinds.includes(kind)) {
      const message = `expected ${handKinds.join(" or ")} here, got a ${kind}`;
      return { ok: false, code: "ingest.wrong-kind", message };
    }
    const decoded = decodeMessage(kind, frame.envelope.payload);
    if (!decoded.ok) return decoded;
    const outcome = tryOut(kind, decoded.message, signer);
    if (!outcome.ok) return { ok: false, code: outcome.code, message: outcome.message };
    const hash = new Uint8Array(createHash("sha256").update(payload).digest());
    const submitted = await pool.submit(frame, hash);
    if (!submitted.ok) return submitted;
    // Another frame with the same content stands on the ledger: this one would add nothing.
    const state = "code" in outcome ? "committed" : submitted.state;
    return { ok: true, ref: Buffer.from(hash).toString("hex"), state };
  };
}
