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

/** What a node passes on: which events, and of one owner where `owner` is given. */
export type Filter = { readonly choice: Choice; readonly owner: string | undefined };

/** Whether an event is one of those that were asked for. */
export function passes({ choice, owner }: Filter, event: TradeEvent): boolean {
  const { type, seller, buyer } = event;
  return (
    (choice === "all" || choice === type) &&
    (owner === undefined || owner === seller || owner === buyer)
  );
}
