import { array, bool, bytes, int, oneOf, type TypeOf, text } from "../schema/codec.ts";
import { field, optional, record } from "../schema/record.ts";
import { timeZoneTextMax } from "../time-zone/time-zone.ts";
import type { Micro } from "../units/brands.ts";
import { id } from "./id.ts";
import { instant } from "./readings.ts";

const most = Number.MAX_SAFE_INTEGER;
/** Most owners that one message of a sender names. */
export const noticeHeightsMax = 256;

/** A minute of the owner's day. */
const minute = int(0, 1439);

/** The ways by which a notice reaches its owner. */
export const noticeChannel = oneOf("mqtt", "email", "push", "webhook", "ntfy");
/** The languages that notices are written in. */
export const noticeLanguage = oneOf("en", "zh");
/** What a notice is about. */
export const noticeTopic = oneOf(
  "quote",
  "price",
  "contract",
  "order",
  "delivery",
  "imbalance",
  "meter",
  "unit",
  "bill",
  "correction",
  "credit",
  "certificate",
);

/** How one channel is used. `quiet`: whether it keeps the quiet hours. */
export const noticeWay = record("notice-way", {
  channel: field(1, noticeChannel),
  when: field(2, oneOf("at-once", "hourly", "daily")),
  quiet: field(3, bool),
});

/** In local minutes of the day, [from, to); over midnight where `from` is the later one. */
export const quietHours = record("quiet-hours", {
  from: field(1, minute),
  to: field(2, minute),
  /** Whether what cannot wait (an order, a silent meter, a suspended unit) comes all the same. */
  urgent: field(3, bool),
});

export const addressKey = record("address-key", {
  member: field(1, id),
  box: field(2, bytes(16, 200)),
});

/**
 * Addresses that only the named members read: the ledger forgets nothing, and everybody reads it. `box`
 * is a secretbox of `notice-addresses` with a key of its own, which each of `keys` holds in a box.
 */
export const sealedAddresses = record("sealed-addresses", {
  nonce: field(1, bytes(24)),
  box: field(2, bytes(16, 4096)),
  keys: field(3, array(addressKey, 1, 32)),
});

/** How an owner wants to be told, signed by the owner. A higher `version` replaces a lower one. */
export const noticePreferences = record("notice-preferences", {
  owner: field(1, id),
  version: field(2, int(1, most)),
  language: field(3, noticeLanguage),
  /** A POSIX TZ text: what days, hours and dates are the owner's. */
  timeZone: field(4, text(timeZoneTextMax)),
  /** Each channel once; none: notices are for the portal alone. */
  ways: field(5, array(noticeWay, 0, 5)),
  quiet: optional(6, quietHours),
  /** When daily digests come. */
  digestAt: field(7, minute),
  /** Of less money than this nobody is told at once; a digest has it. */
  threshold: field(8, int<Micro>(0, most)),
  /** What the owner does not want to be told of. */
  muted: field(9, array(noticeTopic, 0, 12)),
  addresses: optional(10, sealedAddresses),
});

/** An owner and a height of its notices. */
export const noticeHeight = record("notice-height", {
  owner: field(1, id),
  height: field(2, int(1, most)),
});

/**
 * A member says that it sends the site's notices by one channel until `until`, and how far it has come.
 * Another one takes over once that has passed, and goes on from there.
 */
export const noticeLease = record("notice-lease", {
  member: field(1, id),
  /** MQTT has none: a member tells whoever listens at its own broker, and reports it. */
  channel: field(7, oneOf("email", "push", "webhook", "ntfy")),
  /** One above the channel's lease before it. */
  number: field(2, int(1, most)),
  until: field(3, instant),
  /** It has the notices of the blocks from this one on. */
  from: field(4, int(1, most)),
  /** What blocks up to this one told has been sent or given up, but for the owners in `behind`: theirs
   * waits from that height on. */
  done: field(5, int(0, most)),
  behind: field(6, array(noticeHeight, 0, noticeHeightsMax)),
});

/**
 * A member says up to which block owners have acknowledged their notices at its broker: the other
 * members need not tell them again.
 */
export const noticeReport = record("notice-report", {
  member: field(1, id),
  acknowledged: field(2, array(noticeHeight, 1, noticeHeightsMax)),
});

export type NoticeChannel = TypeOf<typeof noticeChannel>;
export type NoticeLanguage = TypeOf<typeof noticeLanguage>;
export type NoticeTopic = TypeOf<typeof noticeTopic>;
export type NoticeWay = TypeOf<typeof noticeWay>;
export type NoticePreferences = TypeOf<typeof noticePreferences>;
export type NoticeLease = TypeOf<typeof noticeLease>;
export type NoticeReport = TypeOf<typeof noticeReport>;
export type SealedAddresses = TypeOf<typeof sealedAddresses>;
