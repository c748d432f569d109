import { parseTimeZone, utcOffsetMs } from "@busbar/protocol";

/** Local time minus UTC at an instant, ms. */
export type OffsetAt = (time: number) => number;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Years for which a rule must say what the browser says. */
const yearsAhead = 4;

/** This browser's clock at an instant. */
export const browserOffset: OffsetAt = (time) => -60_000 * new Date(time).getTimezoneOffset();

/**
 * A clock as a POSIX TZ text (IEEE 1003.1), which is how the ledger takes time zones: found from when it is turned
 * in the year of `now`, and taken only where it stays right for some years. Undefined where no rule fits.
 */
export function posixZone(offsetAt: OffsetAt, now: number): string | undefined {
  const year = new Date(now).getUTCFullYear();
  const turns = turnsOf(offsetAt, year);
  if (turns.length === 0) return name(offsetAt(now)) + digits(-offsetAt(now));
  const [first, second] = turns;
  if (turns.length !== 2 || first === undefined || second === undefined) return undefined;
  const [from, to] = first.after > first.before ? [first, second] : [second, first];
  const names = `${name(from.before)}${digits(-from.before)}${name(from.after)}${digits(-from.after)}`;
  for (const start of ruleOf(from)) {
    for (const end of ruleOf(to)) {
      const text = `${names},${start},${end}`;
      if (holds(text, offsetAt, year)) return text;
    }
  }
  return undefined;
}

type Turned = { readonly at: number; readonly before: number; readonly after: number };

/** When the clock is turned in a year. */
function turnsOf(offsetAt: OffsetAt, year: number): Turned[] {
  const turns: Turned[] = [];
  const end = Date.UTC(year + 1, 0, 1);
  for (let day = Date.UTC(year, 0, 1); day < end; day += dayMs) {
    const [before, after] = [offsetAt(day), offsetAt(day + dayMs)];
    if (before === after) continue;
    let [low, high] = [day, day + dayMs];
    while (high - low > 60_000) {
      const middle = low + Math.floor((high - low) / 120_000) * 60_000;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    turns.push({ at: high, before, after });
  }
  return turns;
}

/** Ways to say it: by the week of the month, counted from its beginning, or as the last one. */
function ruleOf({ at, before }: Turned): string[] {
  const local = new Date(at + before);
  const week = Math.ceil(local.getUTCDate() / 7);
  const time = (local.getTime() - Math.floor(local.getTime() / dayMs) * dayMs) / hourMs;
  const clock = digits(time * hourMs);
  const text = (n: number) => `M${local.getUTCMonth() + 1}.${n}.${local.getUTCDay()}/${clock}`;
  return week >= 4 ? [text(5), text(week)] : [text(week)];
}

function holds(text: string, offsetAt: OffsetAt, year: number): boolean {
  const zone = parseTimeZone(text);
  if (zone === undefined) return false;
  const end = Date.UTC(year + yearsAhead, 0, 1);
  for (let at = Date.UTC(year, 0, 1); at < end; at += 6 * hourMs) {
    if (utcOffsetMs(zone, at) !== offsetAt(at)) return false;
  }
  return true;
}

/** `<+08>`: digits are a name too, between angle brackets. */
function name(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000;
  const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
  const rest = minutes % 60 === 0 ? "" : String(minutes % 60).padStart(2, "0");
  return `<${offsetMs < 0 ? "-" : "+"}${hours}${rest}>`;
}

function digits(ms: number): string {
  const minutes = Math.abs(ms) / 60_000;
  const rest = minutes % 60 === 0 ? "" : `:${String(minutes % 60).padStart(2, "0")}`;
  return `${ms < 0 ? "-" : ""}${Math.floor(minutes / 60)}${rest}`;
}
