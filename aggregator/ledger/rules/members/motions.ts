import assert from "node:assert/strict";
import { type Council, quorum, type Refusal, type UtcMs, utcMs } from "@busbar/protocol";
import { councilOf } from "../../council.ts";
import { refuse } from "../../refuse.ts";
import type { Identity } from "../../registry.ts";
import type { BlockContext } from "../../rule.ts";
import { sha256 } from "../../sha256.ts";
import type { StateReader } from "../../state/state.ts";
import { instantKey, type Motion, motions, motionsAbout, openMotions } from "./tables.ts";

/** How long members may take to decide, site ms. */
export const motionMs = 14 * 86_400_000;

/** Open motions of one member, so that nobody buries the others in them. */
export const openOfOneMax = 16;

/** What becomes a motion. */
export type NewMotion = Pick<Motion, "kind" | "message" | "by" | "about">;

/** A motion's name: SHA-256 of its payload, in hex. */
export function motionId(payload: Uint8Array): string {
  return Buffer.from(sha256(payload)).toString("hex");
}

/** Only members that vote move and vote, each under its own name; code `motion.rights`. */
export function checkVoter(
  state: StateReader,
  member: string,
  signer: Identity,
): Refusal | undefined {
  const { voters } = councilOf(state);
  const isVoter = voters.some(({ id }) => id === signer.id);
  if (signer.kind === "member" && signer.id === member && isVoter) return undefined;
  const message = `expected the signature of a member with a vote, ${member}, got ${signer.kind} ${signer.id}'s`;
  return refuse("motion.rights", message);
}

/** Why a motion cannot be opened now; codes, in order: `motion.open`, `motion.too-many`. */
export function checkOpening(state: StateReader, { by, about }: NewMotion): Refusal | undefined {
  const other = motionsAbout.get(state, about);
  if (other !== undefined) {
    return refuse("motion.open", `a motion about ${about} is open; vote on ${other.motion}`);
  }
  const own = [...openMotions.scan(state)].filter(([, open]) => open.by === by).length;
  if (own < openOfOneMax) return undefined;
  return refuse("motion.too-many", `${by} has ${own} open motions; let the members decide on them`);
}

/** Opens a motion with its mover's own vote in it. */
export function openMotion(context: BlockContext, motion: NewMotion): string {
  const { state, height, time, emit } = context;
  const { kind, by, about } = motion;
  const id = motionId(motion.message);
  const until = utcMs(time + motionMs);
  const cast = [{ member: by, accept: true }];
  motions.set(state, id, { ...motion, opened: height, until, ballots: cast, outcome: "open" });
  openMotions.set(state, openKey(until, id), { by });
  motionsAbout.set(state, about, { motion: id });
  emit({ type: "motion-opened", motion: id, kind, by, about, until });
  return id;
}

/** What the votes come to among the present voters; undefined while more are needed. */
export function tally(
  { ballots }: Motion,
  { voters }: Council,
): "accepted" | "rejected" | undefined {
  const needed = quorum(voters.length);
  const count = (accept: boolean) =>
    ballots.filter((cast) => cast.accept === accept && voters.some(({ id }) => id === cast.member))
      .length;
  if (count(true) >= needed) return "accepted";
  return count(false) > voters.length - needed ? "rejected" : undefined;
}

/** Takes a motion from the open ones. */
export function closeMotion(
  { state, height, emit }: BlockContext,
  id: string,
  outcome: Exclude<Motion["outcome"], "open">,
): void {
  const motion = motions.get(state, id);
  assert(motion?.outcome === "open", "a motion is decided once");
  motions.set(state, id, { ...motion, outcome, decided: height });
  openMotions.delete(state, openKey(motion.until, id));
  motionsAbout.delete(state, motion.about);
  emit({ type: "motion-decided", motion: id, about: motion.about, outcome });
}

/** Ids of the open motions whose time is over. */
export function overdueMotions(state: StateReader, time: UtcMs): string[] {
  const ids: string[] = [];
  for (const [key] of openMotions.scan(state)) {
    if (key > instantKey(time + 1)) break;
    ids.push(key.slice(key.indexOf("/") + 1));
  }
  return ids;
}

/** Ids of all open motions. */
export function allOpen(state: StateReader): string[] {
  return Array.from(openMotions.scan(state), ([key]) => key.slice(key.indexOf("/") + 1));
}

function openKey(until: number, id: string): string {
  return `${instantKey(until)}/${id}`;
}
