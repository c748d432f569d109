import assert from "node:assert/strict";
import { councilOf } from "./council.ts";
import { membersOf } from "./header.ts";
import { siteTable } from "./site.ts";
import type { StateReader } from "./state/state.ts";

/** What `membership.json` says: whom receipts and proofs are checked against, and where units connect. */
export type MembershipText = {
  readonly chain: string;
  readonly site: string;
  /** Which voters these are, and from which height on they vote. */
  readonly epoch: number;
  readonly since: number;
  readonly members: readonly {
    readonly id: string;
    /** Base64url. */
    readonly key: string;
    readonly voting: boolean;
  }[];
  readonly brokers: readonly string[];
};

/** The membership as a state has it, for units and tools that begin now. */
export function presentMembership(state: StateReader): MembershipText {
  const site = siteTable.get(state, "genesis");
  assert(site !== undefined, "genesis wrote what chain this is");
  const { epoch, since, voters } = councilOf(state);
  const keys = new Map(voters.map(({ id, key }) => [id, key]));
  const active = membersOf(state).filter((member) => member.state === "active");
  const others = active.filter(({ id }) => !keys.has(id));
  return {
    chain: site.chain,
    site: site.site,
    epoch,
    since,
    members: [
      ...voters.map(({ id, key }) => ({ id, key: text(key), voting: true })),
      ...others.map(({ id, key }) => ({ id, key: text(key), voting: false })),
    ],
    brokers: active.flatMap(({ broker }) => (broker === undefined ? [] : [broker])),
  };
}

const text = (key: Uint8Array): string => Buffer.from(key).toString("base64url");
