import type { Scale } from "@busbar/protocol";
import type { Selectable } from "kysely";
import type {
  BlocksAsked,
  PortalBlock,
  PortalSlot,
  PortalStatus,
  PortalTrade,
  SlotStage,
} from "./api.ts";
import { type Asking, all, first } from "./model/asking.ts";
import { exact, exactOrNull } from "./model/int.ts";
import type { ReadTables } from "./model/tables.ts";

/** The read model's counters. */
export type Totals = {
  readonly height: number;
  readonly appHash: string;
  readonly blockHash: string;
  readonly blocks: number;
  readonly transactions: number;
  readonly readings: number;
  readonly contracts: number;
  readonly settledContracts: number;
  readonly tradedWh: number;
  readonly contractsByScale: PortalStatus["contractsByScale"];
};

/** A slot as the blocks tell it, without what meters measured in it. */
export type SlotRow = Omit<PortalSlot, "generationWh" | "loadWh">;

/** A meter's newest reading as the blocks tell it. */
export type MeterRow = {
  readonly meter: string;
  readonly device: string;
  readonly owner: string;
  readonly seq: number;
  readonly time: number;
  readonly importWh: number;
  readonly exportWh: number;
  readonly powerW: number | null;
};

const dayMs = 86_400_000;

/** What the blocks came to. */
export function* totals(): Asking<Totals> {
  const row = yield* first("totals", {});
  const counts = { "day-ahead": 0, intraday: 0, "real-time": 0 };
  for (const { scale, contracts } of yield* all("scales", {})) {
    counts[scale as Scale] = exact(contracts);
  }
  return {
    height: exact(row?.height),
    appHash: row?.app_hash ?? "",
    blockHash: row?.hash ?? "",
    blocks: exact(row?.blocks),
    transactions: exact(row?.transactions),
    readings: exact(row?.readings),
    contracts: exact(row?.contracts),
    settledContracts: exact(row?.settled),
    tradedWh: exact(row?.traded_wh),
    contractsByScale: counts,
  };
}

/** Energy contracted for the slots of the UTC day of `time`. */
export function* tradedOnDay(time: number): Asking<number> {
  const from = Math.floor(time / dayMs) * dayMs;
  const row = yield* first("traded", { from, to: from + dayMs });
  return exact(row?.wh);
}

/** Slots, newest first. */
export function* slotRows(limit: number): Asking<readonly SlotRow[]> {
  return (yield* all("slots", { limit })).map(slotOf);
}

export function* slotRow(slot: number): Asking<SlotRow | undefined> {
  const row = yield* first("slot", { slot });
  return row === undefined ? undefined : slotOf(row);
}

export function* tradeRow(contract: string): Asking<PortalTrade | undefined> {
  const row = yield* first("trade", { contract });
  return row === undefined ? undefined : tradeOf(row);
}

/** Blocks, newest first. */
export function* blockRows({
  limit,
  before = Number.MAX_SAFE_INTEGER,
}: BlocksAsked): Asking<readonly PortalBlock[]> {
  return (yield* all("blocks", { before, limit })).map((row) => ({
    height: exact(row.height),
    time: exact(row.time),
    hash: row.hash,
    transactions: exact(row.transactions),
    proposer: row.proposer,
  }));
}

/** Meters by owner and name. */
export function* meterRows(): Asking<readonly MeterRow[]> {
  return (yield* all("meters", {})).map(meterOf);
}

export function* meterRow(meter: string): Asking<MeterRow | undefined> {
  const row = yield* first("meter", { meter });
  return row === undefined ? undefined : meterOf(row);
}

type Row<T extends keyof ReadTables> = Selectable<ReadTables[T]>;

function slotOf(row: Row<"portal_slot">): SlotRow {
  return {
    slot: exact(row.slot),
    stage: row.stage as SlotStage,
    scale: row.scale as Scale,
    pass: exact(row.pass),
    prices: {
      cg: exactOrNull(row.cg),
      cu: exactOrNull(row.cu),
      gc: exactOrNull(row.gc),
      gu: exactOrNull(row.gu),
    },
    clearing: exactOrNull(row.clearing),
    feeders: JSON.parse(row.feeders) as SlotRow["feeders"],
    tradedWh: exact(row.traded_wh),
    contracts: exact(row.contracts),
  };
}

/** A row of `portal_trade`. */
export function tradeOf(row: Row<"portal_trade">): PortalTrade {
  return {
    contract: row.contract,
    seq: exact(row.seq),
    slot: exact(row.slot),
    seller: row.seller,
    buyer: row.buyer,
    energyWh: exact(row.quantity_wh),
    price: exact(row.price),
    fee: exact(row.fee),
    origin: row.origin === "residual" ? "residual" : "book",
    scale: row.scale as Scale,
    state: row.state as PortalTrade["state"],
    settled: row.state === "paid",
    amount: exactOrNull(row.amount),
    gridFee: exactOrNull(row.grid_fee),
  };
}

function meterOf(row: Row<"portal_meter">): MeterRow {
  return {
    meter: row.meter,
    device: row.device,
    owner: row.owner,
    seq: exact(row.seq),
    time: exact(row.time),
    importWh: exact(row.import_wh),
    exportWh: exact(row.export_wh),
    powerW: exactOrNull(row.power_w),
  };
}
