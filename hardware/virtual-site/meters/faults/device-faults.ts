import type { Bank } from "../bank.ts";
import type { Quantities } from "../quantities.ts";
import { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";

/** Reads that a torn answer may mix with: the client's blocks, not a history. */
const rememberedMax = 64;

/** What a meter with faults measures: counters that begin again or roll over, values not known. */
export function faultyQuantities(
  measure: () => Quantities,
  faults: Faults,
  random: () => number,
): () => Quantities {
  const dice = new Dice(random);
  const modulus = 1000 * (faults.rolloverKwh ?? Number.POSITIVE_INFINITY);
  const start = new Map<string, number>();
  return () => {
    const now = new Map(measure());
    const counters = [...now].filter(([name]) => name.startsWith("energy."));
    if (dice.hits(faults, "reset")) for (const [name, value] of counters) start.set(name, value);
    for (const [name, value] of counters) {
      const since = value - (start.get(name) ?? 0);
      now.set(name, Number.isFinite(modulus) ? since % modulus : since);
    }
    if (dice.hits(faults, "sentinel")) {
      const name = [...now.keys()][dice.below(now.size)];
      if (name !== undefined) now.set(name, Number.NaN);
    }
    return now;
  };
}

/**
 * A meter that changes its registers while it answers: a torn answer begins with words of the last
 * answer to the same read and goes on with those of now, so that a wide value may hold both.
 */
export function tornBank(bank: Bank, faults: Faults, random: () => number): Bank {
  const dice = new Dice(random);
  const last = new Map<string, readonly number[]>();
  return {
    knows: (code) => bank.knows(code),
    read(request) {
      const reply = bank.read(request);
      if (!reply.ok) return reply;
      const key = `${request.functionCode}/${request.address}/${request.count}`;
      const before = last.get(key);
      last.delete(key);
      last.set(key, reply.words);
      for (const oldest of last.keys()) {
        if (last.size <= rememberedMax) break;
        last.delete(oldest);
      }
      if (before === undefined || !dice.hits(faults, "torn")) return reply;
      const from = 1 + dice.below(reply.words.length);
      return { ok: true, words: [...before.slice(0, from), ...reply.words.slice(from)] };
    },
  };
}
