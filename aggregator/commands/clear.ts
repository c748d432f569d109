import assert from "node:assert/strict";
import { Failure, type MicroPerKwh } from "@busbar/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { verifyClearing } from "../market/clearing/certificate.ts";
import { clear } from "../market/clearing/clearing.ts";
import type { Grid } from "../market/clearing/grid.ts";
import { verifyGridClearing } from "../market/clearing/grid-certificate.ts";
import { clearOnGrid } from "../market/clearing/grid-clearing.ts";
import { pairOnGrid } from "../market/clearing/grid-pairing.ts";
import { pairQuotes } from "../market/clearing/pairing.ts";
import { matchPaper } from "../market/clearing/paper-matching.ts";
import type { Fill, Quote } from "../market/clearing/quotes.ts";
import { expectedPrice, readBook, readGrid, readPrice } from "./book-file.ts";
import { type ClearResult, linesOf } from "./clear-text.ts";
import { nameOf } from "./table-file.ts";

/** Options of `busbar-aggregator clear`. */
export type ClearOptions = {
  readonly book: string;
  readonly reference?: MicroPerKwh;
  readonly grid?: string;
  /** `paper` is step 8 of Liu & Zhou to the letter, for comparison. */
  readonly matching: "welfare" | "paper";
  readonly json: boolean;
};

/**
 * `busbar-aggregator clear`: clears the book of a file, verifies the certificate, and prints quantity,
 * price, interval, welfare, fills, orders and certificate.
 * Throws: `Failure` `table.*`, `clear.book`, `clear.usage`.
 */
export function clearCommand(options: ClearOptions, print: (value: object) => void): void {
  const grid = options.grid === undefined ? undefined : readGrid(options.grid);
  const quotes = readBook(options.book, grid);
  const result = resultOf(quotes, grid, options);
  if (options.json) return print(result);
  for (const line of linesOf(quotes, result)) console.log(line);
}

function resultOf(
  quotes: readonly Quote[],
  grid: Grid | undefined,
  options: ClearOptions,
): ClearResult {
  try {
    if (options.matching === "paper") return paper(quotes, options);
    return grid === undefined ? oneBook(quotes, options) : overGrid(quotes, grid, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = `${nameOf(options.book)}: ${error.message}`;
    throw new Failure("clear.book", message, { retry: "never", cause: error });
  }
}

function oneBook(quotes: readonly Quote[], { reference }: ClearOptions): ClearResult {
  const clearing = clear(quotes, reference);
  const verdict = verifyClearing(quotes, clearing);
  assert(verdict.ok, `a clearing is certified: ${verdict.ok || verdict.message}`);
  const { price, volume, fills, certificate } = clearing;
  const pairing = pairQuotes(acceptedOf(quotes, fills));
  assert(pairing.ok, "netted fills can be paired");
  const at = currency(price);
  return {
    ok: true,
    matching: "welfare",
    quantity: kWh(volume),
    price: at,
    interval: [currency(certificate.lo), currency(certificate.hi)],
    reference: currency(reference),
    welfare: currency(certificate.welfare) ?? 0,
    fills: fills.map(shown),
    orders: pairing.matches.map(({ quantity, ...pair }) => {
      return { ...pair, quantity: kWh(quantity), sellerGets: at ?? 0, buyerPays: at ?? 0 };
    }),
    certificate: {
      verified: true,
      lo: certificate.lo ?? null,
      hi: certificate.hi ?? null,
      reference: certificate.reference ?? null,
      clearedWh: certificate.cleared,
      welfare: certificate.welfare,
      rationed: certificate.rationed ?? null,
    },
  };
}

function overGrid(quotes: readonly Quote[], grid: Grid, { reference }: ClearOptions): ClearResult {
  const clearing = clearOnGrid(quotes, grid, reference);
  const verdict = verifyGridClearing(quotes, grid, clearing);
  assert(verdict.ok, `a clearing is certified: ${verdict.ok || verdict.message}`);
  const { volume, welfare, fees, fills, places } = clearing;
  const priceOf = new Map(places.map(({ feeder, price }) => [feeder, price]));
  const feederOf = new Map(quotes.map(({ id, feeder }) => [id, feeder]));
  const at = (id: string) => {
    const feeder = feederOf.get(id);
    return currency(priceOf.get(priceOf.has(feeder) ? feeder : undefined)) ?? 0;
  };
  return {
    ok: true,
    matching: "welfare",
    quantity: kWh(volume),
    price: null,
    interval: null,
    reference: currency(reference),
    welfare: currency(welfare) ?? 0,
    fees: currency(fees) ?? 0,
    feeders: places.map(({ feeder = null, price, exportWh }) => {
      return { feeder, price: currency(price), exports: kWh(exportWh) };
    }),
    fills: fills.map(shown),
    orders: pairOnGrid(acceptedOf(quotes, fills), grid).map(({ ask, bid, quantity }) => {
      return { ask, bid, quantity: kWh(quantity), sellerGets: at(ask), buyerPays: at(bid) };
    }),
    certificate: {
      verified: true,
      reference: reference ?? null,
      welfare,
      fees,
      places: places.map(({ feeder = null, price = null, exportWh }) => {
        return { feeder, price, exportWh };
      }),
    },
  };
}

function paper(quotes: readonly Quote[], { reference, grid }: ClearOptions): ClearResult {
  if (reference === undefined || grid !== undefined) {
    const message = "--matching paper: expected a --reference, the target of step 8, and no --grid";
    throw new Failure("clear.usage", message, { retry: "never" });
  }
  const { orders, volume, welfare, beyond } = matchPaper(quotes, reference);
  const traded = new Map<string, number>();
  for (const { ask, bid, quantity } of orders) {
    for (const id of [ask, bid]) traded.set(id, (traded.get(id) ?? 0) + quantity);
  }
  const price = currency(reference) ?? 0;
  return {
    ok: true,
    matching: "paper",
    quantity: kWh(volume),
    price: volume > 0 ? price : null,
    interval: null,
    reference: price,
    welfare: currency(welfare) ?? 0,
    beyondLimits: kWh(beyond),
    fills: quotes.map(({ id }) => ({ id, accepted: kWh(traded.get(id) ?? 0), netted: 0 })),
    orders: orders.map(({ ask, bid, quantity }) => {
      return { ask, bid, quantity: kWh(quantity), sellerGets: price, buyerPays: price };
    }),
    certificate: null,
  };
}

function acceptedOf(quotes: readonly Quote[], fills: readonly Fill[]) {
  return quotes.flatMap((quote, i) => {
    const accepted = fills[i]?.accepted ?? 0;
    return accepted > 0 ? [{ ...quote, accepted: accepted as Fill["accepted"] }] : [];
  });
}

const kWh = (wh: number) => wh / 1000;

function currency(micro: number | undefined): number | null {
  return micro === undefined ? null : micro / 1_000_000;
}

const shown = ({ id, accepted, netted }: Fill) => ({
  id,
  accepted: kWh(accepted),
  netted: kWh(netted),
});

/** Adds `clear` to the program. */
export function addClearCommand(program: Command, print: (value: object) => void): void {
  program
    .command("clear")
    .description("clear a book of quotes from a file: who trades how much, at which price, and why")
    .requiredOption(
      "--book <file>",
      "CSV or JSON (-: standard input): id, side (ask or sell, bid or buy), price (currency/kWh), quantity (kWh), party, form, feeder",
    )
    .option(
      "--reference <price>",
      "currency/kWh; the price is the supporting one nearest to it (default: their middle)",
      referencePrice,
    )
    .option(
      "--grid <file>",
      "CSV or JSON: feeder, parent, fee (currency/kWh), capacity (kWh in the slot)",
    )
    .addOption(
      new Option("--matching <how>", "paper: step 8 to the letter, only to be compared with")
        .choices(["welfare", "paper"])
        .default("welfare"),
    )
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `
party (default: each quote for itself), form (default: any) and feeder (default: the busbar) may be
missing. Of equal quotes the one that stands earlier came earlier.

Example:
  busbar-aggregator clear --book book.csv --reference 0.55 --json`,
    )
    .action((options) => clearCommand(options, print));
}

function referencePrice(text: string): MicroPerKwh {
  const price = readPrice(text);
  if (price === undefined) throw new InvalidArgumentError(`expected ${expectedPrice}`);
  return price;
}
