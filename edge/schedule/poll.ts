import {
  asyncScheduler,
  catchError,
  defer,
  map,
  type Observable,
  type ObservableInput,
  of,
  repeat,
  type SchedulerLike,
  switchMap,
  tap,
  timer,
} from "rxjs";
import { nextDue, type Rhythm } from "./due.ts";

/** What a poll of one meter brought. `due` is when it was to happen, site ms. */
export type Poll<R> =
  | { readonly ok: true; readonly meter: string; readonly due: number; readonly reading: R }
  | {
      readonly ok: false;
      readonly meter: string;
      readonly due: number;
      readonly error: unknown;
      readonly failures: number;
    };

/** The part of a site clock that polling needs. */
export type PollClock = { now(): number; delay(siteMs: number): number };

/** One meter, how it is read and how often. */
export type PollOptions<R> = {
  readonly meter: string;
  readonly read: () => ObservableInput<R>;
  readonly clock: PollClock;
  readonly rhythm: Rhythm;
  readonly scheduler?: SchedulerLike;
};

/** No sleep is longer, so that a clock that was set is noticed. Wall ms. */
const sleepMsMax = 10_000;

/**
 * Reads a meter now, then at its rhythm, for as long as someone listens. Never two readings at once,
 * and never an error: a failed reading is a `Poll` too. Streams of several meters do not wait for
 * each other.
 */
export function pollMeter<R>({
  meter,
  read,
  clock,
  rhythm,
  scheduler = asyncScheduler,
}: PollOptions<R>): Observable<Poll<R>> {
  return defer(() => {
    let failures = 0;
    let last: number | undefined;
    const once = defer(() => {
      const now = clock.now();
      const due = last === undefined ? now : nextDue(rhythm, { last, now, failures });
      return waitUntil(due, clock, scheduler).pipe(
        switchMap(() => attempt(read)),
        map((reading): Poll<R> => ({ ok: true, meter, due, reading })),
        catchError((error: unknown) =>
          of<Poll<R>>({ ok: false, meter, due, error, failures: failures + 1 }),
        ),
        tap(({ ok }) => {
          failures = ok ? 0 : failures + 1;
          last = due;
        }),
      );
    });
    return once.pipe(repeat());
  });
}

/** A reader that throws before it returns anything fails like one that rejects. */
function attempt<R>(read: () => ObservableInput<R>): Observable<R> {
  return defer(read);
}

/** Waits for an instant, or until a look at the clock shows that it was set back. */
function waitUntil(
  due: number,
  clock: PollClock,
  scheduler: SchedulerLike,
  leftMax = Number.POSITIVE_INFINITY,
): Observable<number> {
  return defer(() => {
    const left = due - clock.now();
    if (left > leftMax) return of(due);
    // One tick even when late: a meter that answers at once must not keep the others from running.
    const sleep = left <= 0 ? 0 : Math.min(sleepMsMax, clock.delay(left));
    return timer(sleep, scheduler).pipe(
      switchMap(() => (clock.now() >= due ? of(due) : waitUntil(due, clock, scheduler, left))),
    );
  });
}
