import { clockSource } from "@busbar/protocol";

/** A start of the machine in which readings were taken whose time was not known. */
export type Start = {
  readonly boot: string;
  /** When its first reading was taken: ms since the start. */
  readonly first: number;
  /** How much later the last one was, ms. */
  readonly ms: number;
  /** What the system's clock said at the first: it starts at a saved time, so rather too early. */
  readonly wall: number;
};

/** What is known now. */
export type Bounds = {
  readonly boot: string;
  /** Wall ms at which this start of the machine began. */
  readonly startedAt: number;
  /** No undated reading is before this, ms since 1970; 0 where nothing is known. */
  readonly after: number;
};

/** A time for an undated reading, and the clock byte that says what it rests on. */
export type Dated = { readonly time: number; readonly clock: number };

/** COSEM clock status bit 1: doubtful. */
const doubtful = 0x02;
/** Bounds that are further apart say nothing: then what is sure is that it was before this start. */
const boundsMsMax = 366 * 86_400_000;

/**
 * How readings of these starts, given in their order, are dated. Those of this start of the machine
 * get their true times. Of an earlier start only the distances are known, and the bounds: what lay
 * before and the start that followed. Its readings keep their distances, and the time that is left
 * over is shared evenly before, between and after the starts, which bounds the error by half of it;
 * these are marked as doubtful.
 */
export function placing(
  all: readonly Start[],
  bounds: Bounds,
): (reading: { readonly boot: string; readonly monotonic: number }) => Dated {
  const { boot, startedAt } = bounds;
  const starts = all.filter((start) => start.boot !== boot);
  const lasting = starts.reduce((sum, { ms }) => sum + ms, 0);
  const hinted = Math.max(bounds.after, starts[0]?.wall ?? 0);
  const earliest = hinted + lasting <= startedAt ? hinted : bounds.after;
  const vague = startedAt - earliest > boundsMsMax;
  const left = Math.max(0, startedAt - earliest - lasting);
  const pause = vague ? 0 : left / (starts.length + 1);
  let begin = vague ? startedAt - lasting : earliest + pause;
  const begins = new Map<string, number>();
  for (const { boot: name, first, ms } of starts) {
    begins.set(name, begin - first);
    begin += ms + pause;
  }
  return (reading) => {
    if (reading.boot === boot) {
      const time = Math.round(startedAt + reading.monotonic);
      return { time, clock: clockSource.monotonicOnly };
    }
    const time = Math.floor((begins.get(reading.boot) ?? startedAt) + reading.monotonic);
    return { time, clock: clockSource.monotonicOnly | doubtful };
  };
}
