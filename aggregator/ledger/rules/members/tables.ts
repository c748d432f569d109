import {
  ballots,
  bytes,
  field,
  id,
  instant,
  int,
  memberTerms,
  oneOf,
  optional,
  record,
  type TypeOf,
  text,
} from "@busbar/protocol/schema";
import { table } from "../../state/table.ts";

const height = int(1, Number.MAX_SAFE_INTEGER);

/** What was laid before the members, and how they voted. */
const motionRecord = record("motion", {
  kind: field(
    1,
    oneOf(
      "member-motion",
      "parameters-motion",
      "contract-motion",
      "appeal-motion",
      "account-motion",
      "release-motion",
      "feeder-motion",
    ),
  ),
  /** The message's payload. */
  message: field(2, bytes(1, 8192)),
  by: field(3, id),
  /** What it is about: while it is open, no other motion is about the same. */
  about: field(4, text(64)),
  opened: field(5, height),
  /** Undecided by then, it has expired. */
  until: field(6, instant),
  ballots: field(7, ballots),
  outcome: field(8, oneOf("open", "accepted", "rejected", "expired", "void")),
  decided: optional(9, height),
});

/** `motion/<SHA-256 of its payload, hex>`: every motion there ever was. */
export const motions = table("motion", motionRecord);
export type Motion = TypeOf<typeof motionRecord>;

/** `motion-open/<until, 15 digits>/<motion>`: the open ones, those that expire first before others. */
export const openMotions = table("motion-open", record("motion-open", { by: field(1, id) }));

/** `motion-about/<what>`: the open motion about something. */
export const motionsAbout = table(
  "motion-about",
  record("motion-about", { motion: field(1, text(64)) }),
);

/** `member-request/<SHA-256 of its frame, hex>`: requests that were granted. None is granted twice. */
export const grantedRequests = table(
  "member-request",
  record("granted-request", { height: field(1, height) }),
);

/** `member-expiry/<instant, 15 digits>/<member>`: whose membership ends when. */
export const expiries = table("member-expiry", record("member-expiry", { member: field(1, id) }));

/** A change of the membership that was decided and is not in force. */
const changeRecord = record("member-change", {
  action: field(1, oneOf("admit", "remove", "suspend", "reinstate", "expire")),
  member: field(2, id),
  /** For `admit`. */
  terms: optional(3, memberTerms),
  /** The height from which on it is in force; left out while it waits for its turn. */
  from: optional(4, height),
});

/** `member-change/<height of the decision, 16 digits>-<number, 4 digits>`: in order of decision. */
export const changes = table("member-change", changeRecord);
export type Change = TypeOf<typeof changeRecord>;

/** `member-clock/at`: block time at which changes were last looked at, while there are any. */
export const memberClock = table("member-clock", record("member-clock", { at: field(1, instant) }));

/** Digits that sort like the instant. */
export function instantKey(time: number): string {
  return String(time).padStart(15, "0");
}
