import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import fc from "fast-check";
import {
  creditReports,
  creditScore,
  decayMs,
  fade,
  fullCredit,
  reportViolation,
  violations,
} from "./credit.ts";
import { boundOf, expose, exposures } from "./exposure.ts";
import type { BlockContext } from "./rule.ts";
import { emptyState, Overlay } from "./state/overlay.ts";

test("what binds an owner is counted exactly, however much it is", () => {
  const amounts = fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(amounts, fc.infiniteStream(fc.nat(11)), (list, order) => {
      const state = new Overlay(emptyState);
      let sum = 0n;
      const check = () => {
        const { money = 0, carried = 0 } = exposures.get(state, "a") ?? {};
        assert.equal(BigInt(money) + BigInt(carried) * 2n ** 52n, sum);
        const most = BigInt(Number.MAX_SAFE_INTEGER);
        assert.equal(BigInt(boundOf(state, "a")), sum > most ? most : sum);
      };
      for (const money of list) {
        expose(state, "a", money);
        sum += BigInt(money);
        check();
      }
      const left = [...list];
      while (left.length > 0) {
        const [money = 0] = left.splice((order.next().value ?? 0) % left.length, 1);
        expose(state, "a", -money);
        sum -= BigInt(money);
        check();
      }
      assert.equal(exposures.get(state, "a"), undefined);
    }),
    { numRuns: 200 },
  );
});

test("of each violation three quarters are left after each month, and nothing in the end", () => {
  const context = (state: Overlay, days: number) =>
    ({
      state,
      height: 1,
      time: utcMs(days * 86_400_000),
      emit: () => undefined,
    }) as unknown as BlockContext;
  const days = fc.array(fc.nat(400), { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(
      days,
      fc.constantFrom("quote-unopened", "non-payment", "equivocation"),
      (gaps, kind) => {
        const state = new Overlay(emptyState);
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          fade(context(state, now));
          const before = creditReports.get(state, "a")?.points ?? 0;
          reportViolation(context(state, now), { id: "a", kind, reason: "x" });
          const { points, entries } = creditReports.get(state, "a") ?? assert.fail();
          assert.equal(points, before + violations[kind]);
          assert.ok(points >= entries.reduce((sum, { left }) => sum + left, 0));
        }
        // Faded step by step and at once: the same.
        const { points, decaysAt } = creditReports.get(state, "a") ?? assert.fail();
        const atOnce = new Overlay(state);
        const end = (decaysAt ?? 0) + 7 * decayMs;
        fade(context(atOnce, end / 86_400_000));
        for (let at = decaysAt ?? 0; at <= end; at += decayMs)
          fade(context(state, at / 86_400_000));
        assert.deepEqual(creditReports.get(state, "a"), creditReports.get(atOnce, "a"));
        assert.ok((creditReports.get(state, "a")?.points ?? 0) <= (points * 3) / 4);
        fade(context(state, (end + 60 * decayMs) / 86_400_000));
        assert.equal(creditScore(state, "a"), fullCredit);
      },
    ),
    { numRuns: 50 },
  );
});
