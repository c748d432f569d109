import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Counters } from "./counters.ts";
import { defaultPlace, makeSite, powerAt, sources, stepMs } from "./site.ts";

const commissioned = Date.UTC(2026, 5, 1);
const site = makeSite(5, defaultPlace);
const shared = new Counters(site, commissioned);
/** Instants in the first ten days. */
const instant = fc.integer({ min: commissioned, max: commissioned + 10 * 86_400_000 });

test("after a restart every counter goes on where it was, whatever was asked before", () => {
  fc.assert(
    fc.property(fc.array(instant, { minLength: 1, maxLength: 3 }), instant, (before, time) => {
      const restarted = new Counters(site, commissioned);
      for (const earlier of before) restarted.read("user.1", earlier);
      for (const source of sources) {
        assert.deepEqual(restarted.read(source, time), shared.read(source, time));
      }
    }),
    { numRuns: 10 },
  );
});

test("no counter ever runs backwards", () => {
  fc.assert(
    fc.property(instant, instant, fc.constantFrom(...sources), (a, b, source) => {
      const [first, second] = a < b ? [a, b] : [b, a];
      const [before, after] = [shared.read(source, first), shared.read(source, second)];
      assert(before.importJoules <= after.importJoules);
      assert(before.exportJoules <= after.exportJoules);
    }),
  );
});

test("the transformer's meter shows the sum of all others, to the joule at full minutes", () => {
  fc.assert(
    fc.property(instant, (time) => {
      const net = (source: (typeof sources)[number], at: number) => {
        const { importJoules, exportJoules } = shared.read(source, at);
        return importJoules - exportJoules;
      };
      const others = (at: number) => net("company.net", at) + net("user.1", at) + net("user.2", at);
      const minute = time - (time % stepMs);
      assert.equal(net("bureau.exchange", minute), others(minute));
      assert(Math.abs(net("bureau.exchange", time) - others(time)) <= 4);
    }),
  );
});

test("energy is power times time, counted by its direction", () => {
  fc.assert(
    fc.property(instant, fc.constantFrom(...sources), (time, source) => {
      const minute = time - (time % stepMs);
      const before = shared.read(source, minute);
      const after = shared.read(source, minute + stepMs);
      const joules = before.powerWatts * 60;
      assert.equal(before.powerWatts, powerAt(source, site(minute / stepMs)));
      assert.equal(after.importJoules - before.importJoules, Math.max(0, joules));
      assert.equal(after.exportJoules - before.exportJoules, Math.max(0, -joules));
    }),
  );
});

test("before its commissioning a meter shows nothing", () => {
  assert.throws(() => shared.read("user.1", commissioned - 1), /commissioned/);
  assert.equal(shared.read("user.1", commissioned).importJoules, 0);
});
