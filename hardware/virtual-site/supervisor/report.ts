import assert from "node:assert/strict";
import { join } from "node:path";
import { runToEnd } from "./child.ts";
import type { PortalStatus, Snapshot } from "./portal.ts";
import type { Site } from "./site.ts";

/**
 * What a bounded run has to show. Readings, blocks and sums are counted in the stores after all has
 * ended; trades are the portal's last word, notices what the owners' phones opened.
 */
export type Report = {
  readonly ok: boolean;
  readonly readings: {
    readonly taken: number;
    readonly committed: number;
    readonly lost: number;
    readonly countedTwice: number;
  };
  readonly blocks: number;
  readonly trades: number;
  readonly tradesByScale: PortalStatus["contractsByScale"];
  readonly settledTrades: number;
  /** Sum over all accounts in 10⁻⁶ currency; anything but 0 is a fault. */
  readonly settledMoneySum: number;
  /** A bill of the run, made from the first member's ledger and checked with the members' keys alone. */
  readonly bill: { readonly owner: string; readonly lines: number; readonly verified: boolean };
  /** Different notices that the owners' phones received and opened in this run. */
  readonly notices: number;
  readonly appHash: string;
  /** Every member's ledger was replayed; those that came to the same height agree. */
  readonly replay: "same" | string;
  /** Where each member ended. */
  readonly members: readonly { readonly height: number; readonly appHash: string }[];
};

/** One meter's journal, as `busbar-edge journal list --json` tells it. */
type JournalMeter = { readonly meter: string; readonly taken: number; readonly committed: number };

/** The ledger, as `busbar-aggregator verify --json` tells it. */
export type Verified = {
  readonly ok: boolean;
  readonly message?: string;
  readonly height: number;
  readonly appHash: string;
  readonly readings: Readonly<Record<string, number>>;
  readonly countedTwice: number;
  readonly moneySum: number;
};

const root = join(import.meta.dirname, "../../..");

/** Compares what the units' journals took with what the ledger holds, after replaying every member's. */
export async function report(
  site: Pick<Site, "home" | "cast" | "members" | "bills" | "phones">,
  last: Snapshot | undefined,
): Promise<Report> {
  const { home, cast } = site;
  const log = join(home.logs, "report.log");
  const ledgers: Verified[] = [];
  for (const config of home.aggregatorConfigs(site.members)) {
    const args = [join(root, "aggregator/cli.ts"), "verify", "--config", config, "--json"];
    const out = await runToEnd({ name: "aggregator verify", args, log });
    ledgers.push(JSON.parse(out) as Verified);
  }
  const { verified, replay } = compared(ledgers);
  const { bill } = await site.bills.make(site.bills.first);
  let [taken, committed, lost] = [0, 0, 0];
  for (const part of cast) {
    const out = await runToEnd({
      name: `${part.device} journal`,
      args: [
        join(root, "edge/cli.ts"),
        "journal",
        "list",
        "--config",
        home.edgeConfig(part),
        "--json",
      ],
      log,
    });
    const { meters } = JSON.parse(out) as { meters: readonly JournalMeter[] };
    for (const journal of meters) {
      taken += journal.taken;
      const onLedger = verified.readings[journal.meter] ?? 0;
      committed += onLedger;
      lost += Math.max(0, journal.taken - onLedger);
    }
  }
  const { moneySum } = verified;
  const countedTwice = ledgers.reduce((sum, ledger) => sum + ledger.countedTwice, 0);
  return {
    ok: replay === "same" && lost === 0 && countedTwice === 0 && moneySum === 0 && bill.ok,
    readings: { taken, committed, lost, countedTwice },
    blocks: verified.height,
    trades: last?.status.contracts ?? 0,
    tradesByScale: last?.status.contractsByScale ?? { "day-ahead": 0, intraday: 0, "real-time": 0 },
    settledTrades: last?.status.settledContracts ?? 0,
    settledMoneySum: moneySum,
    bill: { owner: bill.owner, lines: bill.lines, verified: bill.ok },
    notices: site.phones.received,
    appHash: verified.appHash,
    replay,
    members: ledgers.map(({ height, appHash }) => ({ height, appHash })),
  };
}

/** The ledger that came farthest, and what is wrong with any of them. */
export function compared(ledgers: readonly Verified[]): { verified: Verified; replay: string } {
  const [verified] = ledgers.toSorted((a, b) => b.height - a.height);
  assert(verified !== undefined, "a site has a member");
  const faults = ledgers.flatMap(({ ok, message = "differs", height, appHash }, i) => {
    if (!ok) return [`member ${i + 1}: ${message}`];
    const twin = ledgers.find((other) => other.height === height);
    return twin?.appHash === appHash ? [] : [`member ${i + 1} parts from another at ${height}`];
  });
  return { verified, replay: faults.length === 0 ? "same" : faults.join("; ") };
}
