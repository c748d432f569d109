import {
  localDayStart,
  type NoticeChannel,
  type NoticeWay,
  parseTimeZone,
  type TimeZone,
  utcOffsetMs,
} from "@busbar/protocol";
import type { Notice } from "./notice.ts";
import type { Preferences } from "./preferences.ts";

/** When a notice goes out by one channel. */
export type Planned = {
  readonly channel: NoticeChannel;
  /** Not before this site time. */
  readonly hold: number;
  /** The instant (site ms) whose digest it belongs to; 0: it goes alone. */
  readonly digest: number;
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/**
 * By which of an owner's channels a notice goes out, and when. What cannot wait goes at once, in quiet
 * hours only where its owner wants that; of less money than the threshold only a digest tells. Pure, in
 * site time: every member comes to the same.
 */
export function planOf(
  { topic, urgent, money, time }: Pick<Notice, "topic" | "urgent" | "money" | "time">,
  preferences: Preferences,
): readonly Planned[] {
  const { ways, muted, threshold } = preferences;
  if (muted.some((name) => name === topic)) return [];
  const zone = parseTimeZone(preferences.timeZone) ?? { standardMs: 0 };
  const isSmall = money !== null && money < threshold;
  return ways.flatMap((way) => {
    const { channel, when } = way;
    const quietUntil = (at: number) =>
      keepsQuiet(way, preferences, urgent) ? loudFrom(at, preferences, zone) : at;
    if (when !== "at-once" && !urgent) {
      const digest = when === "hourly" ? nextHour(time, zone) : nextDaily(time, preferences, zone);
      return [{ channel, hold: quietUntil(digest), digest }];
    }
    if (isSmall && !urgent) return [];
    const hold = quietUntil(time);
    return [{ channel, hold: hold === time ? 0 : hold, digest: 0 }];
  });
}

function keepsQuiet({ quiet }: NoticeWay, preferences: Preferences, urgent: boolean): boolean {
  return quiet && preferences.quiet !== undefined && !(urgent && preferences.quiet.urgent);
}

/** The first instant from `at` on that is not in the quiet hours. */
function loudFrom(at: number, { quiet }: Preferences, zone: TimeZone): number {
  if (quiet === undefined || quiet.from === quiet.to) return at;
  const { from, to } = quiet;
  const local = at + utcOffsetMs(zone, at);
  const minute = Math.floor(local / minuteMs) % 1440;
  const isQuiet = from < to ? minute >= from && minute < to : minute >= from || minute < to;
  if (!isQuiet) return at;
  const today = clockTime(at, to, zone);
  return today > at ? today : clockTime(localDayStart(zone, at) + 36 * hourMs, to, zone);
}

function nextHour(at: number, zone: TimeZone): number {
  const offset = utcOffsetMs(zone, at);
  return (Math.floor((at + offset) / hourMs) + 1) * hourMs - offset;
}

function nextDaily(at: number, { digestAt }: Preferences, zone: TimeZone): number {
  const today = clockTime(at, digestAt, zone);
  return today > at ? today : clockTime(localDayStart(zone, at) + 36 * hourMs, digestAt, zone);
}

/** When the clock shows a minute of the local day that holds `at`; one that is left out comes as it would have. */
function clockTime(at: number, minute: number, zone: TimeZone): number {
  const start = localDayStart(zone, at);
  const near = start + minute * minuteMs;
  return near - (utcOffsetMs(zone, near) - utcOffsetMs(zone, start));
}

/** Notices of a digest that are told one by one; the rest is counted. */
export const digestItemsMax = 40;
