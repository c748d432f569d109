import type { PortalBlock, PortalMeter, PortalSlot, PortalTrade } from "../api.ts";
import { byId } from "./dom.ts";
import {
  clearingText,
  clock,
  completenessText,
  count,
  exactMoney,
  feedersText,
  kwh,
  measuredShare,
  power,
  price,
  shortHash,
  slotName,
  tradeText,
} from "./format.ts";
import type { Model } from "./model.ts";
import { Table } from "./table.ts";

/** What cells need besides their row. */
type Context = { currency: string; time: number; wattsMax: number };

/** How far ahead of now hours are listed: a day-ahead gate opens a whole day of them. */
const aheadMs = 6 * 3_600_000;

const stageNames = {
  open: "open for quotes",
  "gate-closed": "gate closed",
  cleared: "cleared",
  settled: "settled",
} as const;

/** All tables of the page. */
export class Tables {
  readonly #context: Context = { currency: "", time: 0, wattsMax: 1 };
  readonly #trades = tradesTable(this.#context);
  readonly #blocks = blocksTable();
  readonly #meters = metersTable(this.#context);
  readonly #slots = slotsTable(this.#context);

  show({ status, trades, blocks, meters, slots }: Model, time: number): void {
    this.#context.currency = status?.currency ?? "";
    this.#context.time = time;
    this.#context.wattsMax = Math.max(1, ...meters.map(({ powerW }) => Math.abs(powerW ?? 0)));
    this.#trades.show(trades);
    this.#blocks.show(blocks);
    this.#meters.show(meters);
    this.#slots.show(slots.filter(({ slot }) => slot <= time + aheadMs));
  }
}

function tradesTable(context: Context): Table<PortalTrade> {
  return new Table(byId("trades"), {
    caption: "Contracts, newest first",
    empty: "No trade yet. The first contracts follow the first cleared hour.",
    keyOf: ({ contract }) => contract,
    columns: [
      { head: "Hour", cell: ({ slot }) => ({ text: slotName(slot, context.time) }) },
      {
        head: "Seller → buyer",
        cell: ({ seller, buyer, origin }) => ({
          text: `${seller} → ${buyer}`,
          title:
            origin === "book"
              ? "matched in the book"
              : "with the bureau, for what nobody else took or gave",
        }),
      },
      { head: "Gate", minor: true, cell: ({ scale }) => ({ text: scale }) },
      { head: "kWh", numeric: true, cell: ({ energyWh }) => ({ text: kwh(energyWh) }) },
      {
        head: "Price",
        numeric: true,
        minor: true,
        cell: (trade) => ({
          text: price(trade.price),
          title: `${context.currency}/kWh${trade.fee === 0 ? "" : `; the buyer pays ${price(trade.fee)} more for the way`}`,
        }),
      },
      {
        head: "State",
        cell: (trade) => ({
          text: tradeText(trade, context.currency),
          ...(trade.state === "paid"
            ? { title: exactMoney(trade.amount ?? 0, context.currency), tone: "good" }
            : { tone: trade.state === "void" ? "none" : "open" }),
        }),
      },
    ],
  });
}

function blocksTable(): Table<PortalBlock> {
  return new Table(byId("blocks"), {
    caption: "Blocks, newest first",
    empty: "No block yet.",
    keyOf: ({ height }) => String(height),
    columns: [
      { head: "Height", numeric: true, cell: ({ height }) => ({ text: count(height) }) },
      { head: "Time", cell: ({ time }) => ({ text: clock(time) }) },
      {
        head: "Messages",
        numeric: true,
        cell: ({ transactions }) => ({ text: count(transactions) }),
      },
      { head: "Hash", cell: ({ hash }) => ({ text: shortHash(hash), title: hash, tone: "hash" }) },
    ],
  });
}

function metersTable(context: Context): Table<PortalMeter> {
  return new Table(byId("meters"), {
    caption: "Newest reading of each meter",
    empty: "No reading yet.",
    keyOf: ({ meter }) => meter,
    columns: [
      { head: "Meter", cell: ({ meter, device }) => ({ text: meter, title: `read by ${device}` }) },
      {
        head: "Owner",
        minor: true,
        cell: ({ ownerName, owner }) => ({ text: ownerName, title: owner }),
      },
      {
        head: "Measures",
        minor: true,
        cell: ({ role, form }) => ({
          text: form === null || form === "any" ? role : `${role}, ${form}`,
        }),
      },
      {
        head: "Power: gives ◂ ▸ draws",
        cell: ({ powerW }) => ({ text: power(powerW), bar: (powerW ?? 0) / context.wattsMax }),
      },
      {
        head: "Drawn, kWh",
        numeric: true,
        minor: true,
        cell: ({ importWh }) => ({ text: kwh(importWh) }),
      },
      {
        head: "Given, kWh",
        numeric: true,
        minor: true,
        cell: ({ exportWh }) => ({ text: kwh(exportWh) }),
      },
      {
        head: "Reading",
        numeric: true,
        minor: true,
        cell: ({ seq }) => ({ text: `#${count(seq)}` }),
      },
      {
        head: "Measured, 7 days",
        numeric: true,
        minor: true,
        cell: ({ slots }) => ({ text: measuredShare(slots), title: completenessText(slots) }),
      },
      { head: "At", cell: ({ time }) => ({ text: clock(time) }) },
    ],
  });
}

function slotsTable(context: Context): Table<PortalSlot> {
  const priced = (head: string, key: "gu" | "cu" | "gc" | "cg") => ({
    head,
    numeric: true,
    cell: ({ prices }: PortalSlot) => ({
      text: price(prices[key]),
      ...(prices[key] === null ? { tone: "none" } : {}),
    }),
  });
  return new Table(byId("slots"), {
    caption: "Hours, newest first; prices per kWh",
    empty: "No hour yet.",
    keyOf: ({ slot }) => String(slot),
    columns: [
      { head: "Hour", cell: ({ slot }) => ({ text: slotName(slot, context.time) }) },
      {
        head: "Stage",
        cell: ({ stage, scale }) => ({
          text: stage === "settled" ? stageNames[stage] : `${scale}: ${stageNames[stage]}`,
        }),
      },
      {
        head: "Generation, kWh",
        numeric: true,
        cell: ({ generationWh }) => ({ text: kwh(generationWh) }),
      },
      { head: "Load, kWh", numeric: true, cell: ({ loadWh }) => ({ text: kwh(loadWh) }) },
      priced("Company → users", "gu"),
      priced("Bureau → users", "cu"),
      priced("Company → bureau", "gc"),
      priced("Bureau → company", "cg"),
      {
        head: "Clearing",
        numeric: true,
        cell: (slot) => ({
          text: clearingText(slot),
          ...(slot.feeders.length === 0 ? {} : { title: feedersText(slot.feeders) }),
          ...(slot.clearing === null ? { tone: "none" } : {}),
        }),
      },
      { head: "Traded, kWh", numeric: true, cell: ({ tradedWh }) => ({ text: kwh(tradedWh) }) },
      { head: "Contracts", numeric: true, cell: ({ contracts }) => ({ text: count(contracts) }) },
    ],
  });
}
