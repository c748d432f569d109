import type { Exchange, ExchangeKind } from "./exchange.ts";

/** What many questions to one unit came to. */
export type Statistics = {
  readonly asked: number;
  readonly counts: Readonly<Record<ExchangeKind, number>>;
  /** Different things that it said to the same question; of a serial number there is one. */
  readonly said: readonly string[];
  /** Questions that were answered by two frames which do not agree. */
  readonly contradicted: number;
  readonly echoes: number;
  readonly damagedEchoes: number;
  readonly strays: number;
  readonly others: readonly number[];
  /** From question to first byte, ms, of all that answered whole. */
  readonly timesMs: readonly number[];
};

/** More different answers than this tell nothing further: a value that changes is another one each time. */
const saidMax = 8;

/** Sums up exchanges of one question. */
export function statisticsOf(exchanges: readonly Exchange[]): Statistics {
  const counts = { silent: 0, clean: 0, twice: 0, mixed: 0, garbled: 0 };
  for (const { kind } of exchanges) counts[kind] += 1;
  const sum = (of: (exchange: Exchange) => number) =>
    exchanges.reduce((total, exchange) => total + of(exchange), 0);
  return {
    asked: exchanges.length,
    counts,
    said: [...new Set(exchanges.flatMap(({ answers }) => answers))].slice(0, saidMax),
    contradicted: sum(({ answers }) => Number(new Set(answers).size > 1)),
    echoes: sum(({ echo }) => Number(echo !== "none")),
    damagedEchoes: sum(({ echo }) => Number(echo === "damaged")),
    strays: sum(({ strays }) => strays),
    others: [...new Set(exchanges.flatMap(({ others }) => others))],
    timesMs: exchanges.flatMap(({ answers, firstMs }) =>
      answers.length > 0 && firstMs !== undefined ? [Math.round(firstMs * 10) / 10] : [],
    ),
  };
}

/** Exchanges in which something came. */
export const answeredOf = ({ asked, counts }: Statistics): number => asked - counts.silent;

/** The share of answered exchanges that were not one whole answer and nothing else, 0 … 1. */
export function badShare(statistics: Statistics): number {
  const answered = answeredOf(statistics);
  return answered === 0 ? 0 : (answered - statistics.counts.clean) / answered;
}

/** Half of the times are at most this long; undefined where there are none. */
export function medianMs(times: readonly number[]): number | undefined {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
