import { parseTimeZone } from "@busbar/protocol";
import type { Bill } from "./document.ts";
import { exact } from "./numbers.ts";
import { localTime } from "./period.ts";

const heads = [
  "line",
  "slot",
  "slot_utc",
  "slot_state",
  "what",
  "state",
  "energy_wh",
  "price_per_kwh",
  "money",
  "currency",
  "with",
  "contract",
  "charge",
  "version",
  "quote",
  "quote_limit_per_kwh",
  "counts",
] as const;

/**
 * A bill's lines as a table for spreadsheets (RFC 4180). It carries no proofs. `counts`: whether a line is part of
 * the month's total, or a payment, which changes what is owed.
 */
export function billCsv(bill: Bill): string {
  const zone = parseTimeZone(bill.timeZone) ?? { standardMs: 0 };
  const rows = bill.slots.flatMap((slot) =>
    slot.lines.map((line) => [
      line.line,
      localTime(slot.slot, zone),
      new Date(slot.slot).toISOString(),
      slot.state,
      line.kind,
      line.state,
      line.energyWh,
      line.price === null ? "" : exact(line.price),
      exact(line.money),
      bill.currency,
      line.with,
      line.contract ?? "",
      line.charge ?? "",
      line.version ?? "",
      line.order?.id ?? "",
      line.order === null ? "" : exact(line.order.limit),
      "total",
    ]),
  );
  const account = bill.account.map((one) => {
    const { line, kind, time, money, with: other, payment, demand, unread } = one;
    return [
      line,
      localTime(time, zone),
      new Date(time).toISOString(),
      "",
      kind,
      demand?.word ?? "",
      demand?.deliveredWh ?? unread?.energyWh ?? "",
      demand === null ? "" : exact(demand.price),
      exact(money),
      bill.currency,
      other,
      "",
      "",
      payment?.version ?? "",
      demand?.order ?? "",
      "",
      kind === "demand" || kind === "unread" ? "total" : "balance",
    ];
  });
  return `${[heads, ...rows, ...account].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

function cell(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
