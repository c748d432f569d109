import { meterStateTable } from "@busbar/protocol";
import { bytes, field, int, meterState, record } from "@busbar/protocol/schema";
import { table } from "../state/table.ts";

export type { MeterState } from "@busbar/protocol";

/** `reading/<meter>` */
export const meterStates = table(meterStateTable, meterState);

/** The end of an accepted batch; the head names all that came before it. */
const batchEnd = record("batch-end", {
  last: field(1, int(1, Number.MAX_SAFE_INTEGER)),
  head: field(2, bytes(32)),
});

/** `batch/<meter>/<number modulo 64>`: lets a batch that was signed again answer `exists`. */
export const batchEnds = table("batch", batchEnd);

/** How many batch ends a meter keeps: the edge's window of frames in flight. */
export const batchEndsMax = 64;
