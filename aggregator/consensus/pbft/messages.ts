import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { CborError, decodeCbor, encodeBy, type Refusal, type Vote } from "@busbar/protocol";
import {
  array,
  bytes,
  certificate,
  encodeAs,
  field,
  id,
  instant,
  int,
  optional,
  type RecordCodec,
  record,
  SchemaError,
  type TypeOf,
  vote,
} from "@busbar/protocol/schema";
import { membersMax, windowSize } from "./limits.ts";

const most = Number.MAX_SAFE_INTEGER;
const number = int(0, most);
const height = int(1, most);
const signature = bytes(64);
const members = membersMax;
/** A header has about 300 bytes. */
const header = bytes(1, 1024);

/**
 * What a leader proposes for a height. `view` and `proposer` are those of the first proposal: a later
 * view that takes it over keeps its bytes, and with them its digest and the block's header.
 */
export const proposal = record("proposal", {
  height: field(1, height),
  time: field(2, instant),
  proposer: field(3, id),
  view: field(4, number),
  frames: field(5, array(bytes(1, 65_536), 0, 4096)),
});

/** That a quorum prepared a digest: the leader's pre-prepare and others' prepares of one view. */
export const prepared = record("prepared", { votes: field(1, array(vote, 1, members)) });

/** A certified block, without its transactions. */
export const certified = record("certified", {
  header: field(1, header),
  certificate: field(2, certificate),
});

const viewChangeBody = {
  epoch: field(1, number),
  /** The view that is asked for. */
  view: field(2, number),
  /** The newest certified block; absent before the first. */
  certified: optional(3, certified),
  prepared: field(4, array(prepared, 0, windowSize)),
  from: field(5, id),
};
const viewChangeSigned = record("view-change-body", viewChangeBody);
export const viewChange = record("view-change", {
  ...viewChangeBody,
  signature: field(6, signature),
});

const newViewBody = {
  epoch: field(1, number),
  view: field(2, number),
  changes: field(3, array(viewChange, 1, members)),
  /** One for each height above the newest certified block, without gaps. */
  prePrepares: field(4, array(vote, 0, windowSize)),
  from: field(5, id),
};
const newViewSigned = record("new-view-body", newViewBody);
export const newView = record("new-view", { ...newViewBody, signature: field(6, signature) });

export const prePrepare = record("pre-prepare", {
  vote: field(1, vote),
  proposal: field(2, proposal),
});
/** A member's signature over the header of a block that it ran. */
export const blockVote = record("block-vote", {
  height: field(1, height),
  header: field(2, header),
  from: field(3, id),
  signature: field(4, signature),
});
/** Where a member stands. Not signed: it moves nobody to more than sending what it has. */
export const status = record("status", {
  epoch: field(1, number),
  view: field(2, number),
  height: field(3, number),
  from: field(4, id),
});
export const fetchBlocks = record("fetch-blocks", {
  above: field(1, number),
  from: field(2, id),
});
export const fetchProposal = record("fetch-proposal", {
  height: field(1, height),
  digest: field(2, bytes(32)),
  from: field(3, id),
});
export const block = record("block", {
  header: field(1, header),
  certificate: field(2, certificate),
  frames: field(3, array(bytes(1, 65_536), 0, 4096)),
});
export const heldProposal = record("held-proposal", { proposal: field(1, proposal) });

/** Every message between members, by its name on the wire. */
export const messages = {
  "pre-prepare": prePrepare,
  vote,
  "block-vote": blockVote,
  "view-change": viewChange,
  "new-view": newView,
  status,
  "fetch-blocks": fetchBlocks,
  "fetch-proposal": fetchProposal,
  block,
  "held-proposal": heldProposal,
} as const;

export type Name = keyof typeof messages;
export type Body<N extends Name> = TypeOf<(typeof messages)[N]>;
/** A message with its name, as the replica takes and gives it. */
export type Message = { readonly [N in Name]: { readonly name: N; readonly body: Body<N> } }[Name];

export type Proposal = TypeOf<typeof proposal>;
export { type Vote, voteBytes } from "@busbar/protocol";
export type Phase = Vote["phase"];
export type Prepared = TypeOf<typeof prepared>;
export type Certified = TypeOf<typeof certified>;
export type ViewChange = TypeOf<typeof viewChange>;
export type NewView = TypeOf<typeof newView>;
export type BlockVote = TypeOf<typeof blockVote>;
export type Block = TypeOf<typeof block>;

/** The bytes that travel. */
export function encodeMessage(message: Message): Uint8Array {
  return encodeNamed(messages, message);
}

/** A message, or why the bytes are none: a `cbor.*` code or `message.shape`. */
export function decodeMessage(
  data: Uint8Array,
): { readonly ok: true; readonly message: Message } | Refusal {
  const decoded = decodeNamed(messages, data);
  return decoded.ok ? { ok: true, message: decoded.message as Message } : decoded;
}

// biome-ignore lint/suspicious/noExplicitAny: a catalogue holds records of any types
type Catalogue = Readonly<Record<string, RecordCodec<any>>>;
type Named = { readonly name: string; readonly body: unknown };

/** A message of a catalogue: CBOR `[name, map]`. */
export function encodeNamed(catalogue: Catalogue, { name, body }: Named): Uint8Array {
  const codec = catalogue[name];
  assert(codec !== undefined, `${name} is in the catalogue`);
  return encodeBy((out) => {
    out.list(2);
    out.text(name);
    codec.write(out, body);
  });
}

export function decodeNamed(
  catalogue: Catalogue,
  data: Uint8Array,
): { readonly ok: true; readonly message: Named } | Refusal {
  try {
    const value = decodeCbor(data);
    const [name, body] = Array.isArray(value) && value.length === 2 ? value : [];
    const codec = typeof name === "string" && Object.hasOwn(catalogue, name) && catalogue[name];
    if (typeof name !== "string" || !codec) {
      const known = Object.keys(catalogue).join(", ");
      return { ok: false, code: "message.shape", message: `expected [name, map] of ${known}` };
    }
    return { ok: true, message: { name, body: codec.decode(body, name) } };
  } catch (error) {
    if (!(error instanceof CborError || error instanceof SchemaError)) throw error;
    return { ok: false, code: error.code, message: error.message };
  }
}

/** SHA-256 of a proposal's encoding. */
export function digestOf(value: Proposal): Uint8Array {
  return sha256(encodeAs(proposal, value));
}

export function viewChangeBytes(change: Omit<ViewChange, "signature">): Uint8Array {
  return encodeAs(viewChangeSigned, change);
}

export function newViewBytes(view: Omit<NewView, "signature">): Uint8Array {
  return encodeAs(newViewSigned, view);
}

function sha256(data: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(data).digest());
}
