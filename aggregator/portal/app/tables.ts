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
import { t } from "./language.ts";
import type { Model } from "./model.ts";
import { Table } from "./table.ts";

/** What cells need besides their row. */
type Context = { currency: string; time: number; wattsMax: number };

/** How far ahead of now hours are listed: a day-ahead gate opens a whole day of them. */
const aheadMs = 6 * 3_600_000;

const stageNames = {
  open: t("open for quotes"),
  "gate-closed": t("gate closed"),
  cleared: t("cleared"),
  settled: t("settled"),
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
    caption: t("Contracts, newest first"),
    empty: t("No trade yet. The first contracts follow the first cleared hour."),
    keyOf: ({ contract }) => contract,
    columns: [
      { head: t("Hour"), cell: ({ slot }) => ({ text: slotName(slot, context.time) }) },
      {
        head: t("Seller → buyer"),
        cell: ({ seller, buyer, origin }) => ({
          text: `${seller} → ${buyer}`,
          title:
            origin === "book"
              ? t("matched in the book")
              : t("with the bureau, for what nobody else took or gave"),
        }),
      },
      { head: t("Gate"), minor: true, cell: ({ scale }) => ({ text: t(scale) }) },
      { head: "kWh", numeric: true, cell: ({ energyWh }) => ({ text: kwh(energyWh) }) },
      {
        head: t("Price"),
        numeric: true,
        minor: true,
        cell: (trade) => ({
          text: price(trade.price),
          title: `${context.currency}/kWh${trade.fee === 0 ? "" : `; ${t("the buyer pays {fee} more for the way", { fee: price(trade.fee) })}`}`,
        }),
      },
      {
        head: t("State"),
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
    caption: t("Blocks, newest first"),
    empty: t("No block yet."),
    keyOf: ({ height }) => String(height),
    columns: [
      { head: t("Height"), numeric: true, cell: ({ height }) => ({ text: count(height) }) },
      { head: t("Time"), cell: ({ time }) => ({ text: clock(time) }) },
      {
        head: t("Messages"),
        numeric: true,
        cell: ({ transactions }) => ({ text: count(transactions) }),
      },
      {
        head: t("Hash"),
        cell: ({ hash }) => ({ text: shortHash(hash), title: hash, tone: "hash" }),
      },
    ],
  });
}

function metersTable(context: Context): Table<PortalMeter> {
  return new Table(byId("meters"), {
    caption: t("Newest reading of each meter"),
    empty: t("No reading yet."),
    keyOf: ({ meter }) => meter,
    columns: [
      {
        head: t("Meter"),
        cell: ({ meter, device }) => ({ text: meter, title: t("read by {device}", { device }) }),
      },
      {
        head: t("Owner"),
        minor: true,
        cell: ({ ownerName, owner }) => ({ text: ownerName, title: owner }),
      },
      {
        head: t("Measures"),
        minor: true,
        cell: ({ role, form }) => ({
          text: form === null || form === "any" ? t(role) : `${t(role)}, ${t(form)}`,
        }),
      },
      {
        head: t("Power: gives ◂ ▸ draws"),
        cell: ({ powerW }) => ({ text: power(powerW), bar: (powerW ?? 0) / context.wattsMax }),
      },
      {
        head: t("Drawn, kWh"),
        numeric: true,
        minor: true,
        cell: ({ importWh }) => ({ text: kwh(importWh) }),
      },
      {
        head: t("Given, kWh"),
        numeric: true,
        minor: true,
        cell: ({ exportWh }) => ({ text: kwh(exportWh) }),
      },
      {
        head: t("Reading"),
        numeric: true,
        minor: true,
        cell: ({ seq }) => ({ text: `#${count(seq)}` }),
      },
      {
        head: t("Measured, 7 days"),
        numeric: true,
        minor: true,
        cell: ({ slots }) => ({ text: measuredShare(slots), title: completenessText(slots) }),
      },
      { head: t("At"), cell: ({ time }) => ({ text: clock(time) }) },
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
    caption: t("Hours, newest first; prices per kWh"),
    empty: t("No hour yet."),
    keyOf: ({ slot }) => String(slot),
    columns: [
      { head: t("Hour"), cell: ({ slot }) => ({ text: slotName(slot, context.time) }) },
      {
        head: t("Stage"),
        cell: ({ stage, scale }) => ({
          text: stage === "settled" ? stageNames[stage] : `${t(scale)}: ${stageNames[stage]}`,
        }),
      },
      {
        head: t("Generation, kWh"),
        numeric: true,
        cell: ({ generationWh }) => ({ text: kwh(generationWh) }),
      },
      { head: t("Load, kWh"), numeric: true, cell: ({ loadWh }) => ({ text: kwh(loadWh) }) },
      priced(t("Company → users"), "gu"),
      priced(t("Bureau → users"), "cu"),
      priced(t("Company → bureau"), "gc"),
      priced(t("Bureau → company"), "cg"),
      {
        head: t("Clearing"),
        numeric: true,
        cell: (slot) => ({
          text: clearingText(slot),
          ...(slot.feeders.length === 0 ? {} : { title: feedersText(slot.feeders) }),
          ...(slot.clearing === null ? { tone: "none" } : {}),
        }),
      },
      { head: t("Traded, kWh"), numeric: true, cell: ({ tradedWh }) => ({ text: kwh(tradedWh) }) },
      {
        head: t("Contracts"),
        numeric: true,
        cell: ({ contracts }) => ({ text: count(contracts) }),
      },
    ],
  });
}
