import { remedies } from "../link/problem.ts";

/** What a counted reason means, in a few words; the rest speaks for itself. */
const meanings: Readonly<Record<string, string>> = {
  "meter.timeout": "a meter did not answer in time",
  "meter.exception": "a meter refused a register",
  "meter.refused": "a meter refused to be read",
  "meter.garbled": "an answer was damaged on the way",
  "meter.suspect": "an answer might have belonged to an earlier question",
  "meter.unreachable": "no connection to a meter's address",
  "meter.port-missing": "a serial port was not there",
  "meter.port-lost": "an adapter was unplugged",
  "meter.port-away": "an adapter is still away",
  "meter.port-denied": "a serial port may not be used by this user",
  "meter.port-busy": "another program uses a serial port",
  "meter.wrong-model": "another kind of meter answers than the profile's",
  "meter.other-serial": "another meter answers than the one that edge.yaml binds to",
  "meter.register-reset": "an energy register fell, three times seen",
  "meter.register-leapt": "an energy register leapt, three times seen",
  "meter.register-unsteady": "an energy register was another one at each look",
  "meter.misread": "an energy register seemed to fall or leap and did not",
  "meter.register-incredible": "a meter showed what no meter can",
  "journal.append-failed": "readings could not be written",
  "journal.write-failed": "the journal could not be written",
  "journal.seal-failed": "readings could not be signed yet",
  "disk.low": "little disk space: billing registers only",
  "clock.backward": "the clock was set back",
  "council.learned": "other members vote on the ledger's blocks",
  "link.connected": "connected to a broker",
  "link.lost": "the connection to the broker ended",
  "link.returned": "went back to a nearer broker",
  "link.announcement-refused": "a broker takes no announcements for Home Assistant",
  "link.host-state": "a stranger said to be an aggregator",
  "receipt.verified": "receipts that verified",
  "receipt.not-awaited": "receipts that came twice",
  "refusal.not-ours": "refusals of what is not this unit's",
  "membership.unusable": "the membership file could not be used",
  "agent.quoted": "quotes in the market",
  "agent.nothing-known": "no quote: too little is known yet",
  "agent.nothing-to-quote": "no quote: nothing to sell or buy",
  "agent.prices-not-understood": "gates that were not understood",
  "agent.positions-not-understood": "positions that were not understood",
};

/** A reason in words, or undefined where there are none. */
export function meaningOf(reason: string): string | undefined {
  return Object.hasOwn(meanings, reason) ? meanings[reason] : undefined;
}

/** What to do about a reason, where it says something that can be mended. */
export function remedyOf(reason: string): string | undefined {
  const known: Readonly<Record<string, string>> = remedies;
  return Object.hasOwn(known, reason) ? known[reason] : undefined;
}
