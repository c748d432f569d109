import { isObject, parseObject } from "../link/json.ts";

/** Who sells to whom: g the microgrid companies, c the energy bureaus, u the users. */
export const routes = ["gu", "cu", "gc", "cg"] as const;

/** One slot's prices in currency/kWh; null = not traded, which is not the same as free. */
export type Prices = {
  /** The slot, from start to end: site time in ms since 1970 UTC. */
  readonly start: number;
  readonly end: number | undefined;
  readonly horizon: string | number | undefined;
  readonly reference: Readonly<Record<(typeof routes)[number], number | null>>;
  readonly clearing: number | null;
  readonly feedIn: number | null;
  readonly retail: number | null;
  /** When quoting closes and when the slot's quotes must be revealed, site time in ms. */
  readonly gate: number | undefined;
  readonly revealUntil: number | undefined;
};

/** Which price becomes the payload. */
export type Which = (typeof routes)[number] | "clearing" | "all";

/** The market's prices, or undefined when the payload is no such message. */
export function parsePrices(payload: Buffer): Prices | undefined {
  const body = parseObject(payload);
  const { start, prices, horizon } = body ?? {};
  if (body === undefined || typeof start !== "number" || !isObject(prices)) return undefined;
  const [gu, cu, gc, cg] = routes.map((route) => perKwh(prices[route]));
  return {
    start,
    end: instant(body.end),
    horizon: typeof horizon === "string" || typeof horizon === "number" ? horizon : undefined,
    reference: { gu: gu ?? null, cu: cu ?? null, gc: gc ?? null, cg: cg ?? null },
    clearing: perKwh(body.clearing),
    feedIn: perKwh(body.feedIn),
    retail: perKwh(body.retail),
    gate: instant(body.gate),
    revealUntil: instant(body.revealUntil),
  };
}

/** The chosen price, or the whole of them. */
export function choose(prices: Prices, which: Which): number | null | Prices {
  if (which === "all") return prices;
  return which === "clearing" ? prices.clearing : prices.reference[which];
}

/** Currency per kWh of an integer of 10⁻⁶, bare or as `{ micro }`; null for everything else. */
function perKwh(value: unknown): number | null {
  const micro = isObject(value) ? value.micro : value;
  return typeof micro === "number" && Number.isSafeInteger(micro) ? micro / 1e6 : null;
}

function instant(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
