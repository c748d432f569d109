import { councilOf, leaderOf, type Turn } from "./council.ts";
import { type Timing, usualTiming } from "./limits.ts";
import type { Certified, NewView } from "./messages.ts";
import { takeUp } from "./new-view.ts";
import type { DurableRecord, Ports } from "./ports.ts";
import { hex, inWindow, type Replica, same, signVote, slotAt } from "./state.ts";
import { askFor } from "./view-change.ts";

/** What a member finds on its disk. */
export type Durable = {
  readonly epoch: number;
  /** Voters of the next height. */
  readonly members: readonly string[];
  readonly height: number;
  readonly certified: Certified | undefined;
  readonly epochStart: Replica["epochStart"];
  /** Turns of the epoch's newest blocks, in order. */
  readonly turns: readonly Turn[];
  /** In the order in which they were written. */
  readonly records: readonly DurableRecord[];
};

/** A replica as it was: every word that it gave is its word again. */
export function restore(options: {
  readonly self: string;
  readonly ports: Ports;
  readonly timing?: Timing;
  readonly durable: Durable;
}): Replica {
  const { self, ports, timing = usualTiming, durable } = options;
  const replica = blank(self, ports, timing, durable);
  const records = durable.records.filter(({ epoch }) => epoch === durable.epoch);
  const asked = Math.max(
    0,
    ...records.map((record) => (record.kind === "view" ? record.asked : 0)),
  );
  const newView = newestView(records);
  if (newView !== undefined) takeUp(replica, newView);
  for (const record of records) takeIn(replica, record);
  recallVotes(replica);
  replica.out = [];
  if (asked > replica.asked) askFor(replica, asked);
  // The shell writes and sends nothing for a step that nobody took: the first tick says it again.
  replica.out = [];
  replica.failures = 0;
  return replica;
}

function takeIn(replica: Replica, record: DurableRecord): void {
  if (record.kind === "accepted") {
    const { prePrepare, proposal } = record;
    if (!inWindow(replica, proposal.height)) return;
    const slot = slotAt(replica, proposal.height);
    slot.proposals.set(hex(prePrepare.digest), proposal);
    if (prePrepare.view !== replica.view) return;
    slot.prePrepare = prePrepare;
    slot.since = replica.ports.clock.now();
  }
  if (record.kind === "prepared") {
    const [vote] = record.prepared.votes;
    if (vote === undefined || !inWindow(replica, vote.height)) return;
    slotAt(replica, vote.height).prepared = record.prepared;
  }
}

/** Votes of the view in force are signed anew; Ed25519 makes the same bytes of them. */
function recallVotes(replica: Replica): void {
  const { council, self, view } = replica;
  if (!council.members.includes(self)) return;
  for (const slot of replica.slots.values()) {
    const { prePrepare, prepared } = slot;
    if (prePrepare === undefined || !slot.proposals.has(hex(prePrepare.digest))) continue;
    const { digest } = prePrepare;
    if (leaderOf(council, view) !== self) {
      slot.prepares.set(self, signVote(replica, "prepare", slot.height, digest));
    }
    const [said] = prepared?.votes ?? [];
    if (said?.view === view && same(said.digest, digest)) {
      slot.commits.set(self, signVote(replica, "commit", slot.height, digest));
    }
  }
}

function newestView(records: readonly DurableRecord[]): NewView | undefined {
  return records
    .flatMap((record) => (record.kind === "new-view" ? [record.newView] : []))
    .toSorted((a, b) => b.view - a.view)[0];
}

function blank(self: string, ports: Ports, timing: Timing, durable: Durable): Replica {
  const now = ports.clock.now();
  return {
    self,
    ports,
    timing,
    council: councilOf(durable.epoch, durable.members),
    view: 0,
    asked: 0,
    height: durable.height,
    certified: durable.certified,
    newest: new Map(),
    epochStart: durable.epochStart,
    turns: durable.turns,
    time: 0,
    slots: new Map(),
    changes: new Map(),
    newView: undefined,
    takenOver: 0,
    later: new Map(),
    replay: [],
    heights: new Map(),
    blocks: new Map(),
    applying: false,
    followers: new Map(),
    failures: 0,
    pace: undefined,
    standstills: [],
    times: {
      progress: now,
      viewStarted: now,
      quorumAsked: undefined,
      ticked: now,
      sent: now,
      status: Number.NEGATIVE_INFINITY,
      asked: new Map(),
      served: new Map(),
    },
    out: [],
  };
}
