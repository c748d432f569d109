import { z } from "zod";

/** 10⁻⁶ currency/kWh; a quote takes no higher limit, and nobody signs this message. */
const micro = z.int().min(0).max(1_000_000_000);
const price = z.object({ micro }).nullable();
const instant = z.int().min(0);

/** The retained message of `market/prices`; other keys are for people's tools. */
const shape = z.object({
  slot: instant,
  prices: z.object({ cg: price, cu: price, gc: price, gu: price }),
  feedIn: micro,
  retail: micro,
  gate: instant,
  revealUntil: instant,
});

/**
 * Reference prices of a slot and when quotes for it are taken. Times are site ms, prices 10⁻⁶
 * currency/kWh; null is "not traded".
 */
export type SlotPrices = {
  readonly slot: number;
  readonly gate: number;
  readonly revealUntil: number;
  readonly prices: Readonly<Record<"cg" | "cu" | "gc" | "gu", number | null>>;
  /** What the bureau takes and gives for what nobody else does. */
  readonly feedIn: number;
  readonly retail: number;
};

/** Reads a message of `market/prices`; undefined when it is none. */
export function parsePrices(payload: Uint8Array): SlotPrices | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    // Text that is no JSON is as little a price message as JSON of another shape.
    return undefined;
  }
  const parsed = shape.safeParse(value);
  if (!parsed.success) return undefined;
  const { slot, gate, revealUntil, prices, feedIn, retail } = parsed.data;
  const { cg, cu, gc, gu } = prices;
  const of = (price: { micro: number } | null) => price?.micro ?? null;
  return {
    slot,
    gate,
    revealUntil,
    feedIn,
    retail,
    prices: { cg: of(cg), cu: of(cu), gc: of(gc), gu: of(gu) },
  };
}
