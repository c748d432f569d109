import { count } from "./format.ts";
import { t } from "./language.ts";

/** A trouble as the portal tells it. */
export type Trouble = {
  readonly code: string;
  readonly value: number | null;
  readonly detail: string | null;
};

/** What is wrong, and what whoever reads it can do. */
export type Explained = { readonly what: string; readonly todo: string };

type Say = (values: Readonly<Record<string, string>>) => Explained;

const sayings: Readonly<Record<string, Say>> = {
  suspended: () => ({
    what: t("suspended"),
    todo: t(
      "What it signs counts for nothing. A member or its owner resumes it; it keeps what it reads.",
    ),
  }),
  never: () => ({
    what: t("no reading has ever come"),
    todo: t(
      "Is the unit switched on and enrolled? Its status page says whether it reaches the meter.",
    ),
  }),
  silent: ({ time = "" }) => ({
    what: t("silent for {time}", { time }),
    todo: t(
      "Look at the unit’s status page: power, network, and the cable to the meter. What it read meanwhile comes later.",
    ),
  }),
  offline: () => ({
    what: t("not connected"),
    todo: t(
      "The unit keeps what it reads and sends it when it is back. Look at its power and its network.",
    ),
  }),
  "duplicate-client": ({ detail = "" }) => ({
    what: t("two units sign in with its name, from {detail}", { detail }),
    todo: t("Switch one of them off, or enrol it with an id and a key of its own."),
  }),
  certificate: ({ value = "" }) => ({
    what: t("its certificate ends in {value} days", { value }),
    todo: t("Renew it at the unit; without one it is not let in any more."),
  }),
  "broker-certificate": ({ value = "" }) => ({
    what: t("its broker’s certificate ends in {value} days", { value }),
    todo: t("Renew it; the broker takes a new file without a restart."),
  }),
  "member-term": ({ value = "" }) => ({
    what: t("its membership ends in {value} days", { value }),
    todo: t("It asks for a longer term (join --renew), and the others vote on it."),
  }),
  "clock-ahead": ({ time = "" }) => ({
    what: t("its clock is {time} ahead", { time }),
    todo: t("Set the unit’s clock: point it at a time server, then restart it."),
  }),
  "clock-unsynchronised": () => ({
    what: t("its clock was set by nobody"),
    todo: t("Give the unit a time server; until then its readings are less sure."),
  }),
  backlog: ({ time = "" }) => ({
    what: t("its readings come {time} late", { time }),
    todo: t(
      "It is catching up after a break; nothing is lost. Where it stays so, the link is too slow.",
    ),
  }),
  incomplete: ({ value = "" }) => ({
    what: t("{value} slots of the last week are missing", { value }),
    todo: t("They are settled as contracted until readings come or the members correct them."),
  }),
  "member-away": ({ detail = "" }) => ({
    what: t("this member is not reached"),
    todo: t("Call whoever runs it. The link says: {detail}", { detail }),
  }),
  "member-two-words": () => ({
    what: t("this member signed two words that exclude each other"),
    todo: t("The proof is on the ledger. Talk to it; the members can suspend it."),
  }),
  "member-deviates": ({ value = "" }) => ({
    what: t("from block {value} on it computes other results than the others", { value }),
    todo: t("Its program or its machine is not what it should be: compare versions, restore it."),
  }),
  "motion-open": ({ detail = "" }) => ({
    what: t("a motion waits for votes: {detail}", { detail }),
    todo: t("Vote on the page Members."),
  }),
  books: ({ detail = "" }) => ({
    what: t("the books do not balance: {detail}", { detail }),
    todo: t("This must never be. Stop the aggregator, keep its files, and verify the ledger."),
  }),
  "notices-dead": ({ value = "" }) => ({
    what: t("{value} notices could not be delivered", { value }),
    todo: t("Look at them with busbar-aggregator notices, and send them again."),
  }),
};

export function explain({ code, value, detail }: Trouble): Explained {
  const values = {
    time: value === null ? "" : span(value),
    value: value === null ? "" : count(value),
    detail: detail ?? "",
  };
  return sayings[code]?.(values) ?? { what: code, todo: detail ?? "" };
}

/** "3 min", "2 h 5 min", "4 d 1 h" of site time. */
export function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return t("{n} s", { n: Math.round(ms / 1000) });
  if (minutes < 60) return t("{n} min", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return t("{h} h {n} min", { h: hours, n: minutes % 60 });
  return t("{d} d {h} h", { d: Math.floor(hours / 24), h: hours % 24 });
}
