import { utf8ToBytes } from "@noble/hashes/utils.js";
import { decodeCbor } from "../cbor/decode.ts";
import { CborError } from "../cbor/value.ts";
import type { Verify } from "../envelope/envelope.ts";
import type { Sha256 } from "../merkle/tree.ts";
import { instant } from "../messages/readings.ts";
import { release } from "../messages/releases.ts";
import type { Refusal } from "../refusal.ts";
import { int, oneOf, SchemaError, type TypeOf } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { sha256 } from "../sha256.ts";
import type { Membership } from "./membership.ts";
import { type StateProof, verifyStateProof } from "./state-proof.ts";

const count = int(0, Number.MAX_SAFE_INTEGER);

/** The present release as the ledger holds it. */
export const releaseState = record("release-state", {
  release: field(1, release),
  /** Block time of its decision: stages are counted from there. */
  from: field(2, instant),
  height: field(3, int(1, Number.MAX_SAFE_INTEGER)),
  /** Units that keep it, and that undid or refused it. */
  kept: field(4, count),
  failed: field(5, count),
  stopped: optional(6, oneOf("failures", "withdrawn")),
});

export type ReleaseState = TypeOf<typeof releaseState>;

/** `release/current`. */
export const releaseTable = "release";
export const releaseKey = `${releaseTable}/current`;

/**
 * Where a unit stands in a release, 0 … 999: the first four bytes of SHA-256 over chain, number and unit,
 * as a share of a thousand. Each release begins with other units.
 */
export function releasePlace(
  {
    chain,
    number,
    device,
  }: { readonly chain: string; readonly number: number; readonly device: string },
  hash: Sha256 = sha256,
): number {
  const [a = 0, b = 0, c = 0, d = 0] = hash(
    utf8ToBytes(`busbar/1/${chain}/release/${number}/${device}`),
  );
  return Math.floor(((a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) * 1000) / 2 ** 32);
}

/** How many thousandths of the units may install a release at a time, whether it is stopped or not. */
export function releaseReach({ release, from, kept }: ReleaseState, time: number): number {
  let reach = 0;
  let opens: number = from;
  let before: (typeof release.stages)[number] | undefined;
  for (const stage of release.stages) {
    if (before !== undefined) {
      opens += before.waitMinutes * 60_000;
      if (time < opens || kept < before.keptMin) break;
    }
    reach = Math.max(reach, stage.permille);
    before = stage;
  }
  return time < from ? 0 : reach;
}

/** Whether a unit's turn has come, whether the release is stopped or not. */
export function isReleaseTurn(
  state: ReleaseState,
  {
    chain,
    device,
    time,
  }: { readonly chain: string; readonly device: string; readonly time: number },
): boolean {
  if (time < state.from) return false;
  const { canaries, number } = state.release;
  return (
    canaries.includes(device) || releasePlace({ chain, number, device }) < releaseReach(state, time)
  );
}

/**
 * The present release that a proof proves. Codes, in order: `proof.key` (not that of the release, or there
 * is none), `proof.chain`, `proof.path`, `certificate.*`, `cbor.*`, `message.shape`.
 */
export function verifyReleaseProof(
  proof: StateProof,
  membership: Membership,
  verify: Verify,
): { readonly ok: true; readonly state: ReleaseState } | Refusal {
  const { key, value } = proof;
  if (key !== releaseKey || value === undefined) {
    const message = `expected the release, got ${value === undefined ? "none at" : "the entry"} ${key}`;
    return { ok: false, code: "proof.key", message };
  }
  const checked = verifyStateProof(proof, membership, verify);
  if (!checked.ok) return checked;
  try {
    return { ok: true, state: releaseState.decode(decodeCbor(value), "") };
  } catch (error) {
    if (error instanceof CborError || error instanceof SchemaError) {
      return { ok: false, code: error.code, message: `release: ${error.message}` };
    }
    throw error;
  }
}
