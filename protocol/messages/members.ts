import { array, bool, bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { id } from "./id.ts";
import { instant } from "./readings.ts";
import { publicKey } from "./registry.ts";

/** What a member of the consortium is. */
export const memberRole = oneOf("company", "bureau", "user", "auditor");

/** Where a member's link listens: a name, an IPv4 address or a bracketed IPv6 one, and a port. */
export const linkAddressPattern = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/;
export const linkAddress = text(260, linkAddressPattern);

/** Where units reach a member's MQTT broker. */
export const brokerUrlPattern =
  /^(mqtts?|wss?):\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\/[A-Za-z0-9._~/-]*)?$/;
export const brokerUrl = text(260, brokerUrlPattern);

/** A member's terms, as genesis or its admission has them. */
export const memberTerms = record("member", {
  id: field(1, id),
  key: field(2, publicKey),
  /** Whether it votes. */
  voting: field(3, bool),
  role: field(4, memberRole),
  /** SHA-256 of the audit's certificate, a document that the members were shown. */
  certificate: optional(5, bytes(32)),
  /** It is a member before this instant. */
  expires: optional(6, instant),
  address: optional(7, linkAddress),
  broker: optional(10, brokerUrl),
});

/**
 * A member as the ledger's state holds it: its terms and what became of it. One that is not active has
 * no key that counts and no vote; its id stays its own.
 */
export const memberEntry = record("member-entry", {
  ...memberTerms.fields,
  state: field(8, oneOf("active", "suspended", "expired", "removed")),
  /** The height from which on this is so. */
  since: field(9, int(1, Number.MAX_SAFE_INTEGER)),
});

/** Name of the state's table of members: `member/<id>`. */
export const memberTable = "member";

/**
 * What somebody asks to be admitted with: as a new member, or as one that is known with other terms
 * or another key. Signed by the key in it, which so proves itself. It is handed to a member and
 * travels in that one's motion, never on its own.
 */
export const memberRequest = record("member-request", {
  nonce: field(1, bytes(16)),
  terms: field(2, memberTerms),
});

/** What is to become of a member. */
export const memberAction = oneOf("admit", "remove", "suspend", "reinstate");

/** A member lays a change of the membership before the others. Its own vote is in it. */
export const memberMotion = record("member-motion", {
  nonce: field(1, bytes(16)),
  member: field(2, id),
  action: field(3, memberAction),
  /** Whom it is about. */
  subject: field(4, id),
  /** The frame of a `member-request`, to admit somebody. */
  request: optional(5, bytes(1, 1024)),
  reason: optional(6, text(200)),
});

/** A member's vote on a motion. `motion` is the SHA-256 of the motion's payload. */
export const ballot = record("ballot", {
  motion: field(1, bytes(32)),
  member: field(2, id),
  accept: field(3, bool),
});

export type MemberRole = TypeOf<typeof memberRole>;
export type MemberTerms = TypeOf<typeof memberTerms>;
export type MemberEntry = TypeOf<typeof memberEntry>;
export type MemberRequest = TypeOf<typeof memberRequest>;
export type MemberAction = TypeOf<typeof memberAction>;
export type MemberMotion = TypeOf<typeof memberMotion>;
export type Ballot = TypeOf<typeof ballot>;

/** Ballots of a motion, each member's once. */
export const ballots = array(
  record("cast-ballot", { member: field(1, id), accept: field(2, bool) }),
  1,
  128,
);
