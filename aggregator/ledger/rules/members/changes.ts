import { isDeepStrictEqual } from "node:util";
import { keyId, type MemberTerms, type Refusal, type UtcMs } from "@busbar/protocol";
import { identityById, identityByKeyId, putMember } from "../../identities.ts";
import { refuse } from "../../refuse.ts";
import type { BlockContext } from "../../rule.ts";
import type { State, StateReader } from "../../state/state.ts";
import { type MemberEntry, members } from "../../tables.ts";
import { type Change, changes, expiries, instantKey } from "./tables.ts";

/** Most members that are active at once. */
export const membersMax = 128;

/** Heights between a decision and its coming into force: votes on the next one are under way. */
export const inForceAfter = 2;

/**
 * Why a change cannot be; undefined where it can. Codes, in order: `member.unknown`, `member.state`;
 * to admit: `member.expired`, `member.id-taken`, `member.key-taken`, `member.too-many`.
 */
export function checkChange(
  state: StateReader,
  { action, member, terms }: Change,
  time: UtcMs,
): Refusal | undefined {
  const entry = members.get(state, member);
  if (action === "admit") {
    return terms === undefined ? unknown(member) : checkTerms(state, terms, time);
  }
  if (entry === undefined) return unknown(member);
  const wanted: readonly string[] = stateBefore[action];
  if (!wanted.includes(entry.state)) {
    const message = `expected ${member} to be ${wanted.join(" or ")} to ${action} it, it is ${entry.state}`;
    return refuse("member.state", message);
  }
  return action === "reinstate" ? checkKey(state, entry) : undefined;
}

const stateBefore = {
  remove: ["active", "suspended", "expired"],
  suspend: ["active"],
  reinstate: ["suspended"],
  expire: ["active"],
} as const satisfies Record<string, readonly MemberEntry["state"][]>;

function unknown(member: string): Refusal {
  return refuse("member.unknown", `${member} is no member; busbar-aggregator members lists them`);
}

function checkTerms(state: StateReader, terms: MemberTerms, time: UtcMs): Refusal | undefined {
  if (terms.expires !== undefined && terms.expires <= time) {
    return refuse("member.expired", `the membership would end at ${terms.expires}, it is ${time}`);
  }
  const holder = identityById(state, terms.id);
  if (holder !== undefined && holder.kind !== "member") {
    return refuse("member.id-taken", `${terms.id} is a ${holder.kind}; take another id`);
  }
  const taken = checkKey(state, terms);
  if (taken !== undefined) return taken;
  const active = [...members.scan(state)].filter(([, entry]) => entry.state === "active").length;
  const isActive = members.get(state, terms.id)?.state === "active";
  if (isActive || active < membersMax) return undefined;
  return refuse("member.too-many", `${active} members are active, the most there can be`);
}

/** One key, one identity: else a signature could be read as another party's. */
function checkKey(
  state: StateReader,
  { id, key }: { readonly id: string; readonly key: Uint8Array },
) {
  const user = identityByKeyId(state, keyId(key));
  if (user === undefined || user.id === id) return undefined;
  const message = `the key of ${id} is that of ${user.kind} ${user.id}; make a key of its own`;
  return refuse("member.key-taken", message);
}

/** Whether an active member has exactly these terms. */
export function hasTerms(state: StateReader, terms: MemberTerms): boolean {
  const entry = members.get(state, terms.id);
  if (entry === undefined) return false;
  const { state: standing, since: _, ...held } = entry;
  return standing === "active" && isDeepStrictEqual(plain(held), plain(terms));
}

/** Key bytes may be views of larger buffers. */
function plain(terms: MemberTerms): object {
  const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");
  return { ...terms, key: hex(terms.key), certificate: hex(terms.certificate) };
}

/** Puts a decided change at the end of the queue. */
export function queueChange({ state, height }: BlockContext, change: Change): void {
  const prefix = `${String(height).padStart(16, "0")}-`;
  const number = [...changes.scan(state, prefix)].length;
  changes.set(state, `${prefix}${String(number).padStart(4, "0")}`, change);
}

/** Makes a change, from `height` on. The caller has checked it. */
export function makeChange(state: State, { action, member, terms }: Change, height: number): void {
  const before = members.get(state, member);
  if (before?.expires !== undefined) expiries.delete(state, expiryKey(before.expires, member));
  const entry = entryAfter(before, { action, member, ...(terms && { terms }) });
  if (entry === undefined) return;
  putMember(state, { ...entry, since: height });
  noteExpiry(state, entry);
}

/** Lets an active member's membership end by itself. */
export function noteExpiry(
  state: State,
  { id, expires, state: standing }: Pick<MemberEntry, "id" | "expires" | "state">,
): void {
  if (expires === undefined || standing !== "active") return;
  expiries.set(state, expiryKey(expires, id), { member: id });
}

export function expiryKey(expires: number, member: string): string {
  return `${instantKey(expires)}/${member}`;
}

function entryAfter(
  before: MemberEntry | undefined,
  { action, terms }: Change,
): Omit<MemberEntry, "since"> | undefined {
  if (action === "admit") return terms && { ...terms, state: "active" };
  if (before === undefined) return undefined;
  const ends = { remove: "removed", suspend: "suspended", expire: "expired", reinstate: "active" };
  return { ...before, state: ends[action] as MemberEntry["state"] };
}
