import type { DatabaseSync } from "node:sqlite";
import type { StateReader } from "../../ledger/state/state.ts";
import type { DeliveryState } from "../../notices/delivery-table.ts";
import type { Notice } from "../../notices/notice.ts";
import { preferencesOf } from "../../notices/preferences.ts";
import { attemptsOf, readNotice, resend } from "../../notices/read.ts";
import { wordsOf } from "../../notices/words/words.ts";
import { integer, type Of, orNull, record, text, words } from "../shape.ts";

export const deliveryStates = ["queued", "delivered", "dead", "elsewhere", "dropped"] as const;
export const deliveryChannels = [
  "mqtt",
  "email",
  "push",
  "webhook",
  "ntfy",
  "member-webhook",
] as const;

/** A notice on its way to its owner by one channel, as this member sees it. */
export const deliveryShape = record({
  seq: integer,
  notice: text,
  owner: text,
  /** Site ms. */
  time: integer,
  title: text,
  text,
  channel: words(...deliveryChannels),
  state: words(...deliveryStates),
  attempts: integer,
  /** When it is tried again, wall ms. */
  next: orNull(integer),
  /** The hour that it waits for, site ms. */
  hold: orNull(integer),
  error: orNull(text),
});
export type DeliveryAnswer = Of<typeof deliveryShape>;

export type DeliveriesAsked = {
  readonly owner?: string | undefined;
  readonly state?: DeliveryState | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
};

/** Deliveries, the newest first, below `before`; in the words of whom they are for. */
export function deliveriesPage(
  { db, state: ledger }: { readonly db: DatabaseSync; readonly state: StateReader },
  { owner, state, before, limit }: DeliveriesAsked,
): readonly DeliveryAnswer[] {
  // One owner's rows are fewer than all of a state: the plus keeps SQLite from going through those.
  const sign = owner === undefined ? "" : "+";
  const where = [
    ...(owner === undefined ? [] : ["delivery.owner = :owner"]),
    ...(state === undefined ? [] : [`${sign}delivery.state = :state`]),
    ...(before === undefined ? [] : ["delivery.rowid < :before"]),
  ];
  const rows = db
    .prepare(
      `SELECT delivery.rowid AS seq, notice, delivery.owner AS owner, channel, state, attempts, next, hold,
         error, coalesce(notice_message.json, delivery_extra.json) AS json
       FROM delivery LEFT JOIN notice_message ON notice_message.id = notice
         LEFT JOIN delivery_extra ON delivery_extra.id = notice
       ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`}
       ORDER BY delivery.rowid DESC LIMIT :limit`,
    )
    .all({
      ...(owner === undefined ? {} : { owner }),
      ...(state === undefined ? {} : { state }),
      ...(before === undefined ? {} : { before }),
      limit,
    });
  return rows.map((row) => answerOf(row, ledger));
}

function answerOf(row: Readonly<Record<string, unknown>>, ledger: StateReader): DeliveryAnswer {
  const { seq, notice, owner, channel, state, attempts, next, hold, error, json } = row;
  const whose = String(owner);
  const { language, timeZone } = preferencesOf(ledger, whose);
  const told = json === null ? undefined : (JSON.parse(String(json)) as Notice);
  const said = told && wordsOf(told, { language, timeZone });
  const isWaiting = state === "queued";
  const isTimed = isWaiting && Number(next) > 0 && Number(next) < Number.MAX_SAFE_INTEGER;
  return {
    seq: Number(seq),
    notice: String(notice),
    owner: whose,
    time: told?.time ?? 0,
    title: said?.title ?? String(notice),
    text: said?.text ?? "",
    channel: channel as DeliveryAnswer["channel"],
    state: state as DeliveryState,
    attempts: Number(attempts),
    next: isTimed ? Number(next) : null,
    hold: isWaiting && Number(hold) > 0 ? Number(hold) : null,
    error: error === null ? null : String(error),
  };
}

/** What is asked to go out again. `owner`: it has to be this one's; undefined: a member asks. */
export type SendAgain = {
  readonly notice: string;
  readonly channel?: string;
  readonly owner: string | undefined;
};

/** Wall ms between two tries that an owner asks for of what was not given up. */
const againMs = 3_600_000;

/**
 * Lets a notice go out again; the sender looks into the outbox by itself. Whoever owns it could have it mailed to
 * others without end: what was not given up goes again once in a while only, and where `allows` says so.
 * Returns the channels; `lately` where it is too soon, undefined where there is no such notice.
 */
export function sendAgain(
  db: DatabaseSync,
  { notice, channel, owner }: SendAgain,
  { now, allows }: { readonly now: number; readonly allows: (owner: string) => boolean },
): readonly string[] | "lately" | undefined {
  const record = readNotice(db, notice);
  if (record === undefined) return undefined;
  if (owner !== undefined && record.notice.owner !== owner) return undefined;
  const asked = record.deliveries.find((one) => one.channel === channel);
  if (owner !== undefined && asked !== undefined && asked.state !== "dead") {
    const last = attemptsOf(db, notice).findLast((one) => one.channel === channel);
    if ((last !== undefined && now - last.at < againMs) || !allows(owner)) return "lately";
  }
  return resend(db, notice, channel);
}
