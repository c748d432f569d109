import { compareBytes, type Voter } from "@busbar/protocol";
import { councilOf, putCouncil, votersAmong } from "../../council.ts";
import type { BlockContext, BlockRule } from "../../rule.ts";
import type { StateReader } from "../../state/state.ts";
import { members } from "../../tables.ts";
import { checkChange, inForceAfter, makeChange, queueChange } from "./changes.ts";
import { decide } from "./decide.ts";
import { allOpen, closeMotion, overdueMotions } from "./motions.ts";
import { type Standing, turns } from "./plan.ts";
import { type Change, changes, expiries, instantKey, memberClock } from "./tables.ts";

/**
 * What becomes of memberships by themselves: they expire by block time, what was decided comes into
 * force at its height and begins an epoch where it moves votes, and what waits gets its turn.
 */
export const councilRule: BlockRule = {
  name: "council",
  due(state, time) {
    if (overdueMembers(state, time).length > 0 || overdueMotions(state, time).length > 0)
      return true;
    // A change comes into force with a later block: one of a later time is wanted for it.
    const isUnderWay = [...changes.scan(state)].some(([, { from }]) => from !== undefined);
    return isUnderWay && (memberClock.get(state, "at")?.at ?? 0) < time;
  },
  run(context) {
    const { state, time } = context;
    for (const [key, member] of overdueMembers(state, time)) {
      expiries.delete(state, key);
      queueChange(context, { action: "expire", member });
    }
    for (const id of overdueMotions(state, time)) closeMotion(context, id, "expired");
    if (bringIntoForce(context) && beginEpoch(context)) {
      // Who votes has changed, and with it what is enough.
      for (const id of allOpen(state)) decide(context, id);
    }
    giveTurns(context);
  },
};

/** Expiries that have come, with their keys. */
function overdueMembers(state: StateReader, time: number): (readonly [string, string])[] {
  const overdue: (readonly [string, string])[] = [];
  for (const [key, { member }] of expiries.scan(state)) {
    if (key > instantKey(time + 1)) break;
    overdue.push([key, member]);
  }
  return overdue;
}

/** Makes the changes whose height is the next one. Returns whether there were any. */
function bringIntoForce({ state, height, time, emit }: BlockContext): boolean {
  const next = height + 1;
  let made = false;
  for (const [place, change] of [...changes.scan(state)]) {
    if (change.from === undefined || change.from > next) continue;
    changes.delete(state, place);
    const { action, member } = change;
    const refusal = checkChange(state, change, time) ?? renewed(state, change, time);
    if (refusal !== undefined) {
      emit({ type: "member-change-void", member, action, reason: refusal.message });
      continue;
    }
    makeChange(state, change, next);
    made = true;
    emit({ type: "member-changed", member, action, from: next });
  }
  return made;
}

/** A membership that was renewed while its end waited does not end. */
function renewed(state: StateReader, { action, member }: Change, time: number) {
  const expires = members.get(state, member)?.expires;
  if (action !== "expire" || (expires !== undefined && expires <= time)) return undefined;
  return { message: "the membership was renewed" };
}

/** Begins an epoch where other members vote from the next height on, or with other keys. */
function beginEpoch({ state, height, emit }: BlockContext): boolean {
  const council = councilOf(state);
  const active = Array.from(members.scan(state), ([, entry]) => entry).filter(
    (entry) => entry.state === "active",
  );
  const voters = votersAmong(active);
  if (sameVoters(voters, council.voters)) return false;
  const epoch = council.epoch + 1;
  putCouncil(state, { epoch, since: height + 1, voters });
  emit({
    type: "epoch-began",
    epoch,
    since: height + 1,
    voters: voters.map(({ id }) => id),
  });
  return true;
}

/** Lets waiting changes come into force, as many as may move votes at once. */
function giveTurns({ state, height, time }: BlockContext): void {
  const queue = [...changes.scan(state)];
  if (queue.length === 0) {
    if (memberClock.get(state, "at") !== undefined) memberClock.delete(state, "at");
    return;
  }
  const standings = new Map<string, Standing>();
  for (const [id, entry] of members.scan(state)) {
    const { voting, key } = entry;
    standings.set(id, { active: entry.state === "active", voting, key });
  }
  const now = new Set(turns(standings, queue));
  for (const [place, change] of queue) {
    if (now.has(place)) changes.set(state, place, { ...change, from: height + inForceAfter });
  }
  memberClock.set(state, "at", { at: time });
}

function sameVoters(a: readonly Voter[], b: readonly Voter[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ id, key }, i) => {
      const other = b[i];
      return other !== undefined && id === other.id && compareBytes(key, other.key) === 0;
    })
  );
}
