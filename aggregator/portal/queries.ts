import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import type { Scale } from "@busbar/protocol";
import type {
  BlocksAsked,
  PortalBlock,
  PortalSlot,
  PortalStatus,
  PortalTrade,
  SlotStage,
} from "./api.ts";

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

/** Reads the portal's tables. Lists are newest first. */
export class PortalQueries {
  readonly #sql: ReturnType<typeof prepare>;

  constructor(db: DatabaseSync) {
    this.#sql = prepare(db);
  }

  totals(): Totals {
    const row = this.#sql.totals.get() ?? {};
    const [height, hash] = [Number(row.height), row.hash];
    return {
      height,
      appHash: String(row.app_hash),
      blockHash: hash === null || hash === undefined ? "" : String(hash),
      blocks: Number(row.blocks),
      transactions: Number(row.transactions),
      readings: Number(row.readings),
      contracts: Number(row.contracts),
      settledContracts: Number(row.settled),
      tradedWh: Number(row.traded_wh),
      contractsByScale: this.#byScale(),
    };
  }

  #byScale(): PortalStatus["contractsByScale"] {
    const counts = { "day-ahead": 0, intraday: 0, "real-time": 0 };
    for (const { scale, contracts } of this.#sql.scales.all()) {
      counts[String(scale) as Scale] = Number(contracts);
    }
    return counts;
  }

  /** Energy contracted for the slots of the UTC day of `time`. */
  tradedOnDay(time: number): number {
    const start = Math.floor(time / dayMs) * dayMs;
    return Number(this.#sql.traded.get(start, start + dayMs)?.wh ?? 0);
  }

  slots(limit: number): SlotRow[] {
    return this.#sql.slots.all(limit).map(slotOf);
  }

  slot(slot: number): SlotRow | undefined {
    const row = this.#sql.slot.get(slot);
    return row === undefined ? undefined : slotOf(row);
  }

  trade(contract: string): PortalTrade | undefined {
    const row = this.#sql.trade.get(contract);
    return row === undefined ? undefined : tradeOf(row);
  }

  blocks({ limit, before = Number.MAX_SAFE_INTEGER }: BlocksAsked): PortalBlock[] {
    return this.#sql.blocks.all(before, limit).map((row) => ({
      height: Number(row.height),
      time: Number(row.time),
      hash: String(row.hash),
      transactions: Number(row.transactions),
      proposer: String(row.proposer),
    }));
  }

  meters(): MeterRow[] {
    return this.#sql.meters.all().map(meterOf);
  }

  meter(meter: string): MeterRow | undefined {
    const row = this.#sql.meter.get(meter);
    return row === undefined ? undefined : meterOf(row);
  }
}

type Row = Record<string, SQLOutputValue>;

function prepare(db: DatabaseSync) {
  return {
    totals: db.prepare(
      `SELECT portal_total.*, block.hash
       FROM portal_total LEFT JOIN portal_block AS block ON block.height = portal_total.height`,
    ),
    scales: db.prepare("SELECT scale, contracts FROM portal_scale"),
    traded: db.prepare("SELECT sum(traded_wh) AS wh FROM portal_slot WHERE slot >= ? AND slot < ?"),
    slots: db.prepare("SELECT * FROM portal_slot ORDER BY slot DESC LIMIT ?"),
    slot: db.prepare("SELECT * FROM portal_slot WHERE slot = ?"),
    trade: db.prepare("SELECT * FROM portal_trade WHERE contract = ?"),
    blocks: db.prepare("SELECT * FROM portal_block WHERE height < ? ORDER BY height DESC LIMIT ?"),
    meters: db.prepare("SELECT * FROM portal_meter ORDER BY owner, meter"),
    meter: db.prepare("SELECT * FROM portal_meter WHERE meter = ?"),
  };
}

function slotOf(row: Row): SlotRow {
  return {
    slot: Number(row.slot),
    stage: String(row.stage) as SlotStage,
    scale: String(row.scale) as Scale,
    pass: Number(row.pass),
    prices: {
      cg: orNull(row.cg),
      cu: orNull(row.cu),
      gc: orNull(row.gc),
      gu: orNull(row.gu),
    },
    clearing: orNull(row.clearing),
    feeders: JSON.parse(String(row.feeders)) as SlotRow["feeders"],
    tradedWh: Number(row.traded_wh),
    contracts: Number(row.contracts),
  };
}

/** A row of `portal_trade`. */
export function tradeOf(row: Row): PortalTrade {
  return {
    contract: String(row.contract),
    seq: Number(row.seq),
    slot: Number(row.slot),
    seller: String(row.seller),
    buyer: String(row.buyer),
    energyWh: Number(row.quantity_wh),
    price: Number(row.price),
    fee: Number(row.fee),
    origin: row.origin === "residual" ? "residual" : "book",
    scale: String(row.scale) as Scale,
    state: String(row.state) as PortalTrade["state"],
    settled: row.state === "paid",
    amount: orNull(row.amount),
    gridFee: orNull(row.grid_fee),
  };
}

function meterOf(row: Row): MeterRow {
  return {
    meter: String(row.meter),
    device: String(row.device),
    owner: String(row.owner),
    seq: Number(row.seq),
    time: Number(row.time),
    importWh: Number(row.import_wh),
    exportWh: Number(row.export_wh),
    powerW: orNull(row.power_w),
  };
}

function orNull(value: SQLOutputValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}
