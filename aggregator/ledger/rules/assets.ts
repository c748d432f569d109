import { type Assets, compareBytes, kinds, type Refusal } from "@busbar/protocol";
import { type Codec, encodeAs } from "@busbar/protocol/schema";
import type { Parameters } from "../parameters.ts";
import { refuse } from "../refuse.ts";
import type { TxRule } from "../rule.ts";
import type { StateReader } from "../state/state.ts";
import { table } from "../state/table.ts";
import { owners } from "../tables.ts";
import { plans } from "./market/tables.ts";
import { slotMs, wholeSlots } from "./market/timetable.ts";

const codec: Codec<Assets> = kinds.assets;

/** `assets/<owner>`: what the owner signed last. */
export const ownersAssets = table("assets", codec);

/**
 * Takes what an owner lets the market plan with, from the next plan on. Codes, in order: `movable.rights`,
 * `movable.exists-different`, `movable.version`, `movable.party`, `movable.sense`.
 */
export const assetsRule: TxRule<"assets"> = (context, message, signer) => {
  const { state, time, parameters, emit } = context;
  const { owner, version, until } = message;
  if (signer.kind !== "owner" || signer.id !== owner) {
    return refuse("movable.rights", `expected the signature of owner ${owner}, got ${signer.id}'s`);
  }
  const current = ownersAssets.get(state, owner);
  if (current !== undefined && current.version === version) {
    return same(current, message)
      ? { ok: true, code: "exists" }
      : refuse("movable.exists-different", `version ${version} says something else; raise it`);
  }
  if (current !== undefined && version < current.version) {
    return refuse("movable.version", `expected a version above ${current.version}, got ${version}`);
  }
  const refusal =
    whyNotParty(state, message) ?? whyNoSense(message, { time, lengthMs: slotMs(parameters) });
  if (refusal !== undefined) return refusal;
  ownersAssets.set(state, owner, message);
  const from = notPlannedFrom(state, parameters);
  const counts = from === undefined ? {} : { from };
  emit({ type: "assets-stated", owner, version, ...counts, until, movable: movableIn(message) });
  return { ok: true };
};

/** The first slot without a plan; undefined while there is none with one. */
function notPlannedFrom(state: StateReader, parameters: Parameters): number | undefined {
  let last: number | undefined;
  for (const [slot] of plans.scan(state)) last = Number(slot);
  return last === undefined ? undefined : last + slotMs(parameters);
}

/** What can be moved, of one owner. */
export function movableIn({ storages = [], elastic = [], flexible = [] }: Assets): number {
  return storages.length + elastic.length + flexible.length;
}

function whyNotParty(state: StateReader, message: Assets): Refusal | undefined {
  const party = owners.get(state, message.owner)?.party;
  const [moves, supplies] = [movableIn(message) > 0, message.supply !== undefined];
  if (supplies && party !== "bureau") {
    return refuse("movable.party", `expected a bureau to supply, ${message.owner} is a ${party}`);
  }
  if (moves && party !== "company" && party !== "user") {
    const message = `expected a company or user to have what can be moved, got a ${party}`;
    return refuse("movable.party", message);
  }
  return undefined;
}

const hourMs = 3_600_000;

function whyNoSense(
  { storages = [], elastic = [], flexible = [], supply, until }: Assets,
  { time, lengthMs }: { readonly time: number; readonly lengthMs: number },
) {
  for (const [i, { start, capacity }] of storages.entries()) {
    if (start <= capacity) continue;
    return nonsense(`storages.${i}.start`, `at most its capacity of ${capacity} Wh`, start);
  }
  for (const [i, { slope }] of elastic.entries()) {
    if (slope > 0) continue;
    return nonsense(`elastic.${i}.slope`, "above 0, else no price is where it ends", slope);
  }
  for (const [i, { energy, from, to, power }] of flexible.entries()) {
    if (to <= time || to > until) {
      const when = `a time after ${time}, now, up to ${until}, the statement's end`;
      return nonsense(`flexible.${i}.to`, when, to);
    }
    // A load runs in whole slots: those that begin before `from` or end after `to` are not its own.
    const { start, end } = wholeSlots({ start: from, end: to }, lengthMs);
    if (end <= start) {
      return nonsense(
        `flexible.${i}.to`,
        `${start + lengthMs} or later, the end of a whole slot`,
        to,
      );
    }
    // In integers: W · ms below 2⁵³ or above every energy there is.
    if (power * (end - start) >= energy * hourMs) continue;
    const most = `what ${power} W give in whole slots, from ${start} to ${end}`;
    return nonsense(`flexible.${i}.energy`, most, energy);
  }
  const { length } = supply?.prices ?? [0];
  if (length === 1 || length === 24) return undefined;
  return nonsense("supply.prices", "one for all hours, or 24, one for each", length);
}

function nonsense(what: string, expected: string, got: number): Refusal {
  return refuse("movable.sense", `${what}: expected ${expected}, got ${got}`);
}

function same(a: Assets, b: Assets): boolean {
  return compareBytes(encodeAs(codec, a), encodeAs(codec, b)) === 0;
}
