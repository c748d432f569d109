import type { DatabaseSync } from "node:sqlite";
import type { LedgerEvent } from "../../ledger/events.ts";
import type { PassAnswer } from "./shapes.ts";

/** Each gate of a slot: what was expected when it opened, and what the colony and the book made of it. */
export const passSchema = `
CREATE TABLE portal_pass (
  slot INTEGER NOT NULL, pass INTEGER NOT NULL, scale TEXT NOT NULL, opened TEXT, colony TEXT, exact TEXT,
  clearing INTEGER, quantity_wh INTEGER, PRIMARY KEY (slot, pass)) STRICT, WITHOUT ROWID;
`;

/** Writes what a block's events say of gates. */
export function addPasses(db: DatabaseSync, events: readonly LedgerEvent[]): void {
  for (const event of events) {
    if (event.type === "slot-opened") {
      const { slot, pass, horizon, prices } = event;
      db.prepare(
        `INSERT INTO portal_pass (slot, pass, scale, opened) VALUES (?, ?, ?, ?)
         ON CONFLICT (slot, pass) DO UPDATE SET opened = excluded.opened`,
      ).run(slot, pass, horizon, JSON.stringify(prices));
    }
    if (event.type === "slot-cleared") {
      const { slot, pass, scale, prices, exact, clearing, quantityWh } = event;
      const texts = [JSON.stringify(prices), exact === null ? null : JSON.stringify(exact)];
      db.prepare(
        `INSERT INTO portal_pass (slot, pass, scale, colony, exact, clearing, quantity_wh) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (slot, pass) DO UPDATE SET colony = excluded.colony, exact = excluded.exact,
           clearing = excluded.clearing, quantity_wh = excluded.quantity_wh`,
      ).run(slot, pass, scale, ...texts, clearing, quantityWh);
    }
  }
}

/** A slot's gates in their order. */
export function passesOf(db: DatabaseSync, slot: number): readonly PassAnswer[] {
  const rows = db.prepare("SELECT * FROM portal_pass WHERE slot = ? ORDER BY pass").all(slot);
  const prices = (text: unknown) =>
    typeof text === "string" ? (JSON.parse(text) as PassAnswer["opened"]) : null;
  const orNull = (value: unknown) => (value === null ? null : Number(value));
  return rows.map((row) => ({
    pass: Number(row.pass),
    scale: String(row.scale),
    opened: prices(row.opened),
    colony: prices(row.colony),
    exact: prices(row.exact),
    clearing: orNull(row.clearing),
    quantityWh: orNull(row.quantity_wh),
  }));
}
