import assert from "node:assert/strict";
import { type Council, councilTable, type MemberTerms, type Voter } from "@busbar/protocol";
import { council } from "@busbar/protocol/schema";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

/**
 * `council/current`: who votes on the next height. `council/<epoch>`: the same for each epoch there
 * ever was, so that old votes and blocks can be checked from the state alone.
 */
export const councils = table(councilTable, council);

/** Whether a state knows who votes: one that a program before epochs wrote does not. */
export function hasCouncil(state: StateReader): boolean {
  return councils.get(state, "current") !== undefined;
}

/** The voters of the height that follows a state. */
export function councilOf(state: StateReader): Council {
  const current = councils.get(state, "current");
  assert(current !== undefined, "genesis wrote the council");
  return current;
}

/** The voters of an epoch; undefined for one that has not begun. */
export function councilOfEpoch(state: StateReader, epoch: number): Council | undefined {
  return councils.get(state, String(epoch));
}

/** The voters of a height that is not beyond the next one. */
export function councilAt(state: StateReader, height: number): Council {
  let found = councilOf(state);
  while (found.since > height && found.epoch > 0) {
    const before = councilOfEpoch(state, found.epoch - 1);
    assert(before !== undefined, "the council of every epoch is kept");
    found = before;
  }
  return found;
}

/** Lets an epoch begin. */
export function putCouncil(state: State, value: Council): void {
  councils.set(state, "current", value);
  councils.set(state, String(value.epoch), value);
}

/** The voters of a chain's first height. */
export function firstCouncil(members: readonly MemberTerms[]): Council {
  return { epoch: 0, since: 1, voters: votersAmong(members) };
}

/** The members that vote, sorted by id. */
export function votersAmong(members: readonly MemberTerms[]): Voter[] {
  return members
    .filter(({ voting }) => voting)
    .map(({ id, key }) => ({ id, key }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
