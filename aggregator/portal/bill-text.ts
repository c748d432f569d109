import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Failure } from "@busbar/protocol";
import { billOf, carbonFactors } from "../commands/bill.ts";
import { openLedger } from "../commands/ledger.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { Archives, bothOf } from "../ledger/archive/archive.ts";

/** Whose bill of which month (`yyyy-mm`). */
export type BillWork = {
  readonly config: AggregatorConfig;
  readonly owner: string;
  readonly month: string;
};

/** Makes a bill as JSON text. Throws: `Failure` `portal.busy`, `bill.*`. */
export type MakeBill = (owner: string, month: string) => Promise<string>;

/** The bill as `busbar-aggregator bill --json` writes it. Throws: `Failure` `bill.*`. */
export function makeBillText({ config, owner, month }: BillWork): string {
  const ledger = openLedger(config, { snapshot: true });
  const archives = new Archives(config.archive.folder);
  try {
    const blocks = bothOf(ledger.store, archives);
    const file = billOf({ ...ledger, blocks }, { owner, month, carbon: carbonFactors(config) });
    if (!("ok" in file)) return JSON.stringify(file);
    throw new Failure(file.code, file.message, { retry: "never" });
  } finally {
    archives.close();
    ledger.store.close();
  }
}

/** One bill at a time, in a thread of its own: it reads a whole month. */
export function billMaker(config: AggregatorConfig): MakeBill {
  let busy = false;
  return async (owner, month) => {
    if (busy) {
      const message = "another bill is being made; try again in a moment";
      throw new Failure("portal.busy", message, { retry: "later" });
    }
    busy = true;
    try {
      return await made({ config, owner, month });
    } finally {
      busy = false;
    }
  };
}

async function made(work: BillWork): Promise<string> {
  const worker = new Worker(join(import.meta.dirname, "bill-worker.ts"), { workerData: work });
  const [answer] = (await once(worker, "message")) as [
    { ok: true; text: string } | { ok: false; code: string; message: string },
  ];
  if (answer.ok) return answer.text;
  throw new Failure(answer.code, answer.message, { retry: "never" });
}
