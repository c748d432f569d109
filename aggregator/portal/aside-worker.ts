import { parentPort, workerData } from "node:worker_threads";
import { Failure } from "@busbar/protocol";
import type { AggregatorConfig } from "../config/schema.ts";
import { makeText, type Work } from "./aside.ts";

/** Makes one bill or report beside the ledger's thread. */
const { config, work } = workerData as { readonly config: AggregatorConfig; readonly work: Work };
try {
  parentPort?.postMessage({ ok: true, text: makeText(config, work) });
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  parentPort?.postMessage({ ok: false, code: error.code, message: error.message });
}
