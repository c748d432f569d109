import type { Table } from "../../ledger/state/table.ts";

export type Line = readonly [name: string, value: string];

/** Something that is proved: its lines for people, and what notices say of it. */
export type Told = {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Its values by the names that notices have for them. */
  readonly values: Readonly<Record<string, readonly (number | string)[]>>;
  /** Which texts of notices it bears out for who reads it (true), and which it contradicts (false). */
  readonly keys?: Readonly<Record<string, boolean>>;
  /** Contracts, by their ids, that it shows to be paid, and what their buyers got as subsidies. */
  readonly paid?: ReadonlyMap<string, number>;
  /** It is the event itself: its values are all that a notice of it says. */
  readonly whole?: boolean;
};

/** An entry of the state: `of` decodes it as one of a table. */
export type Entry = {
  readonly id: string;
  readonly currency: string;
  /** Who reads it, where that is an owner. */
  readonly reader: string | undefined;
  of<T>(table: Table<T>): T | undefined;
  /** All that it holds of a table whose entries lie several in one, by their ids. */
  all<T>(table: Table<T>): readonly (readonly [id: string, value: T])[];
};

export type Readers = Readonly<
  Record<string, (entry: Entry) => Told | readonly Told[] | undefined>
>;

/** Energy to the last Wh. */
export const exactKwh = (wh: number | undefined) =>
  wh === undefined ? "–" : `${wh < 0 ? "−" : ""}${(Math.abs(wh) / 1000).toFixed(3)} kWh`;
