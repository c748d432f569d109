import type { Message } from "./messages.ts";
import { standstillsAt } from "./pace.ts";
import { censorMs, passedSince, patienceMs } from "./patience.ts";
import {
  isBehind,
  isInForce,
  leads,
  proposalOf,
  type Replica,
  type Slot,
  send,
  votes,
} from "./state.ts";
import { askForNext } from "./view-change.ts";

/** What the passing of time asks for: another view, saying things again, saying where one stands. */
export function onTick(replica: Replica): void {
  const now = replica.ports.clock.now();
  const { times, timing } = replica;
  replica.standstills = standstillsAt(replica.standstills, { ticked: times.ticked, now });
  times.ticked = now;
  if (votes(replica)) {
    if (isOverdue(replica, now)) askForNext(replica);
    if (now - times.sent >= timing.resendMs) {
      times.sent = now;
      sayAgain(replica, now);
    }
  }
  if (now - times.status >= timing.statusMs) {
    times.status = now;
    const { council, view, height, self } = replica;
    send(replica, { name: "status", body: { epoch: council.epoch, view, height, from: self } });
  }
}

function isOverdue(replica: Replica, now: number): boolean {
  const { times, ports, council, changes, asked } = replica;
  const patience = patienceMs(replica);
  if (!isInForce(replica)) {
    const asking = [...changes.values()].filter(({ view }) => view >= asked).length;
    if (asking < council.quorum) return false;
    times.quorumAsked ??= now;
    return passedSince(replica, times.quorumAsked) >= patience;
  }
  // Whoever is far behind cannot tell what the leader does; the others can.
  if (isBehind(replica)) return false;
  const waiting = ports.pool.oldestSince();
  const since = Math.min(waiting ?? now, ...proposed(replica).map((slot) => slot.since));
  const base = Math.max(since, times.progress, times.viewStarted);
  if (passedSince(replica, base) >= patience) return true;
  if (waiting === undefined) return false;
  const held = passedSince(replica, Math.max(waiting, times.viewStarted));
  return Math.min(held, ports.pool.overtakenMs()) >= censorMs(replica);
}

/** Nothing that was sent need have arrived: while something is unfinished it is said again. */
function sayAgain(replica: Replica, now: number): void {
  const { times, timing, changes, self } = replica;
  if (!isInForce(replica)) {
    const change = changes.get(self);
    if (change !== undefined) send(replica, { name: "view-change", body: change });
  }
  if (now - times.progress < timing.resendMs) return;
  for (const slot of replica.slots.values()) {
    for (const message of ownWords(replica, slot)) send(replica, message);
  }
}

function ownWords(replica: Replica, slot: Slot): Message[] {
  const { self } = replica;
  const { prePrepare, prepares, commits, blockVotes } = slot;
  const words: Message[] = [];
  const blockVote = blockVotes.get(self);
  if (blockVote !== undefined) words.push({ name: "block-vote", body: blockVote });
  if (!isInForce(replica) || prePrepare === undefined) return words;
  const proposal = proposalOf(slot);
  if (proposal === undefined) {
    const { height, digest } = prePrepare;
    return [...words, { name: "fetch-proposal", body: { height, digest, from: self } }];
  }
  if (leads(replica)) words.push({ name: "pre-prepare", body: { vote: prePrepare, proposal } });
  for (const vote of [prepares.get(self), commits.get(self)]) {
    if (vote !== undefined) words.push({ name: "vote", body: vote });
  }
  return words;
}

function proposed({ slots }: Replica): Slot[] {
  return [...slots.values()].filter(({ prePrepare }) => prePrepare !== undefined);
}
