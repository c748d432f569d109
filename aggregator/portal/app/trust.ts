import {
  decodeProof,
  type PinnedMembership,
  type Proved,
  type Refusal,
  verifyProofFrom,
} from "@busbar/protocol";
import { verifyPure } from "@busbar/protocol/ed25519";
import type { PortalMembership } from "../api.ts";
import { fromBase64url } from "./key.ts";
import { t } from "./language.ts";
import { read } from "./request.ts";
import { Watched } from "./store.ts";
import { recall, remember } from "./stored.ts";

/** Whom this browser believes, and since when: proofs are worth what this is. */
export type Pinned = {
  readonly membership: PinnedMembership;
  /** `portal`: as the portal said when this browser came first. `file`: as its owner handed it over. */
  readonly source: "portal" | "file";
  /** Wall ms. */
  readonly at: number;
};

type Saved = {
  readonly text: PortalMembership;
  readonly source: Pinned["source"];
  readonly at: number;
};

const placeOf = (chain: string) => `busbar-pinned-${chain}`;

export const pinned = new Watched<Pinned | undefined>(undefined);

/** What this browser pinned for a chain, or, at its first visit, what the portal says now. */
export async function pin(chain: string): Promise<Pinned> {
  const known = saved(chain);
  if (known !== undefined) return keep(known);
  return save({
    text: await read<PortalMembership>("membership"),
    source: "portal",
    at: Date.now(),
  });
}

/** Pins what a `membership.json` says. Throws: `Error` in words for people. */
export async function pinFile(file: File, chain: string): Promise<Pinned> {
  const text = membershipIn(jsonOf(file.size > 100_000 ? "" : await file.text()));
  if (text === undefined) {
    throw new Error(t("{file} is no membership.json of a chain.", { file: file.name }));
  }
  if (text.chain !== chain) {
    throw new Error(
      t("{file} is of chain {other}, this is {chain}.", {
        file: file.name,
        other: text.chain,
        chain,
      }),
    );
  }
  return save({ text, source: "file", at: Date.now() });
}

/** Checks a proof's bytes in this page, against whom it pinned and nothing else. */
export function check(bytes: Uint8Array, { membership }: Pinned): Proved | Refusal {
  const decoded = decodeProof(bytes);
  return decoded.ok ? verifyProofFrom(decoded, membership, verifyPure) : decoded;
}

/** The signed frame that a receipt certifies. */
export function frameOfReceipt(bytes: Uint8Array): Uint8Array | undefined {
  const decoded = decodeProof(bytes);
  if (!decoded.ok || decoded.proof.kind !== "receipt") return undefined;
  return decoded.proof.receipt.frame;
}

/** What was pinned for a chain. What is no membership, or another chain's, counts as nothing. */
function saved(chain: string): Saved | undefined {
  const found = recall(placeOf(chain)) as Partial<Saved> | undefined;
  const text = membershipIn(found?.text);
  if (text?.chain !== chain || typeof found?.at !== "number") return undefined;
  return { text, source: found.source === "file" ? "file" : "portal", at: found.at };
}

/** Where this browser keeps nothing, the pin lasts as long as the page. */
function save(saving: Saved): Pinned {
  remember(placeOf(saving.text.chain), saving);
  return keep(saving);
}

function keep({ text, source, at }: Saved): Pinned {
  const { chain, epoch, since, members } = text;
  const membership = {
    chain,
    epoch,
    since,
    members: members.map(({ id, key, voting }) => ({ id, voting, key: fromBase64url(key) })),
  };
  const found = { membership, source, at };
  pinned.set(found);
  return found;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is no membership either.
    return undefined;
  }
}

function membershipIn(found: unknown): PortalMembership | undefined {
  try {
    const {
      chain,
      site = "",
      epoch = 0,
      since = 1,
      members,
      brokers = [],
    } = found as Partial<PortalMembership>;
    if (typeof chain !== "string" || !Array.isArray(members) || members.length === 0)
      return undefined;
    const all = members.map(({ id, key, voting }) => ({ id, key, voting: voting !== false }));
    const fits = all.every(
      ({ id, key }) => typeof id === "string" && fromBase64url(String(key)).length === 32,
    );
    return fits ? { chain, site, epoch, since, members: all, brokers } : undefined;
  } catch {
    // Not an object, or keys that are no base64: to the reader it is one mistake.
    return undefined;
  }
}
