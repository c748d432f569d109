import { parseObject } from "../link/json.ts";

/** One event of the market as it is published: a type and its data. */
export type TradeEvent = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Which events a node passes on. */
export type Choice = "all" | "contract-signed" | "contract-settled";

/** A trade event, or undefined when the payload is none. */
export function parseTrade(payload: Buffer): TradeEvent | undefined {
  const body = parseObject(payload);
  const type = body?.type;
  return typeof type === "string" && type !== "" ? { ...body, type } : undefined;
}

/** Whether a node with this choice passes an event on. */
export function passes(choice: Choice, { type }: TradeEvent): boolean {
  return choice === "all" || choice === type;
}
