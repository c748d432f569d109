import {
  type Ask,
  forecast,
  models,
  type Outlook,
  Past,
  type Series,
} from "@busbar/protocol/forecast";
import { dayTree } from "./day-tree.ts";

/** What is forecast and when: as the gates do it. Times are before the first slot's start, ms. */
export type Horizon = {
  readonly name: string;
  /** So long before the first slot it is asked. */
  readonly beforeMs: number;
  /** How long all that is asked at once lasts, and how often it is asked. */
  readonly spanMs: number;
};

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** At noon for the next day; for the hour after next, each hour; and for the next slot. */
export function horizonsOf(slotMs: number): readonly Horizon[] {
  return [
    { name: "day-ahead", beforeMs: 12 * hourMs, spanMs: dayMs },
    { name: "intraday", beforeMs: hourMs, spanMs: Math.max(hourMs, slotMs) },
    { name: "real-time", beforeMs: 0, spanMs: slotMs },
  ];
}

/** How one forecaster did. Mean absolute error in Wh a slot; skill is 1 less its ratio to persistence's. */
export type Score = { readonly maeWh: number; readonly skill: number | null };

/** How a series was forecast at one horizon. */
export type HorizonSkill = {
  readonly horizon: string;
  /** Slots that were forecast and became known. */
  readonly slots: number;
  readonly mix: Score;
  readonly models: Readonly<Record<string, Score>>;
  readonly persistence: { readonly maeWh: number };
  /** Share of slots between P10 and P90. */
  readonly covered: number;
  /** For charts: what was said of each slot. */
  readonly said: readonly (Outlook & { readonly start: number })[];
};

/** Days that are looked at before the first forecast is judged. */
const warmUpDays = 2;

/**
 * Goes through a series as if it were lived: at each time a forecast from what was known, compared with
 * what came. Undefined where no forecast became known.
 */
export function skillOf(
  series: Series,
  horizon: Horizon,
  offsetMs?: (time: number) => number,
): HorizonSkill | undefined {
  const sums = new Sums();
  for (const ask of asksOf(series, horizon, offsetMs)) {
    const outlooks = forecast(series, ask, dayTree);
    if (outlooks === undefined) continue;
    const alone = aloneOf(series, ask);
    for (const [i, outlook] of outlooks.entries()) {
      const start = ask.from + i * series.slotMs;
      const truth = series.netWh[(start - series.start) / series.slotMs] ?? Number.NaN;
      if (Number.isNaN(truth)) continue;
      const others = Object.entries(alone).map(
        ([name, row]) => [name, row[i] ?? Number.NaN] as const,
      );
      sums.add({ truth, outlook: { start, ...outlook }, others });
    }
  }
  return sums.result(horizon.name);
}

function* asksOf(
  { slotMs, start, netWh }: Series,
  { beforeMs, spanMs }: Horizon,
  offsetMs?: (time: number) => number,
): Generator<Ask> {
  const [first, end] = [start + warmUpDays * dayMs, start + netWh.length * slotMs];
  const begin = Math.ceil(first / spanMs) * spanMs;
  for (let from = begin; from < end; from += spanMs) {
    const count = Math.min(spanMs / slotMs, (end - from) / slotMs);
    const turned = offsetMs === undefined ? {} : { offsetMs };
    yield { now: from - beforeMs, from, count, ...turned };
  }
}

function aloneOf(series: Series, ask: Ask): Readonly<Record<string, ArrayLike<number>>> {
  const past = new Past(series, ask);
  const lead = Math.round((ask.from - past.start) / past.slotMs) - past.origin;
  const leads = Array.from({ length: ask.count }, (_, i) => lead + i);
  const asked = { past, origins: [past.origin], leads };
  return Object.fromEntries(
    Object.entries(models).map(([name, model]) => [name, model(asked, dayTree)[0] ?? []]),
  );
}

class Sums {
  readonly #errors = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #said: (Outlook & { readonly start: number })[] = [];
  #covered = 0;

  add(one: {
    readonly truth: number;
    readonly outlook: Outlook & { readonly start: number };
    readonly others: readonly (readonly [string, number])[];
  }): void {
    const { truth, outlook, others } = one;
    this.#said.push(outlook);
    if (truth >= outlook.p10 && truth <= outlook.p90) this.#covered += 1;
    for (const [name, value] of [["mix", outlook.p50] as const, ...others]) {
      if (Number.isNaN(value)) continue;
      this.#errors.set(name, (this.#errors.get(name) ?? 0) + Math.abs(value - truth));
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    }
  }

  result(horizon: string): HorizonSkill | undefined {
    const slots = this.#said.length;
    if (slots === 0) return undefined;
    const mae = (name: string) => (this.#errors.get(name) ?? 0) / (this.#counts.get(name) ?? 1);
    const still = mae("persistence");
    const score = (name: string): Score => ({
      maeWh: mae(name),
      skill: still === 0 ? null : 1 - mae(name) / still,
    });
    return {
      horizon,
      slots,
      mix: score("mix"),
      models: Object.fromEntries(
        Object.keys(models)
          .filter((name) => name !== "persistence")
          .map((name) => [name, score(name)]),
      ),
      persistence: { maeWh: still },
      covered: this.#covered / slots,
      said: this.#said,
    };
  }
}
