import type { DatabaseSync } from "node:sqlite";
import { openSiteClock } from "@busbar/protocol/node";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { councilOf } from "../ledger/council.ts";
import { readGenesis } from "../ledger/genesis.ts";
import { parametersTable } from "../ledger/parameters.ts";
import { noticeLeases } from "../ledger/rules/notices/tables.ts";
import { silentMeters } from "../ledger/rules/silence.ts";
import { Store } from "../ledger/store.ts";
import { countDeliveries } from "../notices/delivery-table.ts";
import type { Asking } from "../portal/model/asking.ts";
import { sqliteReader } from "../portal/model/sqlite.ts";
import { settingsOf } from "../portal/postgres/settings.ts";
import { type MeterRow, meterRows, type SlotRow, slotRows } from "../portal/queries.ts";
import { liveStatus } from "./live-status.ts";
import { type Pace, type StatusView, statusLines } from "./status-view.ts";

/** Wall ms between two looks. */
const everyMs = 1_000;
/** Over which the pace of blocks is told, wall ms. */
const paceMs = 60_000;

/** What the view needs of a terminal. */
export type Terminal = {
  readonly out: {
    write(text: string): unknown;
    readonly columns?: number;
    readonly rows?: number;
  };
  /** Calls back for each key that is pressed; the result ends that. */
  keys(pressed: (key: string) => void): () => void;
  /** Resolves after `ms`, or when `end` does. */
  pause(ms: number, end: Promise<unknown>): Promise<unknown>;
  /** Wall ms. */
  now(): number;
};

/**
 * `busbar-aggregator status` on a terminal: the same screen anew each second, until q or Ctrl-C. What it
 * shows is read from the ledger's file and from the aggregator, if it answers; it changes nothing.
 */
export async function showLive(path: string, terminal: Terminal): Promise<void> {
  const config = loadConfig(path);
  const clock = await openSiteClock(config.clock);
  const end = Promise.withResolvers<void>();
  const stopKeys = terminal.keys((key) => {
    // Ctrl-C, Ctrl-D, escape.
    if (key === "q" || key === "\u0003" || key === "\u0004" || key === "\u001b") end.resolve();
  });
  const paces: Pace[] = [];
  let ended = false;
  void end.promise.then(() => {
    ended = true;
  });
  // The screen that was there comes back at the end.
  terminal.out.write("\u001b[?1049h\u001b[?25l");
  try {
    while (!ended) {
      const view = await readView(config, clock);
      paces.push({ height: view.height, at: terminal.now() });
      while ((paces[0]?.at ?? 0) < terminal.now() - paceMs) paces.shift();
      terminal.out.write(screenOf(view, terminal, paces));
      await terminal.pause(everyMs, end.promise);
    }
  } finally {
    stopKeys();
    terminal.out.write("\u001b[?25h\u001b[?1049l");
  }
}

function screenOf(view: StatusView, { out }: Terminal, paces: readonly Pace[]): string {
  // A serial console knows no size: it says 0, or nothing.
  const columns = out.columns || 80;
  const rows = out.rows || 24;
  const [first, last] = [paces[0], paces.at(-1)];
  const pace = first === undefined || last === undefined ? undefined : ([first, last] as const);
  const lines = statusLines(view, { columns, rows }, pace);
  // Line by line over what is there, so that nothing flickers.
  return `\u001b[H${lines.map((line) => `${line}\u001b[K`).join("\r\n")}\u001b[J`;
}

/** All of the view, of one height. Throws: `Failure` `genesis.*`, `store.*`. */
export async function readView(
  config: AggregatorConfig,
  clock: { now(): number; readonly speed: number },
): Promise<StatusView> {
  const live = await liveStatus(config);
  const genesis = readGenesis(config.genesis);
  const store = new Store(config.store, [], { snapshot: true });
  try {
    const { state, db, height } = store;
    const has = (table: string) =>
      db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = ?").get(table)?.n === 1;
    const { slots, meters } = await boardOf(config, has("portal_meter") ? db : undefined);
    const leases = [...noticeLeases.scan(state)].map(([channel, { member, until }]) => ({
      channel,
      member,
      until,
    }));
    return {
      chain: genesis.chain,
      member: config.member,
      currency: genesis.currency,
      height,
      blockTime: store.header(height)?.header.time ?? genesis.time,
      now: clock.now(),
      speed: clock.speed,
      waiting: live?.consensus.waiting ?? store.pending().length,
      voters: store.genesis === undefined ? genesis.members.length : councilOf(state).voters.length,
      slots,
      slotMs: (parametersTable.get(state, "current")?.slotMinutes ?? 60) * 60_000,
      meters: meters.map((row) => ({
        ...row,
        silentSince: silentMeters.get(state, row.meter)?.since ?? null,
      })),
      notices: has("delivery_count") ? countDeliveries(db) : { queued: 0, delivered: 0, dead: 0 },
      leases,
      consensus: live?.consensus,
    };
  } finally {
    store.close();
  }
}

type Board = { readonly slots: readonly SlotRow[]; readonly meters: readonly MeterRow[] };

/** What the read model has of slots and meters, wherever it lies; `db` has it in the ledger's file. */
async function boardOf(config: AggregatorConfig, db: DatabaseSync | undefined): Promise<Board> {
  const settings = settingsOf(config);
  if (settings === undefined) {
    return db === undefined ? { slots: [], meters: [] } : sqliteReader(db).read(board());
  }
  const { PostgresReader } = await import("../portal/postgres/reader.ts");
  const reader = new PostgresReader(settings);
  try {
    return await reader.read(board());
  } finally {
    await reader.close();
  }
}

function* board(): Asking<Board> {
  return { slots: yield* slotRows(200), meters: yield* meterRows() };
}

/** The terminal that this process runs in. */
export function processTerminal(): Terminal {
  const { stdin, stdout } = process;
  return {
    out: stdout,
    keys(pressed) {
      const heard = (data: Buffer) => pressed(data.toString());
      const ends = () => pressed("q");
      if (stdin.isTTY) stdin.setRawMode(true);
      stdin.on("data", heard);
      process.once("SIGTERM", ends);
      process.once("SIGINT", ends);
      return () => {
        stdin.off("data", heard);
        process.off("SIGTERM", ends);
        process.off("SIGINT", ends);
        if (stdin.isTTY) stdin.setRawMode(false);
        stdin.pause();
      };
    },
    pause(ms, end) {
      return new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        void end.then(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    now: () => performance.now(),
  };
}
