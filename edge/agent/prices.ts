import { priceMax } from "@busbar/protocol";

/**
 * A slot at one of its gates, as `market/gates` tells it: reference prices, and when quotes are taken.
 * Times are site ms, prices 10⁻⁶ currency/kWh; null is "not traded".
 */
export type SlotPrices = {
  readonly slot: number;
  readonly gate: number;
  readonly revealUntil: number;
  /** Gates that the slot has after this one. */
  readonly gatesLeft: number;
  /** Which kind of gate, where it is said: day-ahead, intraday or real-time. */
  readonly horizon?: string;
  readonly prices: Readonly<Record<"cg" | "cu" | "gc" | "gu", number | null>>;
  /** What the bureau takes and gives for what nobody else does. */
  readonly feedIn: number;
  readonly retail: number;
};

/** The gates that take quotes now, and when clocks are turned at the site. */
export type OpenGates = { readonly gates: readonly SlotPrices[]; readonly timeZone: string };

/** Wh that the owner sold less what it bought, and what is planned that it gives beyond its forecast. */
export type Position = { readonly soldWh: number; readonly plannedWh: number };

/** How the owner stands, by the slot's start, and what a kWh to it costs over the grid at least. */
export type Positions = {
  readonly slots: ReadonlyMap<number, Position>;
  readonly wayFee: number;
};

/** Entries of one message that are looked at: two days of slots of five minutes, and more. */
const entriesMax = 1_000;
/** A position of 1 GWh and beyond is none. */
const soldWhMax = 1_000_000_000;

/** Reads a message of `market/gates`; undefined when it is none. An entry that is none is left out. */
export function parseGates(payload: Uint8Array): OpenGates | undefined {
  const { gates, timeZone } = fieldsOf(jsonOf(payload));
  if (!Array.isArray(gates) || gates.length > entriesMax) return undefined;
  if (typeof timeZone !== "string") return undefined;
  return { gates: gates.flatMap((gate) => pricesIn(gate) ?? []), timeZone };
}

/** Reads a message of `owners/<owner>/positions`; undefined when it is none: half of one would lead
 * to quotes for what is sold already. */
export function parsePositions(payload: Uint8Array): Positions | undefined {
  const { slots, wayFee = 0 } = fieldsOf(jsonOf(payload));
  if (!Array.isArray(slots) || slots.length > entriesMax) return undefined;
  if (!isMicro(wayFee) || wayFee < 0) return undefined;
  const positions = new Map<number, Position>();
  for (const entry of slots) {
    const { slot, soldWh, plannedWh = 0 } = fieldsOf(entry);
    if (!isInstant(slot) || !isPosition(soldWh) || !isPosition(plannedWh)) return undefined;
    positions.set(slot, { soldWh, plannedWh });
  }
  return { slots: positions, wayFee };
}

function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    // Text that is no JSON is as little a message as JSON of another shape.
    return undefined;
  }
}

/** Other keys are for people's tools. */
function pricesIn(value: unknown): SlotPrices | undefined {
  const { slot, prices, feedIn, retail, gate, revealUntil, gatesLeft, horizon } = fieldsOf(value);
  if (!isInstant(slot) || !isInstant(gate) || !isInstant(revealUntil)) return undefined;
  if (!isMicro(feedIn) || !isMicro(retail) || !isInstant(gatesLeft)) return undefined;
  const { cg, cu, gc, gu } = fieldsOf(prices);
  const given = { cg: priceIn(cg), cu: priceIn(cu), gc: priceIn(gc), gu: priceIn(gu) };
  if (!isWhole(given)) return undefined;
  const kind = typeof horizon === "string" ? { horizon } : {};
  return { slot, gate, revealUntil, gatesLeft, feedIn, retail, prices: given, ...kind };
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

const isPosition = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && Math.abs(value) <= soldWhMax;

/** 10⁻⁶ currency/kWh; a quote takes no limit beyond these, and nobody signs this message. */
const isMicro = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && Math.abs(value) <= priceMax;
