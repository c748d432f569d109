import {
  applyNext,
  followOthers,
  onApplied,
  onBlock,
  onFetchBlocks,
  onFetchProposal,
  onStatus,
  serveFollowers,
} from "./catch-up.ts";
import { certify, onBlockVote, onRan } from "./certifying.ts";
import type { Message } from "./messages.ts";
import { lead, onNewView } from "./new-view.ts";
import { onHeldProposal, onPrePrepare, onVote, order, propose } from "./ordering.ts";
import type { Effect, Event } from "./ports.ts";
import { onTick } from "./progress.ts";
import type { Replica } from "./state.ts";
import { join, onViewChange } from "./view-change.ts";

/**
 * One step of a member: what happened goes in, what is to be done comes out. Runs to its end without
 * waiting. Nothing that a peer sends makes it throw; a failed assertion is a fault of ours, and so is
 * `consensus.outvoted` (a quorum computed otherwise): the process is to stop.
 * Source: Castro & Liskov, "Practical Byzantine Fault Tolerance" (OSDI 1999), with signed messages.
 */
export function step(replica: Replica, event: Event): readonly Effect[] {
  replica.out = [];
  take(replica, event);
  if (event.kind === "ran") {
    // The others wait for this member's signature: theirs are checked when it has gone out.
    replica.out.push({ do: "go-on" });
    return replica.out;
  }
  for (;;) {
    const before = replica.out.length;
    join(replica);
    lead(replica);
    for (const { from, message } of replica.replay.splice(0)) onMessage(replica, from, message);
    order(replica);
    certify(replica);
    followOthers(replica);
    applyNext(replica);
    serveFollowers(replica);
    propose(replica);
    if (replica.out.length === before && replica.replay.length === 0) return replica.out;
  }
}

function take(replica: Replica, event: Event): void {
  switch (event.kind) {
    case "message":
      return onMessage(replica, event.from, event.message);
    case "ran":
      return onRan(replica, event);
    case "applied":
      return onApplied(replica, event);
    case "frames":
      // What each step ends with is enough.
      return;
    case "tick":
      return onTick(replica);
    default:
      return event satisfies never;
  }
}

function onMessage(replica: Replica, from: string, message: Message): void {
  switch (message.name) {
    case "pre-prepare":
      return onPrePrepare(replica, from, message.body);
    case "vote":
      return onVote(replica, from, message.body);
    case "block-vote":
      return onBlockVote(replica, from, message.body);
    case "view-change":
      return onViewChange(replica, message.body);
    case "new-view":
      return onNewView(replica, message.body);
    case "status":
      return onStatus(replica, from, message.body);
    case "fetch-blocks":
      return onFetchBlocks(replica, from, message.body);
    case "fetch-proposal":
      return onFetchProposal(replica, from, message.body);
    case "block":
      return onBlock(replica, from, message.body);
    case "held-proposal":
      return onHeldProposal(replica, message.body);
    default:
      return message satisfies never;
  }
}
