import { writeFileSync } from "node:fs";
import { Failure, type Wh } from "@busbar/protocol";
import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { slotKey, slots } from "../ledger/rules/market/tables.ts";
import type { StateReader } from "../ledger/state/state.ts";
import type { Line } from "../market/routing/network.ts";
import { flowsSvg, flowsText } from "../market/routing/picture.ts";
import { type Routing, routeTrades, type Transport } from "../market/routing/route.ts";
import { instant } from "./arguments.ts";
import { busbar, slotFlows } from "./slot-flows.ts";
import { type Column, decimal, readTable, wrongForm } from "./table-file.ts";
import { withLedger } from "./transaction.ts";

export type RouteOptions = {
  readonly lines?: string;
  readonly trades?: string;
  readonly config?: string;
  readonly slot?: number;
  readonly svg?: string;
  readonly json: boolean;
};

/** Adds `busbar-aggregator route`. */
export function addRouteCommand(program: Command): void {
  program
    .command("route")
    .description("route a slot's trades over a feeder graph, and show what flows over each line")
    .option("--lines <file>", "CSV or JSON: id, from, to, loss (‰), capacity (kWh in the slot)")
    .option("--trades <file>", "CSV or JSON: id, from, to, quantity (kWh)")
    .option("--config <file>", "the aggregator whose ledger's slot is shown, instead of files")
    .option(
      "--slot <iso>",
      "with --config: the slot's start (default: the newest with trades)",
      instant,
    )
    .option("--svg <file>", "draw the flows, too")
    .option("--json", "print the result as JSON (Wh)", false)
    .addHelpText(
      "after",
      `
Each trade takes the way of least loss that has room, then the next one. Trades that meet at a line too
narrow for all are cut there in proportion, with the reason. What flows against each other cancels.

Examples:
  busbar-aggregator route --lines lines.csv --trades trades.csv --svg flows.svg
  busbar-aggregator route --config elm/aggregator.yaml --slot 2026-06-21T10:00:00Z`,
    )
    .action((options) => routeCommand(options, (line) => console.log(line)));
}

/**
 * Prints what flows over each line, and what became of each trade.
 * Throws: `Failure` `route.usage`, `route.slot`, `route.file`, `table.*`, `config.*`.
 */
export function routeCommand(options: RouteOptions, write: (line: string) => void): void {
  const { title, lines, trades } = sourceOf(options);
  const routing = routed(lines, trades, options.lines ?? title);
  if (options.svg !== undefined) writeSvg(options.svg, flowsSvg(routing, { title, root: busbar }));
  if (options.json) return write(JSON.stringify({ ...routing, title }));
  write(title);
  for (const line of flowsText(routing)) write(line);
}

function routed(lines: readonly Line[], trades: readonly Transport[], file: string): Routing {
  try {
    return routeTrades(lines, trades);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw wrongForm(file, [cause.message]);
  }
}

type Source = {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly trades: readonly Transport[];
};

function sourceOf({ lines, trades, config, slot }: RouteOptions): Source {
  const fromFiles = lines !== undefined && trades !== undefined && config === undefined;
  if (fromFiles && slot === undefined) {
    return { title: trades, lines: readLines(lines), trades: readTrades(trades) };
  }
  if (config === undefined || lines !== undefined || trades !== undefined) {
    const message = "expected --lines and --trades, or --config with an aggregator.yaml";
    throw new Failure("route.usage", message, { retry: "never" });
  }
  return withLedger(loadConfig(config), ({ store }) => ofSlot(store.state, slot));
}

/** A slot of the ledger: the lines of its grid, and the contracts of its book. */
function ofSlot(state: StateReader, wanted: number | undefined): Source {
  const slot = wanted ?? newestTraded(state);
  const found = slot === undefined ? undefined : slotFlows(state, slot);
  if (slot === undefined || found === undefined) {
    const known = slot !== undefined && slots.get(state, slotKey(slot)) !== undefined;
    const message = known
      ? "the slot has no grid: its parties traded as at one place"
      : "expected --slot with a slot of the last two months that came to the market";
    throw new Failure("route.slot", message, { retry: "never" });
  }
  return { title: `slot ${new Date(slot).toISOString()}`, ...found };
}

function newestTraded(state: StateReader): number | undefined {
  let newest: number | undefined;
  for (const [key, { tradedWh }] of slots.scan(state)) if (tradedWh > 0) newest = Number(key);
  return newest;
}

const name: Column<string> = {
  read: (text) => (text.length <= 64 ? text : undefined),
  expected: "a name of 1 to 64 characters",
};
const energy: Column<Wh> = {
  read: decimal(3, { least: 0, most: 1_000_000_000_000 }) as (text: string) => Wh | undefined,
  expected: "kWh from 0 on with at most 3 decimals, as in 1.25",
};

function readLines(path: string): Line[] {
  const rows = readTable(path, "lines", {
    id: name,
    from: name,
    to: name,
    loss: {
      read: decimal(0, { least: 0, most: 1000 }),
      expected: "thousandths from 0 to 1000",
      absent: 0,
    },
    capacity: { ...energy, absent: undefined as Wh | undefined },
  });
  return rows.map(({ id, from, to, loss, capacity }) => {
    return { id, from, to, lossPermille: loss, ...(capacity === undefined ? {} : { capacity }) };
  });
}

function readTrades(path: string): Transport[] {
  const rows = readTable(path, "trades", { id: name, from: name, to: name, quantity: energy });
  return rows.map(({ id, from, to, quantity }) => ({ id, from, to, energy: quantity }));
}

function writeSvg(file: string, svg: string): void {
  try {
    writeFileSync(file, svg);
  } catch (cause) {
    const message = `${file}: cannot be written (${cause instanceof Error ? cause.message : cause})`;
    throw new Failure("route.file", message, { retry: "never", cause });
  }
}
