import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { Failure } from "@busbar/protocol";
import { billOf, carbonFactors } from "../commands/bill-source.ts";
import { openLedger } from "../commands/ledger.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import { reportText } from "./report.ts";
import { TurnsFor } from "./turns.ts";

/** What is made beside the ledger's thread: an owner's bill of a month (`yyyy-mm`), or the what-if report. */
export type Work =
  | { readonly what: "bill"; readonly owner: string; readonly month: string }
  | { readonly what: "report"; readonly days: number };

/** JSON text as gzip (RFC 1952): of a month's bill a third of it, as it goes over the network and is kept. */
export type Packed = Uint8Array;
/** Makes a bill; `by` asks for it. Throws: `Failure` `portal.busy`, `bill.*`. */
export type MakeBill = (asked: {
  readonly by: string;
  readonly owner: string;
  readonly month: string;
}) => Promise<Packed>;
/** Makes the what-if report of everybody. Throws: `Failure` `portal.busy`, `report.*`. */
export type MakeReport = (asked: { readonly by: string; readonly days: number }) => Promise<Packed>;

/** A report is shown to whoever asks for as long, wall ms; and so many of them are kept. */
const reportMs = 10 * 60_000;
const reportsMax = 4;
/** Bills that are kept until the next block, bytes of them in all. */
const billBytesMax = 16 * 1024 * 1024;

/** The thread's whole task, from a look at the ledger's file of its own. Throws: `Failure` `bill.*`, `report.*`. */
export function makePacked(config: AggregatorConfig, work: Work): Packed {
  return new Uint8Array(gzipSync(makeText(config, work)));
}

function makeText(config: AggregatorConfig, work: Work): string {
  const ledger = openLedger(config, { snapshot: true });
  const archives = new Archives(config.archive.folder);
  try {
    if (work.what === "report") return reportText(ledger.store.state, work.days);
    const blocks = bothOf(ledger.store, archives);
    const file = billOf({ ...ledger, blocks }, { ...work, carbon: carbonFactors(config) });
    if (!("ok" in file)) return JSON.stringify(file);
    throw new Failure(file.code, file.message, { retry: "never" });
  } finally {
    archives.close();
    ledger.store.close();
  }
}

export type AsideOptions = {
  /** Of the ledger's newest block. */
  readonly height: () => number;
  /** Wall ms. */
  readonly now: () => number;
  readonly make: (work: Work) => Promise<Packed>;
};

/** What reads much of the ledger, one of it at a time; people take turns. */
export class Aside {
  readonly #options: AsideOptions;
  readonly #turns = new TurnsFor<Packed>();
  readonly #reports = new Map<number, { readonly at: number; readonly report: Packed }>();
  /** Of the block at `#height`, by owner and month. */
  readonly #bills = new Map<string, Packed>();
  #height = -1;

  constructor(options: AsideOptions) {
    this.#options = options;
  }

  /** Of one block, the same for whoever may ask. */
  readonly bill: MakeBill = async ({ by, owner, month }) => {
    const key = `bill ${owner} ${month}`;
    const height = this.#atHeight();
    const known = this.#bills.get(key);
    if (known !== undefined) return known;
    const make = () => this.#options.make({ what: "bill", owner, month });
    const bill = await this.#turns.take(by, `${key} ${height}`, make);
    // The thread looks at the ledger by itself, and may have seen a later block; never an earlier one.
    if (height === this.#atHeight()) this.#keepBill(key, bill);
    return bill;
  };

  /** The same for everybody, so one that was made a moment ago is as good. */
  readonly report: MakeReport = async ({ by, days }) => {
    const { now, make } = this.#options;
    const known = this.#reports.get(days);
    if (known !== undefined && now() - known.at < reportMs) return known.report;
    const at = now();
    const work = () => make({ what: "report", days });
    const report = await this.#turns.take(by, `report ${days}`, work);
    this.#reports.set(days, { at, report });
    for (const other of this.#reports.keys()) {
      if (this.#reports.size <= reportsMax) break;
      this.#reports.delete(other);
    }
    return report;
  };

  /** The newest block's height; what was kept of another one is forgotten. */
  #atHeight(): number {
    const height = this.#options.height();
    if (height !== this.#height) this.#bills.clear();
    this.#height = height;
    return height;
  }

  #keepBill(key: string, bill: Packed): void {
    this.#bills.set(key, bill);
    let bytes = [...this.#bills.values()].reduce((sum, { length }) => sum + length, 0);
    for (const [other, { length }] of this.#bills) {
      if (bytes <= billBytesMax) break;
      this.#bills.delete(other);
      bytes -= length;
    }
  }
}

type Answer =
  | { readonly ok: true; readonly packed: Packed }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Does the work in a thread of its own. Throws: `Failure` `bill.*`, `report.*`. */
export async function makeInThread(config: AggregatorConfig, work: Work): Promise<Packed> {
  const workerData = { config, work };
  const worker = new Worker(join(import.meta.dirname, "aside-worker.ts"), { workerData });
  const [answer] = (await once(worker, "message")) as [Answer];
  if (answer.ok) return answer.packed;
  throw new Failure(answer.code, answer.message, { retry: "never" });
}
