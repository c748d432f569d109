/**
 * Net energy of consecutive slots of a meter, a party or a site, in Wh; NaN where it is not known (a
 * gap, a meter that is late). Instants are ms since 1970 UTC.
 */
export type Series = {
  readonly slotMs: number;
  /** Start of the first slot. */
  readonly start: number;
  readonly netWh: Float64Array;
};

/** What a forecast is asked for. */
export type Ask = {
  /** Only slots that had ended by then are looked at. */
  readonly now: number;
  /** Start of the first slot to forecast, at or after `now` less one slot. */
  readonly from: number;
  readonly count: number;
  /** Local time minus UTC, ms: what is usual at an hour follows the clock on the wall. */
  readonly offsetMs?: (time: number) => number;
};

const dayMs = 86_400_000;

/** Days of history that are looked at; more would cost time and say little of today. */
export const historyDays = 28;
/** Slots of history at most: 28 days of a quarter of an hour. */
export const historySlotsMax = 2_688;
/** Slots that one call forecasts at most: three days of five minutes. */
export const targetsMax = 864;

/** How many slots of history a forecast looks at. */
export function historySlots(slotMs: number): number {
  return Math.min(historySlotsMax, Math.floor((historyDays * dayMs) / slotMs));
}

/**
 * The part of a series that is over at `now`, no longer than it is of use, with the places of slots in
 * their day and week by the local clock. What a series holds beyond `now` never reaches a model.
 */
export class Past {
  readonly slotMs: number;
  readonly start: number;
  /** Index behind the last slot that is known. */
  readonly origin: number;
  /** Slots of a day of 24 hours. */
  readonly perDay: number;
  readonly #values: Float64Array;
  readonly #offsets: (time: number) => number;

  constructor({ slotMs, start, netWh }: Series, { now, offsetMs = () => 0 }: Ask) {
    const ended = Math.floor((now - start) / slotMs);
    let first = Math.max(0, ended - historySlots(slotMs));
    // A history begins with what is first known of it: how much room was left before says nothing.
    while (first < ended && Number.isNaN(netWh[first] ?? Number.NaN)) first += 1;
    // It ends with what is last known: what is late today is left out of the trials of past days too.
    let end = Math.max(first, Math.min(ended, netWh.length));
    while (end > first && Number.isNaN(netWh[end - 1] ?? Number.NaN)) end -= 1;
    this.slotMs = slotMs;
    this.start = start + first * slotMs;
    this.perDay = dayMs / slotMs;
    this.#values = netWh.slice(first, end);
    this.origin = end - first;
    this.#offsets = offsetMs;
  }

  /** NaN where it is not known. */
  at(index: number): number {
    return this.#values[index] ?? Number.NaN;
  }

  /** So many from a slot on; NaN where they are not known. */
  from(index: number, count: number): Float64Array {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i += 1) values[i] = this.at(index + i);
    return values;
  }

  /** What a series of this kind can be: from 0 on where a day and more was never below, to 0 where it was
   * never above. */
  reach(): readonly [least: number, most: number] {
    const isShort = this.origin < this.perDay;
    let least = isShort ? Number.NEGATIVE_INFINITY : 0;
    let most = isShort ? Number.POSITIVE_INFINITY : 0;
    for (const value of this.#values) {
      if (value < least) least = Number.NEGATIVE_INFINITY;
      if (value > most) most = Number.POSITIVE_INFINITY;
    }
    return [least, most];
  }

  /** Start of a slot. */
  timeOf(index: number): number {
    return this.start + index * this.slotMs;
  }

  /** The same time by the local clock, `days` days before. */
  daysBack(index: number, days: number): number {
    const then = index - days * this.perDay;
    const turned = this.#offsets(this.timeOf(index)) - this.#offsets(this.timeOf(then));
    return Math.round(then + turned / this.slotMs);
  }

  /** Which slot of its local day a slot is. */
  ofDay(index: number): number {
    return remainder(this.#local(index), this.perDay);
  }

  /** Which slot of its local week a slot is. */
  ofWeek(index: number): number {
    return remainder(this.#local(index), 7 * this.perDay);
  }

  #local(index: number): number {
    const time = this.timeOf(index);
    return Math.floor((time + this.#offsets(time)) / this.slotMs);
  }
}

function remainder(value: number, by: number): number {
  const rest = Math.floor(value % by);
  return rest < 0 ? rest + by : rest;
}
