import { signBlock } from "./certifying.ts";
import { leaderOf } from "./council.ts";
import { inFlightMax } from "./limits.ts";
import { type Body, digestOf, type Proposal, type Vote } from "./messages.ts";
import {
  count,
  hex,
  inWindow,
  isGenuine,
  isInForce,
  isVoters,
  keepForLater,
  leads,
  proposalOf,
  type Replica,
  type Slot,
  same,
  send,
  signVote,
  slotAt,
} from "./state.ts";

/** Proposes while work waits, fewer than `inFlightMax` heights are under way, and the window is open. */
export function propose(replica: Replica): void {
  while (leads(replica)) {
    const underWay = [...replica.slots.values()].filter(({ prePrepare }) => prePrepare);
    const { height: newest, takenOver } = replica;
    const height = Math.max(newest, takenOver, ...underWay.map((slot) => slot.height)) + 1;
    if (underWay.length >= inFlightMax || !inWindow(replica, height)) return;
    const bodies = underWay.flatMap((slot) => proposalOf(slot) ?? []);
    const frames = replica.ports.pool.next(bodies);
    if (frames === undefined) return;
    const { self: proposer, view, ports } = replica;
    const time = Math.max(ports.clock.site(), replica.time) as Proposal["time"];
    const proposal: Proposal = { height, time, proposer, view, frames };
    const vote = signVote(replica, "pre-prepare", height, digestOf(proposal));
    accept(replica, slotAt(replica, height), vote, proposal);
    send(replica, { name: "pre-prepare", body: { vote, proposal } });
  }
}

/** A leader's proposal, fresh or sent again. */
export function onPrePrepare(
  replica: Replica,
  from: string,
  { vote, proposal }: Body<"pre-prepare">,
): void {
  if (vote.phase !== "pre-prepare" || !isOfThisView(replica, from, vote, { vote, proposal }))
    return;
  const { council, view } = replica;
  if (vote.from !== leaderOf(council, view)) return count(replica, "consensus.not-leader");
  if (vote.height <= replica.takenOver && takenOverAt(replica, vote.height) === undefined) return;
  const slot = slotAt(replica, vote.height);
  // A height that lay beyond the window when the view began may be in it now.
  slot.prePrepare ??= takenOverAt(replica, vote.height);
  const known = slot.prePrepare;
  if (known !== undefined && !same(known.digest, vote.digest)) {
    return contradicts(replica, known, vote);
  }
  if (known !== undefined) return onHeldProposal(replica, { proposal });
  if (!isFresh(replica, vote, proposal) || !isGenuine(replica, vote)) {
    return count(replica, "consensus.bad-proposal");
  }
  accept(replica, slot, vote, proposal);
}

/** The body of a proposal that the present view took over from an earlier one. */
export function onHeldProposal(
  replica: Replica,
  { proposal }: { readonly proposal: Proposal },
): void {
  const slot = replica.slots.get(proposal.height);
  const vote = slot?.prePrepare;
  if (slot === undefined || vote === undefined || !isInForce(replica)) return;
  if (proposalOf(slot) !== undefined || !same(vote.digest, digestOf(proposal))) return;
  accept(replica, slot, vote, proposal);
}

/** A prepare or a commit. */
export function onVote(replica: Replica, from: string, vote: Vote): void {
  if (vote.phase === "pre-prepare" || !isOfThisView(replica, from, vote, vote)) return;
  // The leader's pre-prepare is its prepare.
  const isLeaders = vote.from === leaderOf(replica.council, replica.view);
  if (vote.phase === "prepare" && isLeaders) return count(replica, "consensus.not-a-backup");
  const slot = slotAt(replica, vote.height);
  const votes = vote.phase === "prepare" ? slot.prepares : slot.commits;
  const known = votes.get(vote.from);
  if (known !== undefined && same(known.signature, vote.signature)) return;
  if (known !== undefined && isSound(replica, slot, votes, known)) {
    return same(known.digest, vote.digest) ? undefined : contradicts(replica, known, vote);
  }
  // In this member's own name nobody else can speak, and what it said is not to be asked twice.
  const isKept = vote.from === replica.self ? isGenuine(replica, vote) : isVoters(replica, vote);
  if (!isKept) return count(replica, "consensus.forged");
  votes.set(vote.from, vote);
  if (vote.from !== replica.self && !isProvedByLink(from, vote)) slot.unchecked.add(vote);
}

/**
 * Whether the connection that brought a vote says whose it is, so that its signature need not. A commit
 * is never shown to others, who have not seen that connection; a prepare is, in what a view change rests on.
 * Source: Castro & Liskov, "Practical Byzantine Fault Tolerance" (OSDI 1999) §5, authenticators.
 */
function isProvedByLink(from: string, vote: Vote): boolean {
  return vote.phase === "commit" && vote.from === from;
}

/** Says commit at heights that are prepared, and runs the next height. */
export function order(replica: Replica): void {
  if (!isInForce(replica)) return;
  const slots = [...replica.slots.values()].toSorted((a, b) => a.height - b.height);
  const commits = slots.flatMap((slot) => commitTo(replica, slot) ?? []);
  const together = commits.find((vote) => isSignedWith(replica, vote));
  for (const vote of commits) if (vote !== together) say(replica, vote);
  foreseeNext(replica);
  if (together !== undefined) say(replica, together);
  runNext(replica);
}

const say = (replica: Replica, body: Vote): void => send(replica, { name: "vote", body });

/** Whether a commit goes out together with the signature over the block, once that has run. */
function isSignedWith({ height, view, slots }: Replica, vote: Vote): boolean {
  const slot = slots.get(vote.height);
  return vote.height === height + 1 && slot !== undefined && proposalOf(slot)?.view === view;
}

/** Takes a proposal for the present view's. On disk first: it binds this member for ever. */
export function accept(replica: Replica, slot: Slot, vote: Vote, proposal: Proposal): void {
  slot.prePrepare = vote;
  slot.since = replica.ports.clock.now();
  const name = hex(vote.digest);
  if (!slot.proposals.has(name)) slot.proposals.set(name, proposal);
  replica.time = Math.max(replica.time, proposal.time);
  const { epoch } = replica.council;
  replica.out.push({
    do: "persist",
    record: { kind: "accepted", epoch, prePrepare: vote, proposal },
  });
  prepare(replica, slot, vote);
}

/** This member's prepare; the leader's is its pre-prepare. */
export function prepare(replica: Replica, slot: Slot, { height, digest }: Vote): void {
  const { council, view, self } = replica;
  if (!council.members.includes(self) || leaderOf(council, view) === self) return;
  const vote = signVote(replica, "prepare", height, digest);
  slot.prepares.set(self, vote);
  send(replica, { name: "vote", body: vote });
}

function commitTo(replica: Replica, slot: Slot): Vote | undefined {
  const { prePrepare, prepares, commits } = slot;
  const { council, self } = replica;
  const proposal = proposalOf(slot);
  if (prePrepare === undefined || proposal === undefined || commits.has(self)) return;
  if (!council.members.includes(self)) return;
  const agreeing = agreeingWith(replica, slot, prepares, council.quorum - 1);
  if (agreeing.length < council.quorum - 1) return;
  slot.prepared = { votes: [prePrepare, ...agreeing.slice(0, council.quorum - 1)] };
  const { epoch } = council;
  replica.out.push({ do: "persist", record: { kind: "prepared", epoch, prepared: slot.prepared } });
  const vote = signVote(replica, "commit", slot.height, prePrepare.digest);
  commits.set(self, vote);
  return vote;
}

/** Runs the next height before it is ordered, once this member has said commit to it. */
function foreseeNext(replica: Replica): void {
  const slot = replica.slots.get(replica.height + 1);
  const proposal = slot && proposalOf(slot);
  if (slot?.prePrepare === undefined || proposal === undefined) return;
  if (slot.running !== undefined || replica.applying || !slot.commits.has(replica.self)) return;
  const digest = hex(slot.prePrepare.digest);
  if (slot.ran?.digest === digest || slot.failed === digest) return;
  slot.running = digest;
  replica.out.push({ do: "foresee", proposal });
}

/** Heights run one after the other: each begins with the state that the one before was certified with. */
function runNext(replica: Replica): void {
  const slot = replica.slots.get(replica.height + 1);
  const proposal = slot && proposalOf(slot);
  if (slot?.prePrepare === undefined || proposal === undefined) return;
  if (slot.running !== undefined || replica.applying) return;
  const digest = hex(slot.prePrepare.digest);
  if (slot.ordered === digest && slot.ran?.digest === digest) return;
  const { quorum } = replica.council;
  if (agreeingWith(replica, slot, slot.commits, quorum).length < quorum) return;
  slot.ordered = digest;
  if (slot.ran?.digest === digest) return signBlock(replica, slot);
  slot.running = digest;
  replica.out.push({ do: "run", proposal });
}

/** Genuine votes for what the present view orders; no more of them are checked than are needed. */
function agreeingWith(
  replica: Replica,
  slot: Slot,
  votes: Map<string, Vote>,
  needed: number,
): Vote[] {
  const digest = slot.prePrepare?.digest;
  if (digest === undefined) return [];
  const agreeing = [...votes.values()].filter((vote) => same(vote.digest, digest));
  const good = agreeing.filter((vote) => !slot.unchecked.has(vote));
  for (const vote of agreeing) {
    if (good.length >= needed) break;
    if (slot.unchecked.has(vote) && isSound(replica, slot, votes, vote)) good.push(vote);
  }
  return good;
}

/** Whether a vote that is kept is genuine; one that is not is kept no longer. */
function isSound(replica: Replica, slot: Slot, votes: Map<string, Vote>, vote: Vote): boolean {
  if (!slot.unchecked.delete(vote)) return true;
  if (isGenuine(replica, vote)) return true;
  votes.delete(vote.from);
  count(replica, "consensus.forged");
  return false;
}

/** What the present view took over at a height. */
function takenOverAt({ newView }: Replica, height: number): Vote | undefined {
  return newView?.prePrepares.find((vote) => vote.height === height);
}

/** Whether a vote is of the view in force and the window; what is of a later view is kept. */
function isOfThisView(
  replica: Replica,
  from: string,
  vote: Vote,
  body: Vote | Body<"pre-prepare">,
): boolean {
  const { council, view } = replica;
  if (vote.epoch !== council.epoch) return false;
  if (vote.view > view || (vote.view === view && !isInForce(replica))) {
    const message =
      "vote" in body ? ({ name: "pre-prepare", body } as const) : ({ name: "vote", body } as const);
    if (vote.view > view) keepForLater(replica, from, message);
    return false;
  }
  return vote.view === view && inWindow(replica, vote.height);
}

/** Whether a leader may propose this now. */
function isFresh(replica: Replica, vote: Vote, proposal: Proposal): boolean {
  const { ports, timing } = replica;
  return (
    proposal.height === vote.height &&
    proposal.view === vote.view &&
    proposal.proposer === vote.from &&
    same(digestOf(proposal), vote.digest) &&
    Math.abs(proposal.time - ports.clock.site()) <= timing.clockMsMax &&
    ports.acceptable(proposal)
  );
}

function contradicts(replica: Replica, first: Vote, second: Vote): void {
  if (!isGenuine(replica, second) || !isGenuine(replica, first)) {
    return count(replica, "consensus.forged");
  }
  replica.out.push({ do: "report", evidence: { member: second.from, first, second } });
}
