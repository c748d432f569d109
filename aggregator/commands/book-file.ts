import {
  type EnergyForm,
  type MicroPerKwh,
  priceMax,
  type Side,
  type UtcMs,
  type Wh,
} from "@busbar/protocol";
import { type Grid, layOut } from "../market/clearing/grid.ts";
import type { Quote } from "../market/clearing/quotes.ts";
import { type Column, decimal, readTable, wrongForm } from "./table-file.ts";

/** Prices beyond 1 000 currency/kWh and quotes beyond 1 TWh are typing errors, as on the ledger. */
const priceRange = { least: -priceMax, most: priceMax };
const energyMax = 1_000_000_000_000;

/** A side by the market's word, or by what its party does. */
const sides: ReadonlyMap<string, Side> = new Map([
  ["ask", "ask"],
  ["sell", "ask"],
  ["bid", "bid"],
  ["buy", "bid"],
]);
const side: Column<Side> = {
  read: (text) => sides.get(text.toLowerCase()),
  expected: "ask or sell, bid or buy",
};
const forms: readonly EnergyForm[] = ["solar", "wind", "thermal", "nuclear", "storage", "any"];

function oneOf<T extends string>(known: readonly T[]): Column<T> {
  return {
    read: (text) => known.find((word) => word === text),
    expected: known.join(" or ").replaceAll(/ or (?=.* or )/g, ", "),
  };
}

const name: Column<string> = {
  read: (text) => (text.length <= 64 ? text : undefined),
  expected: "a name of 1 to 64 characters",
};

/** A price in 10⁻⁶ currency/kWh from currency/kWh. */
export const readPrice = decimal(6, priceRange) as (text: string) => MicroPerKwh | undefined;
export const expectedPrice =
  "a price in currency/kWh with at most 6 decimals and below 1000, as in 0.25";

const price: Column<MicroPerKwh> = { read: readPrice, expected: expectedPrice };

function energy(least: number): Column<Wh> {
  return {
    read: decimal(3, { least, most: energyMax }) as (text: string) => Wh | undefined,
    expected: `kWh ${least > 0 ? "above" : "from"} 0 ${least > 0 ? "" : "on "}with at most 3 decimals, as in 1.25`,
  };
}

const bookColumns = {
  id: name,
  side,
  price,
  quantity: energy(1),
  party: { ...name, absent: "" },
  form: { ...oneOf(forms), absent: "any" as EnergyForm },
  feeder: { ...name, absent: "" },
};

/**
 * A book of one slot: columns id, side, price (currency/kWh), quantity (kWh); party (by default the
 * quote is a party of its own), form and feeder may be missing. Who stands earlier quoted earlier.
 * Throws: `Failure` as `readTable`, for ids that repeat, and for feeders that the grid, if there is
 * one, does not have.
 */
export function readBook(path: string, grid?: Grid): Quote[] {
  const rows = readTable(path, "quotes", bookColumns);
  const seen = new Set<string>();
  const feeders = grid && new Set(["", ...grid.map(({ feeder }) => feeder)]);
  const problems = rows.flatMap(({ id, feeder, row }) => {
    const twice = seen.has(id);
    seen.add(id);
    const ofId = `row ${row}, column id: expected each id once, got ${JSON.stringify(id)} again`;
    const ofFeeder = `row ${row}, column feeder: expected one of the grid's, or none for the busbar, got ${JSON.stringify(feeder)}`;
    // Taken for one at the busbar, a mistyped feeder would trade without fees.
    const lost = feeders !== undefined && !feeders.has(feeder);
    return [...(twice ? [ofId] : []), ...(lost ? [ofFeeder] : [])];
  });
  if (problems.length > 0) throw wrongForm(path, problems);
  return rows.map(({ id, side, price: limit, quantity, party, form, feeder }, i) => ({
    id,
    party: party === "" ? id : party,
    side,
    slot: 0 as UtcMs,
    form,
    quantity,
    limit,
    time: i as UtcMs,
    ...(feeder === "" ? {} : { feeder }),
  }));
}

const fee: Column<MicroPerKwh> = {
  read: decimal(6, { ...priceRange, least: 0 }) as typeof readPrice,
  expected: "a fee in currency/kWh from 0 on with at most 6 decimals and below 1000, as in 0.02",
};

const gridColumns = {
  feeder: name,
  parent: { ...name, absent: "" },
  fee: { ...fee, absent: 0 as MicroPerKwh },
  capacity: { ...energy(0), absent: undefined as Wh | undefined },
};

/**
 * A grid: columns feeder, parent (empty: the busbar), fee (currency/kWh), capacity (kWh in the slot;
 * empty: no limit). Throws: `Failure` as `readTable`, and for what is no tree.
 */
export function readGrid(path: string): Grid {
  const rows = readTable(path, "segments", gridColumns);
  const names = new Set(["", ...rows.map(({ feeder }) => feeder)]);
  const seen = new Set<string>();
  const problems = rows.flatMap(({ feeder, parent, row }) => {
    const twice = seen.has(feeder);
    seen.add(feeder);
    const ofFeeder = `row ${row}, column feeder: expected each feeder once, got ${JSON.stringify(feeder)} again`;
    const ofParent = `row ${row}, column parent: expected one of the feeders, or none for the busbar, got ${JSON.stringify(parent)}`;
    return [...(twice ? [ofFeeder] : []), ...(names.has(parent) ? [] : [ofParent])];
  });
  if (problems.length > 0) throw wrongForm(path, problems);
  const grid = rows.map(({ feeder, parent, fee, capacity }) => ({
    feeder,
    fee,
    ...(parent === "" ? {} : { parent }),
    ...(capacity === undefined ? {} : { capacity }),
  }));
  try {
    layOut(grid);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw wrongForm(path, [error.message]);
  }
  return grid;
}
