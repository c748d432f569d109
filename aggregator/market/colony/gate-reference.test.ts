import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { channels } from "../game/channels.ts";
import { paperRules } from "../game/paper-rules.ts";
import type { Player } from "../game/players.ts";
import { allocateQuantities } from "../game/quantities.ts";
import { gateReference } from "./gate-reference.ts";
import { referencePrices } from "./reference.ts";

const seed = createHash("sha256").update("block").digest();
const bureau: Player = { id: "c", role: "bureau", kwh: 1 };
/** From a watt-hour to what a town needs: a channel may carry next to nothing of a gate's energy. */
const kwh = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -3, max: 4 }))
  .map(([digit, power]) => digit * 10 ** power);
const anyWeight = fc.constantFrom(1, 2, 3, 9, 50, 100);

test("one of each is the paper's case: the same prices, bit for bit", () => {
  fc.assert(
    fc.property(fc.integer({ min: -450, max: 1600 }), fc.nat(900), (surplus, load) => {
      const quantities = allocateQuantities({
        generationWh: wh(Math.max(0, surplus) * 1000),
        ownLoadWh: wh(Math.max(0, -surplus) * 1000),
        usersLoadWh: wh(load * 1000),
      });
      const players: Player[] = [
        { id: "g", role: "company", kwh: surplus },
        bureau,
        { id: "u", role: "user", kwh: -load },
      ];
      const { prices } = gateReference(players, paperRules, seed);
      assert.deepEqual(prices, referencePrices(quantities, paperRules, seed).prices);
    }),
  );
});

test("a thousand homes are as quick as one, and have the same prices", () => {
  const homes = Array.from({ length: 1000 }, (_, i): Player => {
    return { id: `home-${i}`, role: "user", kwh: -(1 + (i % 7)) };
  });
  const load = homes.reduce((sum, { kwh: energy }) => sum + energy, 0);
  const company: Player = { id: "g", role: "company", kwh: 1500 };
  const many = gateReference([company, bureau, ...homes], paperRules, seed);
  const one = gateReference(
    [company, bureau, { id: "u", role: "user", kwh: load }],
    paperRules,
    seed,
  );
  assert.deepEqual(many, one);
});

test("with bands and weights of their own the colony's prices are the exact ones within 0.001", () => {
  const own = fc.record({
    kwh,
    weight: anyWeight,
    low: fc.oneof(
      fc.integer({ min: 400_000, max: 550_000 }),
      fc.integer({ min: -300_000, max: 50_000 }),
    ),
    width: fc.integer({ min: 20_000, max: 150_000 }),
  });
  fc.assert(
    fc.property(
      fc.array(own, { minLength: 1, maxLength: 5 }),
      fc.array(own, { minLength: 1, maxLength: 5 }),
      fc.array(kwh, { minLength: 1, maxLength: 5 }),
      (companies, short, users) => {
        const player =
          (role: "company", sign: 1 | -1) =>
          (one: (typeof companies)[number], i: number): Player => ({
            id: `${role}-${sign}-${i}`,
            role,
            kwh: sign * one.kwh,
            weight: one.weight,
            band: [microPerKwh(one.low), microPerKwh(one.low + one.width)],
          });
        const { prices, exact, gap } = gateReference(
          [
            ...companies.map(player("company", 1)),
            ...short.map(player("company", -1)),
            bureau,
            ...users.map(
              (load, i): Player => ({ id: `u${i}`, role: "user", kwh: -load, weight: 1 + i }),
            ),
          ],
          paperRules,
          seed,
        );
        assert.ok(gap <= 1e-3);
        for (const channel of channels) {
          const [one, two] = [prices[channel], exact[channel]];
          assert.equal(one === undefined, two === undefined);
          assert.ok(Math.abs((one ?? 0) - (two ?? 0)) <= 1000, `${channel}: ${one} and ${two}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("nobody with energy is a gate without prices", () => {
  const none = { cg: undefined, cu: undefined, gc: undefined, gu: undefined };
  assert.deepEqual(gateReference([bureau], paperRules, seed), {
    prices: none,
    exact: none,
    gap: 0,
  });
});
