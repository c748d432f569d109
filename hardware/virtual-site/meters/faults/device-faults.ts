import type { Bank } from "../bank.ts";
import type { Quantities } from "../quantities.ts";
import { Dice } from "./dice.ts";
import type { Faults } from "./faults.ts";

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
 * A meter that changes its registers while it answers: a torn answer holds words as they were last
 * given up to a place in it and those of now behind it, or the other way round, so that a wide value
 * may hold both.
 */
export function tornBank(bank: Bank, faults: Faults, random: () => number): Bank {
  const dice = new Dice(random);
  const given = new Map<number, Map<number, number>>();
  return {
    knows: (code) => bank.knows(code),
    read(request) {
      const reply = bank.read(request);
      if (!reply.ok) return reply;
      const { functionCode, address } = request;
      const known = given.get(functionCode) ?? new Map<number, number>();
      given.set(functionCode, known);
      const before = reply.words.map((word, i) => known.get(address + i) ?? word);
      for (const [i, word] of reply.words.entries()) known.set(address + i, word);
      if (!dice.hits(faults, "torn")) return reply;
      const from = 1 + dice.below(reply.words.length);
      const [first, rest] = random() < 0.5 ? [before, reply.words] : [reply.words, before];
      return { ok: true, words: [...first.slice(0, from), ...rest.slice(from)] };
    },
  };
}
