import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatMap, delay, merge, of, take, throwError, toArray, VirtualTimeScheduler } from "rxjs";
import { backOffMsMax, nextDue } from "./due.ts";
import { type Poll, pollMeter } from "./poll.ts";

const minute = 60_000;
const rhythm = { everyMs: minute, slotMs: 60 * minute };

/** A site clock and rxjs time that move together; `speed` site ms per wall ms. */
function virtualTime(speed: number, origin = 0) {
  const scheduler = new VirtualTimeScheduler(undefined, Number.POSITIVE_INFINITY);
  const clock = {
    now: () => origin + Math.floor(scheduler.frame * speed),
    delay: (siteMs: number) => Math.ceil(siteMs / speed),
  };
  return { scheduler, clock };
}

test("readings fall on multiples of the interval and on every slot boundary", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(7_000, 10_000, 60_000, 100_000, 3_600_000),
      fc.constantFrom(5, 15, 60),
      fc.nat(1e9),
      fc.array(fc.nat(200_000), { minLength: 1, maxLength: 60 }),
      (everyMs, slotMinutes, start, readMs) => {
        const slotMs = slotMinutes * minute;
        let last = start;
        let now = start;
        for (const took of readMs) {
          const due = nextDue({ everyMs, slotMs }, { last, now, failures: 0 });
          assert.ok(due > last);
          assert.ok(due % everyMs === 0 || due % slotMs === 0);
          const boundary = (Math.floor(last / slotMs) + 1) * slotMs;
          assert.ok(due <= boundary, "a slot boundary was passed over");
          last = due;
          now = Math.max(now, due) + took;
        }
      },
    ),
  );
});

test("a meter that does not answer is tried ever more rarely, but at least each 5 minutes", () => {
  let now = 0;
  let longest = 0;
  for (let failures = 1; failures < 30; failures++) {
    const due = nextDue({ everyMs: 10_000, slotMs: 60 * minute }, { last: now, now, failures });
    assert.ok(due - now >= longest - 10_000);
    longest = Math.max(longest, due - now);
    now = due;
  }
  assert.ok(longest > 4 * minute && longest <= backOffMsMax + 10_000, String(longest));
});

test("a fast site is read at its own pace: 360 site seconds in one wall second", () => {
  const { scheduler, clock } = virtualTime(360, 1_000_000_123);
  const dues: number[] = [];
  pollMeter({ meter: "m", read: () => of(1).pipe(delay(5, scheduler)), clock, rhythm, scheduler })
    .pipe(take(100))
    .subscribe(({ due }) => dues.push(due));
  scheduler.flush();
  assert.equal(dues.length, 100);
  for (const [i, due] of dues.slice(1).entries()) {
    assert.equal(due % minute, 0);
    assert.equal(due - (dues[i + 1 - 1] ?? 0) <= minute, true);
  }
});

test("a reading at a boundary starts within a millisecond after it", () => {
  const { scheduler, clock } = virtualTime(1, 59 * minute + 17_003);
  const starts: number[] = [];
  const read = () => {
    starts.push(clock.now());
    return of(1).pipe(delay(40, scheduler));
  };
  pollMeter({ meter: "m", read, clock, rhythm, scheduler }).pipe(take(3)).subscribe();
  scheduler.flush();
  assert.equal(starts[1], 60 * minute);
});

test("a clock that is set back by two hours costs no reading", () => {
  const { scheduler, clock } = virtualTime(1, 200 * minute);
  const back = 120 * minute;
  // Once while the poll waits, once while the meter is read.
  for (const setBackAt of [10 * minute + 30_000, 10 * minute + 20]) {
    const now = () => clock.now() - (scheduler.frame - began >= setBackAt ? back : 0);
    const began = scheduler.frame;
    const starts: number[] = [];
    const read = () => {
      starts.push(scheduler.frame - began);
      return of(1).pipe(delay(40, scheduler));
    };
    pollMeter({ meter: "m", read, clock: { ...clock, now }, rhythm, scheduler })
      .pipe(take(20))
      .subscribe();
    scheduler.flush();
    for (const [i, at] of starts.entries()) {
      assert.ok(at - (starts[i - 1] ?? 0) <= minute, `pause before ${at}`);
    }
  }
});

test("a dead meter takes nothing from its neighbours, and a broken reader is only a failed poll", () => {
  const { scheduler, clock } = virtualTime(1);
  const dead = pollMeter<number>({
    meter: "dead",
    read: () =>
      of(0).pipe(
        delay(3_000, scheduler),
        concatMap(() => throwError(() => new Error("timeout"))),
      ),
    clock,
    rhythm,
    scheduler,
  });
  const broken = pollMeter<number>({
    meter: "broken",
    read: () => {
      throw new Error("no port");
    },
    clock,
    rhythm,
    scheduler,
  });
  const alive = pollMeter({
    meter: "alive",
    read: () => of(1).pipe(delay(5, scheduler)),
    clock,
    rhythm,
    scheduler,
  });
  const polls: Poll<number>[] = [];
  merge(dead, broken, alive)
    .pipe(take(150), toArray())
    .subscribe((all) => polls.push(...all));
  scheduler.flush();
  const of_ = (meter: string) => polls.filter((poll) => poll.meter === meter);
  const dues = of_("alive").map(({ due }) => due);
  for (let i = 2; i < dues.length; i++) assert.equal((dues[i] ?? 0) - (dues[i - 1] ?? 0), minute);
  assert.ok(of_("dead").length < dues.length / 3);
  assert.ok([...of_("dead"), ...of_("broken")].every(({ ok }) => !ok));
});
