import type { Quote } from "../market/clearing/quotes.ts";

/** An order of the result: kWh from one quote to another, at what the seller gets and the buyer pays. */
export type Order = {
  readonly ask: string;
  readonly bid: string;
  readonly quantity: number;
  readonly sellerGets: number;
  readonly buyerPays: number;
};

/** What was cleared, in kWh and currency. */
export type ClearResult = {
  readonly ok: true;
  readonly matching: "welfare" | "paper";
  readonly quantity: number;
  /** Null where nobody trades, or where feeders have prices of their own. */
  readonly price: number | null;
  readonly interval: readonly [number | null, number | null] | null;
  readonly reference: number | null;
  readonly welfare: number;
  readonly fills: readonly { id: string; accepted: number; netted: number }[];
  readonly orders: readonly Order[];
  /** With a grid: what the lines are owed, and each feeder's price and what it sends. */
  readonly fees?: number;
  readonly feeders?: readonly {
    readonly feeder: string | null;
    readonly price: number | null;
    readonly exports: number;
  }[];
  /** Of the paper's matching: kWh at a price worse than a limit. */
  readonly beyondLimits?: number;
  /** In the ledger's integers: Wh, 10⁻⁶ currency and 10⁻⁶ currency/kWh. */
  readonly certificate: Readonly<Record<string, unknown>> | null;
};

/** The result as people read it. */
export function linesOf(quotes: readonly Quote[], result: ClearResult): string[] {
  const money = (value: number | null) => (value === null ? "none" : value.toFixed(6));
  const fact = (label: string, value: string) => `${label.padEnd(12)}${value}`;
  const [lo, hi] = result.interval ?? [];
  const { feeders = [] } = result;
  const lines = [fact("quantity", `${result.quantity.toFixed(3)} kWh`)];
  if (feeders.length === 0) lines.push(fact("price", `${money(result.price)} currency/kWh`));
  if (result.interval !== null) {
    const any = "any price";
    lines.push(
      fact("interval", `${money(lo ?? null)} … ${money(hi ?? null)}`.replaceAll("none", any)),
    );
  }
  lines.push(fact("reference", money(result.reference)));
  lines.push(fact("welfare", `${money(result.welfare)} currency`));
  if (result.fees !== undefined) lines.push(fact("fees", `${money(result.fees)} currency`));
  if (result.beyondLimits !== undefined) {
    lines.push(fact("beyond", `${result.beyondLimits.toFixed(3)} kWh beyond a limit`));
  }
  lines.push(fact("certificate", result.certificate === null ? "none" : "verified"));
  const table = (rows: readonly (readonly string[])[]) => ["", ...columnsOf(rows)];
  if (feeders.length > 0) {
    const rows = feeders.map(({ feeder, price, exports }) => {
      return [feeder ?? "the busbar", money(price), exports.toFixed(3)];
    });
    lines.push(...table([["feeder", "price", "sends kWh"], ...rows]));
  }
  const rows = quotes.map(({ id, side, limit, quantity, party, form }, i) => {
    const { accepted = 0, netted = 0 } = result.fills[i] ?? {};
    const numbers = [(quantity / 1000).toFixed(3), accepted.toFixed(3), netted.toFixed(3)];
    return [id, side, money(limit / 1_000_000), ...numbers, party, form];
  });
  const head = ["id", "side", "limit", "kWh", "accepted", "netted", "party", "form"];
  lines.push(...table([head, ...rows]));
  const orders = result.orders.map(({ ask, bid, quantity, sellerGets, buyerPays }) => {
    return [ask, bid, quantity.toFixed(3), money(sellerGets), money(buyerPays)];
  });
  if (orders.length > 0) {
    lines.push(...table([["from", "to", "kWh", "seller gets", "buyer pays"], ...orders]));
  }
  return lines;
}

/** What a file says goes to a terminal: what would steer it, or turn the order of its letters, is shown
 * as what it is. */
const printable = (text: string) =>
  text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (letter) => {
    return `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`;
  });

/** Rows as columns of one width each; numbers stand to the right. */
function columnsOf(cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map(printable));
  const widths = (rows[0] ?? []).map((_, i) =>
    rows.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), 0),
  );
  const isNumber = (cell: string) => /^-?\d+\.\d+$|^none$/.test(cell);
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const width = widths[i] ?? 0;
        return isNumber(cell) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
