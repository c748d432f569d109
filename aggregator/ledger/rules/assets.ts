import { type Assets, compareBytes, encodeCbor, kinds, type Refusal } from "@busbar/protocol";
import type { Codec } from "@busbar/protocol/schema";
import { refuse } from "../refuse.ts";
import type { TxRule } from "../rule.ts";
import type { StateReader } from "../state/state.ts";
import { table } from "../state/table.ts";
import { owners } from "../tables.ts";

const codec: Codec<Assets> = kinds.assets;

/** `assets/<owner>`: what the owner signed last. */
export const ownersAssets = table("assets", codec);

/** Batteries, elastic demands and flexible loads that one ledger plans with: as many as a plan takes. */
const movableMax = 50;

/**
 * Takes what an owner lets the market plan with. Codes, in order: `movable.rights`,
 * `movable.exists-different`, `movable.version`, `movable.party`, `movable.sense`, `movable.too-many`.
 */
export const assetsRule: TxRule<"assets"> = ({ state, time, emit }, message, signer) => {
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
  const refusal = whyNotParty(state, message) ?? whyNoSense(message);
  if (refusal !== undefined) return refusal;
  const others = Array.from(ownersAssets.scan(state), ([id, known]) =>
    id === owner || known.until <= time ? 0 : movableIn(known),
  ).reduce((sum, count) => sum + count, 0);
  const own = movableIn(message);
  if (own > 0 && others + own > movableMax) {
    const message = `${others} things are planned with already, and these are ${own}; at most ${movableMax} may be`;
    return refuse("movable.too-many", message);
  }
  ownersAssets.set(state, owner, message);
  emit({ type: "assets-stated", owner, version, until, movable: own });
  return { ok: true };
};

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

function whyNoSense({ storages = [], elastic = [], flexible = [], supply }: Assets) {
  for (const [i, { start, capacity }] of storages.entries()) {
    if (start <= capacity) continue;
    return nonsense(`storages.${i}.start`, `at most its capacity of ${capacity} Wh`, start);
  }
  for (const [i, { slope }] of elastic.entries()) {
    if (slope > 0) continue;
    return nonsense(`elastic.${i}.slope`, "above 0, else no price is where it ends", slope);
  }
  for (const [i, { energy, from, to, power }] of flexible.entries()) {
    if (to <= from) return nonsense(`flexible.${i}.to`, `after ${from}`, to);
    // In integers: W · ms below 2⁵³ or above every energy there is.
    if (power * (to - from) >= energy * hourMs) continue;
    return nonsense(`flexible.${i}.energy`, `what ${power} W give from ${from} to ${to}`, energy);
  }
  const { length } = supply?.prices ?? [0];
  if (length === 1 || length === 24) return undefined;
  return nonsense("supply.prices", "one for all hours, or 24, one for each", length);
}

function nonsense(what: string, expected: string, got: number): Refusal {
  return refuse("movable.sense", `${what}: expected ${expected}, got ${got}`);
}

function same(a: Assets, b: Assets): boolean {
  return compareBytes(encodeCbor(codec.encode(a)), encodeCbor(codec.encode(b))) === 0;
}
