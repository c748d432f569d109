import { headerIn } from "./certifying.ts";
import { leaderOf } from "./council.ts";
import {
  digestOf,
  type NewView,
  newViewBytes,
  type Proposal,
  type ViewChange,
  type Vote,
  voteBytes,
} from "./messages.ts";
import { accept } from "./ordering.ts";
import {
  count,
  hex,
  inWindow,
  proposalOf,
  type Replica,
  type Slot,
  same,
  send,
  slotAt,
} from "./state.ts";
import { isValidChange } from "./view-change.ts";

/** One height that a new view takes over. */
type Takeover = { readonly height: number; readonly digest: Uint8Array };

/** Fills a height that nobody saw prepared, so that what was prepared behind it can run. */
export function nullProposal(height: number, view: number, proposer: string): Proposal {
  return { height, time: 0 as Proposal["time"], proposer, view, frames: [] };
}

/** Begins the view that is this member's to lead, once a quorum asks for it. */
export function lead(replica: Replica): void {
  const { self, council, asked, view, ports } = replica;
  if (asked <= view || leaderOf(council, asked) !== self) return;
  const changes = askingFor(replica, asked).slice(0, council.quorum);
  if (changes.length < council.quorum) return;
  const { epoch } = council;
  const prePrepares = takeovers(replica, changes, asked).map(({ height, digest }): Vote => {
    const body = { phase: "pre-prepare", epoch, view: asked, height, digest, from: self } as const;
    return { ...body, signature: ports.sign("pre-prepare", voteBytes(body)) };
  });
  const body = { epoch, view: asked, changes, prePrepares, from: self };
  const newView = { ...body, signature: ports.sign("new-view", newViewBytes(body)) };
  enter(replica, newView);
  send(replica, { name: "new-view", body: newView });
}

/** Another leader's new view: everybody works out anew what it must take over. */
export function onNewView(replica: Replica, newView: NewView): void {
  const { council, view, asked } = replica;
  if (newView.epoch !== council.epoch || newView.view <= view) return;
  // Having asked for a later view, this member has said its last word in this one.
  if (newView.view < asked) return count(replica, "consensus.view-left");
  if (!isValidNewView(replica, newView)) return count(replica, "consensus.bad-new-view");
  enter(replica, newView);
}

export function isValidNewView(replica: Replica, newView: NewView): boolean {
  const { council, ports } = replica;
  const { view, epoch, changes, prePrepares, from, signature, ...rest } = newView;
  if (from !== leaderOf(council, view)) return false;
  const body = { ...rest, epoch, view, changes, prePrepares, from };
  if (!ports.verify(from, "new-view", newViewBytes(body), signature)) return false;
  const asking = new Set(changes.map((change) => change.from));
  if (asking.size !== changes.length || asking.size < council.quorum) return false;
  const good = changes.every(
    (change) =>
      change.view === view &&
      change.epoch === epoch &&
      council.members.includes(change.from) &&
      isValidChange(replica, change),
  );
  if (!good) return false;
  const expected = takeovers(replica, changes, view);
  return (
    prePrepares.length === expected.length &&
    prePrepares.every((vote, i) => {
      const { height, digest } = expected[i] ?? {};
      return (
        vote.phase === "pre-prepare" &&
        vote.epoch === epoch &&
        vote.view === view &&
        vote.from === from &&
        vote.height === height &&
        digest !== undefined &&
        same(vote.digest, digest) &&
        ports.verify(from, "pre-prepare", voteBytes(vote), vote.signature)
      );
    })
  );
}

/** The view is in force, and what it took over is voted on. On disk first. */
function enter(replica: Replica, newView: NewView): void {
  const { epoch, view } = newView;
  replica.out.push({ do: "persist", record: { kind: "new-view", epoch, newView } });
  takeUp(replica, newView);
  for (const slot of replica.slots.values()) voteOnTakeover(replica, slot);
  const kept = [...replica.later].flatMap(([from, messages]) =>
    messages.map((message) => ({ from, message })),
  );
  replica.later.clear();
  replica.replay.push(...kept);
  count(replica, `consensus.view`);
  replica.times.progress = replica.times.viewStarted = replica.ports.clock.now();
  replica.times.quorumAsked = undefined;
  for (const [from, change] of replica.changes) {
    if (change.view <= view) replica.changes.delete(from);
  }
}

/** Sets a replica's slots as a new view has them; also after a restart. */
export function takeUp(replica: Replica, newView: NewView): void {
  replica.view = newView.view;
  replica.asked = Math.max(replica.asked, newView.view);
  replica.newView = newView;
  replica.takenOver = baseOf(newView.changes) + newView.prePrepares.length;
  for (const slot of replica.slots.values()) {
    slot.prePrepare = undefined;
    for (const vote of [...slot.prepares.values(), ...slot.commits.values()]) {
      slot.unchecked.delete(vote);
    }
    slot.prepares.clear();
    slot.commits.clear();
  }
  for (const vote of newView.prePrepares) {
    if (!inWindow(replica, vote.height)) continue;
    const slot = slotAt(replica, vote.height);
    slot.prePrepare = vote;
    slot.since = replica.ports.clock.now();
    const filler = nullProposal(vote.height, newView.view, newView.from);
    if (same(digestOf(filler), vote.digest)) slot.proposals.set(hex(vote.digest), filler);
  }
  for (const slot of replica.slots.values()) forgetOthers(slot);
}

function voteOnTakeover(replica: Replica, slot: Slot): void {
  const vote = slot.prePrepare;
  if (vote === undefined) return;
  const proposal = proposalOf(slot);
  if (proposal !== undefined) return accept(replica, slot, vote, proposal);
  const { height, digest } = vote;
  const body = { height, digest, from: replica.self };
  send(replica, { name: "fetch-proposal", body });
}

/** Bodies that neither this view nor a certificate names are nobody's. */
function forgetOthers({ proposals, prePrepare, prepared }: Slot): void {
  const named = [prePrepare?.digest, prepared?.votes[0]?.digest].map(
    (digest) => digest && hex(digest),
  );
  for (const digest of proposals.keys()) {
    if (!named.includes(digest)) proposals.delete(digest);
  }
}

/**
 * What a view must take over: for each height above the newest certified block, up to the highest
 * prepared one, the digest that was prepared in the highest view, else a filler.
 */
function takeovers(replica: Replica, changes: readonly ViewChange[], view: number): Takeover[] {
  const leader = leaderOf(replica.council, view);
  const base = baseOf(changes);
  const highest = new Map<number, Vote>();
  for (const prepared of changes.flatMap((change) => change.prepared)) {
    const [vote] = prepared.votes;
    if (vote === undefined || vote.height <= base) continue;
    const known = highest.get(vote.height);
    if (known === undefined || vote.view > known.view) highest.set(vote.height, vote);
  }
  const top = Math.max(base, ...highest.keys());
  return Array.from({ length: top - base }, (_, i) => {
    const height = base + 1 + i;
    const digest = highest.get(height)?.digest ?? digestOf(nullProposal(height, view, leader));
    return { height, digest };
  });
}

/** Height of the newest block that any of them proves. */
function baseOf(changes: readonly ViewChange[]): number {
  const headers = changes.flatMap(({ certified }) => certified?.header ?? []);
  return Math.max(0, ...headers.map((header) => headerIn(header)?.height ?? 0));
}

function askingFor({ changes }: Replica, view: number): ViewChange[] {
  return [...changes.values()]
    .filter((change) => change.view === view)
    .toSorted((a, b) => (a.from < b.from ? -1 : 1));
}
