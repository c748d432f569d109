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
  return pricesIn(value);
}

/** Other keys are for people's tools. */
function pricesIn(value: unknown): SlotPrices | undefined {
  const { slot, prices, feedIn, retail, gate, revealUntil } = fieldsOf(value);
  if (!isInstant(slot) || !isInstant(gate) || !isInstant(revealUntil)) return undefined;
  if (!isMicro(feedIn) || !isMicro(retail)) return undefined;
  const { cg, cu, gc, gu } = fieldsOf(prices);
  const given = { cg: priceIn(cg), cu: priceIn(cu), gc: priceIn(gc), gu: priceIn(gu) };
  if (!isWhole(given)) return undefined;
  return { slot, gate, revealUntil, feedIn, retail, prices: given };
}

type Given = Record<keyof SlotPrices["prices"], number | null | undefined>;

const isWhole = (given: Given): given is SlotPrices["prices"] =>
  !Object.values(given).includes(undefined);

/** null is "not traded", undefined no price at all. */
function priceIn(value: unknown): number | null | undefined {
  if (value === null) return null;
  const { micro } = fieldsOf(value);
  return isMicro(micro) ? micro : undefined;
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const isInstant = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/** 10⁻⁶ currency/kWh; a quote takes no higher limit, and nobody signs this message. */
const isMicro = (value: unknown): value is number => isInstant(value) && value <= 1_000_000_000;
