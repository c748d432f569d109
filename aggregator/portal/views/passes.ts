import type { LedgerEvent } from "../../ledger/events.ts";
import { type Asking, all, change } from "../model/asking.ts";
import { exact, exactOrNull } from "../model/int.ts";
import type { PassAnswer } from "./shapes.ts";

/** What a block's events say of gates. */
export function* passChanges(events: readonly LedgerEvent[]): Asking<void> {
  for (const event of events) {
    if (event.type === "slot-opened") {
      const { slot, pass, horizon: scale, prices } = event;
      yield* change("openPass", { slot, pass, scale, opened: JSON.stringify(prices) });
    }
    if (event.type === "slot-cleared") {
      const { slot, pass, scale, prices, exact: found, clearing, quantityWh } = event;
      const exact = found === null ? null : JSON.stringify(found);
      const colony = JSON.stringify(prices);
      yield* change("clearPass", { slot, pass, scale, colony, exact, clearing, quantityWh });
    }
  }
}

/** A slot's gates in their order. */
export function* passesOf(slot: number): Asking<readonly PassAnswer[]> {
  const prices = (text: string | null) =>
    text === null ? null : (JSON.parse(text) as PassAnswer["opened"]);
  return (yield* all("passes", { slot })).map((row) => ({
    pass: exact(row.pass),
    scale: row.scale,
    opened: prices(row.opened),
    colony: prices(row.colony),
    exact: prices(row.exact),
    clearing: exactOrNull(row.clearing),
    quantityWh: exactOrNull(row.quantity_wh),
  }));
}
