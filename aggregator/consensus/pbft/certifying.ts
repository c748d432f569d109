import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type BlockHeader, type Certificate, compareBytes, Failure } from "@busbar/protocol";
import { decodeHeader } from "../../ledger/codecs.ts";
import { blacklistBlocks, councilOf } from "./council.ts";
import { windowSize } from "./limits.ts";
import type { BlockVote, Certified } from "./messages.ts";
import { paceAfter } from "./pace.ts";
import { passedSince, patienceMs } from "./patience.ts";
import type { Event, Voters } from "./ports.ts";
import {
  count,
  hex,
  inWindow,
  type Ran,
  type Replica,
  type Slot,
  same,
  send,
  slotAt,
  votes,
} from "./state.ts";

/** What was ordered, or will be if the others agree, has been executed: this member signs its header. */
export function onRan(replica: Replica, event: Extract<Event, { kind: "ran" }>): void {
  const { height, result } = event;
  const slot = replica.slots.get(height);
  if (slot?.running === undefined || height !== replica.height + 1) return;
  const digest = slot.running;
  slot.running = undefined;
  // It fails again when it is ordered, and then for good.
  if (result === undefined) slot.failed = digest;
  else slot.ran = { digest, ...result };
  signBlock(replica, slot);
}

/** Signs the header of what ran here, as soon as that may be done. */
export function signBlock(replica: Replica, slot: Slot): void {
  const { self, ports } = replica;
  const { height, ran, blockVotes } = slot;
  if (ran === undefined || !votes(replica) || !maySign(replica, slot, ran)) return;
  const { header } = ran;
  const said = blockVotes.get(self);
  if (said !== undefined && same(said.header, header)) return;
  const vote: BlockVote = { height, header, from: self, signature: ports.sign("block", header) };
  blockVotes.set(self, vote);
  send(replica, { name: "block-vote", body: vote });
}

/**
 * Whether a signature over what ran may be given: a quorum's must never certify what is not decided.
 * So it either was ordered, or the signature says no more than this member's commit in the very view
 * that the header names: a quorum of those is a quorum of commits of one view. A commit in a later view,
 * which took the proposal over, stands for another view than its header says, and a few of each
 * would be a quorum that no view has seen.
 */
function maySign(replica: Replica, slot: Slot, { digest }: Ran): boolean {
  if (slot.ordered === digest) return true;
  const commit = slot.commits.get(replica.self);
  const proposal = slot.proposals.get(digest);
  if (commit === undefined || hex(commit.digest) !== digest) return false;
  return proposal?.view === commit.view;
}

/** Another member's signature over a header. */
export function onBlockVote(replica: Replica, from: string, vote: BlockVote): void {
  const { council } = replica;
  if (!council.members.includes(vote.from)) return;
  const certified = replica.newest.get(vote.height);
  if (certified !== undefined) return compareWith(replica, certified, vote);
  if (!inWindow(replica, vote.height)) return;
  const slot = slotAt(replica, vote.height);
  const known = slot.blockVotes.get(vote.from);
  const isOwn = vote.from === replica.self;
  if (known === undefined && !isOwn) {
    slot.blockVotes.set(vote.from, vote);
    slot.unchecked.add(vote);
    return;
  }
  if (known !== undefined && isAgain(known, vote)) return;
  // What it signed in an earlier view counts no more, once it says so itself.
  const isNewer = isOwn ? known === undefined : from === vote.from;
  if (known !== undefined && !isNewer && isSound(replica, slot, known)) return;
  if (!isSigned(replica, vote)) return count(replica, "consensus.forged");
  if (known !== undefined) slot.unchecked.delete(known);
  slot.blockVotes.delete(vote.from);
  slot.blockVotes.set(vote.from, vote);
}

const isAgain = (known: BlockVote, vote: BlockVote): boolean =>
  same(known.header, vote.header) && same(known.signature, vote.signature);

const isSigned = ({ ports }: Replica, { from, header, signature }: BlockVote): boolean =>
  ports.verify(from, "block", header, signature);

/** Whether a word that is kept is signed; one that is not is kept no longer. */
function isSound(replica: Replica, slot: Slot, vote: BlockVote): boolean {
  if (!slot.unchecked.delete(vote)) return true;
  if (isSigned(replica, vote)) return true;
  slot.blockVotes.delete(vote.from);
  count(replica, "consensus.forged");
  return false;
}

/**
 * A word on a block that is certified: who signed another header of the same view computes otherwise,
 * and is named. What it signed of an earlier view's proposal was passed over, and is nobody's fault.
 */
function compareWith(replica: Replica, certified: Certified, vote: BlockVote): void {
  if (same(vote.header, certified.header) || !isOfOneView(vote.header, certified.header)) return;
  if (!isSigned(replica, vote)) return count(replica, "consensus.forged");
  replica.out.push({ do: "deviates", deviating: { vote, certified } });
}

/**
 * Puts the next block on disk once a quorum signed the header that this member came to as well.
 * Throws: `Failure` `consensus.outvoted` when a quorum came to another one.
 */
export function certify(replica: Replica): void {
  const slot = replica.slots.get(replica.height + 1);
  if (slot?.ran === undefined || slot.running !== undefined) return;
  const own = slot.ran.header;
  const certificate = certificateOf(replica, slot, own);
  if (certificate !== undefined) return certifyWith(replica, slot, certificate);
  for (const { header } of [...slot.blockVotes.values()]) {
    if (same(own, header) || !isOfOneView(own, header)) continue;
    if (certificateOf(replica, slot, header) !== undefined) throw outvoted(own, header);
  }
}

/**
 * Whether two headers of one height come from one proposal: in a view that a header names no two can
 * have been prepared, and only what was prepared is ever signed.
 */
export function isOfOneView(one: Uint8Array, other: Uint8Array): boolean {
  const view = headerIn(one)?.view;
  return view !== undefined && view === headerIn(other)?.view;
}

/**
 * A quorum came to another header from the same order. This machine computes wrongly, or has other
 * rules: it says so, and stops before it votes on anything that rests on its own result.
 */
export function outvoted(own: Uint8Array, theirs: Uint8Array): Failure {
  const [here, there] = [decodeHeader(own), decodeHeader(theirs)];
  const parts = (["time", "txRoot", "resultsRoot", "appHash", "validatorsHash"] as const).filter(
    (part) => !isDeepStrictEqual(here[part], there[part]),
  );
  const message =
    `this member disagrees about block ${there.height}: a quorum of the others signed another result ` +
    `of the same transactions (differing: ${parts.join(", ") || "header"}; state here ` +
    `${hex(here.appHash).slice(0, 12)}, there ${hex(there.appHash).slice(0, 12)}). It votes no more. ` +
    "Compare the program's version with theirs, check the machine's memory, run verify, then start it again";
  return new Failure("consensus.outvoted", message, { retry: "never" });
}

/** Puts the block that ran on disk under a certificate for its header. */
export function certifyWith(replica: Replica, slot: Slot, certificate: Certificate): void {
  const { height, ran } = slot;
  assert(ran !== undefined && slot.running === undefined, "a block runs before it is certified");
  const { header, next } = ran;
  measure(replica, slot);
  replica.out.push({ do: "certify", height, certificate });
  stepTo(replica, { header, certificate }, next);
}

/** The members' word that enough of them signed a header of this epoch. */
export function isCertified(replica: Replica, { header, certificate }: Certified): boolean {
  const { council, ports } = replica;
  const signers = new Set<string>();
  for (const { kid, signature } of certificate) {
    const member = council.members.find((id) => same(ports.kid(id), kid));
    if (member === undefined || signers.has(member)) continue;
    if (!ports.verify(member, "block", header, signature)) return false;
    signers.add(member);
  }
  return signers.size >= council.quorum;
}

/** A header of the wire, or undefined where the bytes are none. */
export function headerIn(bytes: Uint8Array): BlockHeader | undefined {
  try {
    return decodeHeader(bytes);
  } catch {
    // Whatever is wrong with the bytes of a stranger: they are no header.
    return undefined;
  }
}

/** A block is on this member's disk: the window moves on, and with new members a new epoch begins. */
export function stepTo(replica: Replica, certified: Certified, next: Voters): void {
  const header = headerIn(certified.header);
  assert(header !== undefined && header.height === replica.height + 1, "blocks follow each other");
  const now = replica.ports.clock.now();
  const votes = replica.slots.get(header.height)?.blockVotes.values() ?? [];
  for (const vote of votes) compareWith(replica, certified, vote);
  replica.newest.set(header.height, certified);
  replica.newest.delete(header.height - windowSize);
  replica.height = header.height;
  replica.certified = certified;
  replica.time = Math.max(replica.time, header.time);
  replica.turns = [...replica.turns, { view: header.view, proposer: header.proposer }].slice(
    -blacklistBlocks,
  );
  replica.failures = 0;
  replica.times.progress = now;
  for (const height of replica.slots.keys()) {
    if (height <= header.height) replica.slots.delete(height);
  }
  for (const height of replica.blocks.keys()) {
    if (height <= header.height) replica.blocks.delete(height);
  }
  if (next.epoch > replica.council.epoch) beginEpoch(replica, next);
}

/** Other voters: what the old ones ordered above this height is void, and views count anew. */
function beginEpoch(replica: Replica, { epoch, members }: Voters): void {
  replica.council = councilOf(epoch, members);
  replica.view = 0;
  replica.asked = 0;
  replica.newView = undefined;
  replica.takenOver = 0;
  replica.turns = [];
  replica.slots.clear();
  replica.newest.clear();
  replica.changes.clear();
  replica.later.clear();
  replica.epochStart = { height: replica.height, header: replica.certified?.header };
  replica.times.viewStarted = replica.ports.clock.now();
  replica.times.quorumAsked = undefined;
  replica.out.push({ do: "persist", record: { kind: "view", epoch, view: 0, asked: 0 } });
}

/**
 * How long the present view's proposal took to become a block. The view would not have waited longer
 * than it may: what was longer says that members did not reach each other, not what a block takes.
 */
function measure(replica: Replica, { prePrepare, since }: Slot): void {
  if (prePrepare === undefined) return;
  const tookMs = Math.min(passedSince(replica, since), patienceMs(replica));
  replica.pace = paceAfter(replica.pace, tookMs);
}

/** A quorum's signatures over a header; no more of them are checked than are needed. */
function certificateOf(replica: Replica, slot: Slot, header: Uint8Array): Certificate | undefined {
  const { council, ports } = replica;
  const agreeing = [...slot.blockVotes.values()].filter((vote) => same(vote.header, header));
  const good = agreeing.filter((vote) => !slot.unchecked.has(vote));
  for (const vote of agreeing) {
    if (good.length >= council.quorum) break;
    if (slot.unchecked.has(vote) && isSound(replica, slot, vote)) good.push(vote);
  }
  if (good.length < council.quorum) return undefined;
  return good
    .map(({ from, signature }) => ({ kid: ports.kid(from), signature }))
    .toSorted((a, b) => compareBytes(a.kid, b.kid));
}
