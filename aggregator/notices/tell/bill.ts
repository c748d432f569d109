import type { LedgerEvent } from "../../ledger/events.ts";
import { wholeHundredths } from "../../settlement/bill/totals.ts";
import type { Telling } from "../notice.ts";

/** The bill of a month is ready: what it comes to, as it will say itself, and what is open in it still. */
export function tellBill(event: Extract<LedgerEvent, { type: "bill-ready" }>): readonly Telling[] {
  const { owner, month, total, importWh, exportWh, provisional, open } = event;
  const due = wholeHundredths(total);
  const facts = {
    month: { month },
    money: { micro: Math.abs(due) },
    import: { wh: importWh },
    export: { wh: exportWh },
    ...(provisional === 0 ? {} : { provisional: { count: provisional } }),
    ...(open === 0 ? {} : { open: { count: open } }),
  };
  const key = due > 0 ? "bill-to-get" : "bill-to-pay";
  return [{ owner, topic: "bill", key, facts, money: Math.abs(due) }];
}
