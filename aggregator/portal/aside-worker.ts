import { parentPort, workerData } from "node:worker_threads";
import { Failure } from "@busbar/protocol";
import type { AggregatorConfig } from "../config/schema.ts";
import { makePacked, type Work } from "./aside.ts";

/** Makes one bill or report beside the ledger's thread. */
const { config, work } = workerData as { readonly config: AggregatorConfig; readonly work: Work };
try {
  const packed = makePacked(config, work);
  parentPort?.postMessage({ ok: true, packed }, [packed.buffer as ArrayBuffer]);
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  parentPort?.postMessage({ ok: false, code: error.code, message: error.message });
}
