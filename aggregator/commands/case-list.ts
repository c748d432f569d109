import { Failure, quorum } from "@busbar/protocol";
import { councilOf } from "../ledger/council.ts";
import { type Case, cases } from "../ledger/rules/cases/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";

/** A case as people see it. */
export type ListedCase = {
  /** SHA-256 of what opened it, hex. */
  readonly id: string;
  readonly what: string;
  readonly slot: string;
  readonly by: string;
  readonly until: string;
  readonly outcome: Case["outcome"];
  readonly uphold: readonly string[];
  readonly reject: readonly string[];
  /** Words that uphold it. */
  readonly needed: number;
};

/** The cases on the ledger, those that lapse first before others; without `all` the open ones. */
export function casesOf(state: StateReader, { all }: { readonly all: boolean }): ListedCase[] {
  const needed = quorum(councilOf(state).voters.length);
  return Array.from(cases.scan(state), ([key, entry]) => ({ key, entry }))
    .filter(({ entry }) => all || entry.outcome === "open")
    .sort((a, b) => a.entry.until - b.entry.until || (a.key < b.key ? -1 : 1))
    .map(({ key, entry }) => {
      const said = (word: "uphold" | "reject") =>
        entry.words.filter((one) => one.word === word).map(({ member }) => member);
      return {
        id: key.slice(key.indexOf("/") + 1),
        what: describe(entry),
        slot: new Date(entry.slot).toISOString(),
        by: entry.by,
        until: new Date(entry.until).toISOString(),
        outcome: entry.outcome,
        uphold: said("uphold"),
        reject: said("reject"),
        needed,
      };
    });
}

/**
 * The case that somebody means, by the first eight or more digits of its id.
 * Throws: `Failure` `case.unknown`, `case.unclear`.
 */
export function findCase(state: StateReader, which: string): ListedCase {
  const wanted = which.toLowerCase();
  const found =
    wanted.length < 8
      ? []
      : casesOf(state, { all: true }).filter(({ id }) => id.startsWith(wanted));
  const [only, ...more] = found;
  if (only !== undefined && more.length === 0) return only;
  if (only === undefined) {
    const message = `no case begins with ${which}; busbar-aggregator cases lists them, name 8 digits or more`;
    throw new Failure("case.unknown", message, { retry: "never" });
  }
  const message = `${found.length} cases begin with ${which}; name more digits`;
  throw new Failure("case.unclear", message, { retry: "never" });
}

function describe({ correction, objection }: Case): string {
  if (correction !== undefined) {
    const { meter, importWh, exportWh, reason, note } = correction;
    return `correct ${meter} to ${importWh} Wh drawn, ${exportWh} Wh given (${reason})${noted(note)}`;
  }
  if (objection === undefined) return "nothing";
  const { contract, against, reason, note } = objection;
  return `void contract ${contract}, the fault of ${against} (${reason})${noted(note)}`;
}

function noted(note: string | undefined): string {
  return note === undefined ? "" : `: ${note}`;
}
