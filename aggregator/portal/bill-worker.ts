import { parentPort, workerData } from "node:worker_threads";
import { Failure } from "@busbar/protocol";
import { type BillWork, makeBillText } from "./bill-text.ts";

/** Makes one bill beside the ledger's thread, from a look at the file of its own. */
try {
  parentPort?.postMessage({ ok: true, text: makeBillText(workerData as BillWork) });
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  parentPort?.postMessage({ ok: false, code: error.code, message: error.message });
}
