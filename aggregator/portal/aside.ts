import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Failure } from "@busbar/protocol";
import { billOf, carbonFactors } from "../commands/bill.ts";
import { openLedger } from "../commands/ledger.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";
import { reportText } from "./report.ts";

/** What is made beside the ledger's thread: an owner's bill of a month (`yyyy-mm`), or the what-if report. */
export type Work =
  | { readonly what: "bill"; readonly owner: string; readonly month: string }
  | { readonly what: "report"; readonly days: number };

/** Makes a bill as JSON text. Throws: `Failure` `portal.busy`, `bill.*`. */
export type MakeBill = (owner: string, month: string) => Promise<string>;
/** Makes the what-if report as JSON text, of everybody. Throws: `Failure` `portal.busy`, `report.*`. */
export type MakeReport = (days: number) => Promise<string>;

/** A report is shown to whoever asks for as long, wall ms; and so many of them are kept. */
const reportMs = 10 * 60_000;
const reportsMax = 4;

/** The thread's whole task, from a look at the ledger's file of its own. Throws: `Failure` `bill.*`, `report.*`. */
export function makeText(config: AggregatorConfig, work: Work): string {
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

/** What reads much of the ledger, in a thread of its own; one of it at a time. */
export class Aside {
  readonly #config: AggregatorConfig;
  readonly #now: () => number;
  readonly #reports = new Map<number, { readonly at: number; readonly text: string }>();
  #busy = false;

  /** `now` is wall ms. */
  constructor(config: AggregatorConfig, now: () => number = Date.now) {
    this.#config = config;
    this.#now = now;
  }

  readonly bill: MakeBill = (owner, month) => this.#make({ what: "bill", owner, month });

  /** The same for everybody, so one that was made a moment ago is as good. */
  readonly report: MakeReport = async (days) => {
    const now = this.#now();
    const known = this.#reports.get(days);
    if (known !== undefined && now - known.at < reportMs) return known.text;
    const text = await this.#make({ what: "report", days });
    this.#reports.set(days, { at: now, text });
    for (const other of this.#reports.keys()) {
      if (this.#reports.size <= reportsMax) break;
      this.#reports.delete(other);
    }
    return text;
  };

  async #make(work: Work): Promise<string> {
    if (this.#busy) {
      const message = "another bill or report is being made; try again in a moment";
      throw new Failure("portal.busy", message, { retry: "later" });
    }
    this.#busy = true;
    try {
      return await made(this.#config, work);
    } finally {
      this.#busy = false;
    }
  }
}

type Answer =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

async function made(config: AggregatorConfig, work: Work): Promise<string> {
  const workerData = { config, work };
  const worker = new Worker(join(import.meta.dirname, "aside-worker.ts"), { workerData });
  const [answer] = (await once(worker, "message")) as [Answer];
  if (answer.ok) return answer.text;
  throw new Failure(answer.code, answer.message, { retry: "never" });
}
