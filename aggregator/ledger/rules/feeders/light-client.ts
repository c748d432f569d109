import {
  blockHash,
  compareBytes,
  decodeStateProof,
  epochOf,
  membershipOf,
  type StateProof,
  verifyCouncilStep,
  verifyStateProof,
} from "@busbar/protocol";
import { refuse } from "../../refuse.ts";
import type { BlockContext, TxRefusal } from "../../rule.ts";
import { type FeederEntry, feeders } from "./tables.ts";

/**
 * How far another chain's clock may differ from this one's where something is bound by its word, ms. It is what both
 * sides' deadlines rest on: a chain that stood still, or whose members' clocks are wrong, binds nothing.
 */
export const skewMsMax = 3_600_000;

type Known = { readonly ok: true; readonly entry: FeederEntry };

/** A chain of which proofs are taken. Codes: `feeder.unknown`, `feeder.frozen`. */
export function known({ state }: BlockContext, chain: string): Known | TxRefusal {
  const entry = feeders.get(state, chain);
  if (entry === undefined) {
    return refuse("feeder.unknown", `the members trust no chain ${chain}; move it first`);
  }
  if (entry.state !== "frozen") return { ok: true, entry };
  const text = `${chain} certified two blocks of one height; nothing of it counts until the members trust it anew`;
  return refuse("feeder.frozen", text);
}

/**
 * Follows steps from the council that is known; steps that were followed before are nothing new. Codes: `cbor.*`,
 * `message.shape` and those of `verifyCouncilStep`.
 */
export function follow(
  { verify }: BlockContext,
  entry: FeederEntry,
  steps: readonly Uint8Array[],
): Known | TxRefusal {
  let council = entry.council;
  for (const bytes of steps) {
    const decoded = decodeStateProof(bytes);
    if (!decoded.ok) return decoded;
    const epoch = epochOf(decoded.proof);
    if (epoch !== undefined && epoch <= council.epoch) continue;
    const step = verifyCouncilStep(decoded.proof, { chain: entry.chain, from: council, verify });
    if (!step.ok) return step;
    council = step.council;
  }
  return { ok: true, entry: council === entry.council ? entry : { ...entry, council } };
}

type Shown = Known & { readonly proof: StateProof };

/**
 * Checks a proof of the other chain's state against those who vote there as far as this ledger knows. Two blocks of
 * one height freeze the chain. Codes, in order: `cbor.*`, `message.shape`, `feeder.old-council`, `proof.*`,
 * `certificate.*`.
 */
export function shown(
  { verify }: BlockContext,
  entry: FeederEntry,
  bytes: Uint8Array,
): Shown | TxRefusal {
  const decoded = decodeStateProof(bytes);
  if (!decoded.ok) return decoded;
  const { proof } = decoded;
  const { header } = proof;
  const { since } = entry.council;
  if (header.height < since) {
    const text = `block ${header.height} is of voters who were relieved at ${since}; show a newer one`;
    return refuse("feeder.old-council", text);
  }
  const checked = verifyStateProof(proof, membershipOf(entry.chain, entry.council), verify);
  if (!checked.ok) return checked;
  const hash = blockHash(header);
  const same = header.height === entry.height && entry.hash !== undefined;
  if (same && compareBytes(hash, entry.hash) !== 0) {
    return { ok: true, entry: { ...entry, state: "frozen" }, proof };
  }
  if (header.height <= (entry.height ?? 0)) return { ok: true, entry, proof };
  const { height, time } = header;
  return { ok: true, entry: { ...entry, height, time, hash }, proof };
}

/** Whether the other chain's clock went with this one's when it made the block; code `feeder.stale`. */
export function checkClock({ time }: BlockContext, { header }: StateProof): TxRefusal | undefined {
  if (Math.abs(time - header.time) <= skewMsMax) return undefined;
  const text = `block ${header.height} of ${header.chain} is of ${header.time}, it is ${time} here: expected at most ${skewMsMax} ms between them; show a newer one`;
  return refuse("feeder.stale", text);
}
