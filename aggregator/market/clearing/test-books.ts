/** Books and grids for tests, written short or drawn at random. */
import { microPerKwh, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import type { Grid } from "./grid.ts";
import type { Quote } from "./quotes.ts";

/** A quote written short. Limits are in 10⁻³ currency/kWh, so that 1 Wh is worth whole millionths. */
export type Wish = Pick<Quote, "side"> & {
  readonly quantity: number;
  readonly limit: number;
  readonly party?: string;
  readonly time?: number;
  readonly feeder?: string | undefined;
  readonly rank?: number | undefined;
};

/** Quotes with the ids q0, q1 … in the order given, by default each of a party of its own. */
export function bookOf(wishes: readonly Wish[]): Quote[] {
  return wishes.map(({ side, quantity, limit, party, time = 0, feeder, rank }, i) => ({
    id: `q${i}`,
    party: party ?? `p${i}`,
    side,
    slot: utcMs(3_600_000),
    form: "any",
    quantity: wh(quantity),
    limit: microPerKwh(limit * 1000),
    time: utcMs(time),
    ...(feeder === undefined ? {} : { feeder }),
    ...(rank === undefined ? {} : { rank }),
  }));
}

export const side = fc.constantFrom("ask" as const, "bid" as const);

/** Few limits, some below 0, so that they tie. */
export const wish = fc.record({
  side,
  quantity: fc.integer({ min: 1, max: 9 }),
  limit: fc.integer({ min: -4, max: 8 }),
  time: fc.nat(2),
});

/** Up to five feeders in a tree, with fees, and lines that fill up and that gates before have used. */
export const grid: fc.Arbitrary<Grid> = fc
  .array(
    fc.record({
      parent: fc.nat(5),
      fee: fc.nat(3),
      capacity: fc.option(fc.nat(12), { nil: undefined }),
      sentWh: fc.oneof(fc.constant(0), fc.integer({ min: -14, max: 14 })),
    }),
    { maxLength: 5 },
  )
  .map((list) =>
    list.map(({ parent, fee, capacity, sentWh }, i) => ({
      feeder: `f${i}`,
      fee: microPerKwh(fee * 1000),
      ...(parent < i ? { parent: `f${parent}` } : {}),
      ...(capacity === undefined ? {} : { capacity: wh(capacity) }),
      ...(sentWh === 0 ? {} : { sentWh }),
    })),
  );

/** Wishes that stand at feeders of `grid`, at unknown ones, and at the busbar. */
export const placedWish = fc
  .tuple(wish, fc.option(fc.nat(6), { nil: undefined }))
  .map(([terms, at]) => ({ ...terms, feeder: at === undefined ? undefined : `f${at}` }));
