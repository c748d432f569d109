import { id } from "../messages/id.ts";
import { publicKey } from "../messages/registry.ts";
import { array, int, type TypeOf } from "../schema/codec.ts";
import { field, record } from "../schema/record.ts";
import type { Membership } from "./membership.ts";

const most = Number.MAX_SAFE_INTEGER;

/** Most members with a vote. */
export const votersMax = 128;

/** A member with a vote, and the key that it votes with. */
export const voter = record("voter", {
  id: field(1, id),
  key: field(2, publicKey),
});

/**
 * Who votes from one height on, until the next epoch begins. Each change of the voters or of their
 * keys begins one.
 */
export const council = record("council", {
  epoch: field(1, int(0, most)),
  /** The first height that these voters vote on. */
  since: field(2, int(1, most)),
  /** Sorted by id. */
  voters: field(3, array(voter, 1, votersMax)),
});

export type Voter = TypeOf<typeof voter>;
export type Council = TypeOf<typeof council>;

/** Name of the state's table of councils: `council/current`, and `council/<epoch>` for each ever. */
export const councilTable = "council";

/** Whom a proof of one of a council's heights is checked against. */
export function membershipOf(chain: string, { voters }: Council): Membership {
  return { chain, members: voters.map(({ id, key }) => ({ id, key, voting: true })) };
}
