import assert from "node:assert/strict";
import {
  batchHead,
  chainStart,
  compareBytes,
  type ReadingEntry,
  type Readings,
  utcMs,
} from "@busbar/protocol";
import { reportViolation } from "../credit.ts";
import { retiredKeepMs } from "../identities.ts";
import { refuse } from "../refuse.ts";
import type { BlockContext, Outcome, TxRefusal, TxRule } from "../rule.ts";
import { sha256 } from "../sha256.ts";
import { siteTable } from "../site.ts";
import type { StateReader } from "../state/state.ts";
import { type MeterEntry, meters } from "../tables.ts";
import { gapMsMax } from "./boundaries.ts";
import { advance, noteEnds, restarts } from "./energy.ts";
import { batchEnds, batchEndsMax, type MeterState, meterStates } from "./meter-state.ts";
import { energyRegisters } from "./registers.ts";

/** How far a unit's clock may be ahead of the block's time. */
export const futureMsMax = 5 * 60_000;

/**
 * Takes a batch of readings if it continues its meter's chain. All of it is taken or nothing.
 *
 * Codes, in the order of the checks: `readings.meter-unknown`, `readings.rights`, `readings.retired`; for a batch that
 * lies wholly behind the chain's end `exists` (same content), `readings.exists-different` or, where
 * its end is no batch's end that is still known, `readings.overlap`; `readings.overlap` (begins
 * behind the end), `readings.gap` (begins beyond it), `readings.chain`; `readings.span`; then entry
 * by entry `readings.future`, `readings.time-backward`, `readings.register`,
 * `readings.register-backward`. `expected` is the sequence number to go on with.
 */
export const readingsRule: TxRule<"readings"> = (context, batch, signer) => {
  const meter = meters.get(context.state, batch.meter);
  if (meter === undefined) {
    return refuse("readings.meter-unknown", `no meter ${batch.meter} is admitted; admit it first`);
  }
  if (signer.kind !== "device" || signer.id !== meter.device) {
    return refuse(
      "readings.rights",
      `expected the signature of ${meter.device}, which reads ${meter.id}; got ${signer.id}'s`,
    );
  }
  if (meter.until !== undefined && meter.until + retiredKeepMs < context.time) {
    return refuse(
      "readings.retired",
      `${meter.id} was taken out at ${meter.until}; its readings are not taken any more`,
    );
  }
  const before = meterStates.get(context.state, meter.id) ?? start(context.state, meter.id);
  const refusal = checkPlace(context.state, batch, before) ?? checkSpan(batch, before);
  if (refusal !== undefined) return refusal;
  return accept(context, { batch, meter, before });
};

type Acceptance = {
  readonly batch: Readings;
  readonly meter: MeterEntry;
  readonly before: MeterState;
};

function accept(context: BlockContext, { batch, meter, before }: Acceptance): Outcome {
  let now = before;
  let hole: readonly [from: number, to: number] | undefined;
  const ends: number[] = [];
  for (const [i, entry] of batch.entries.entries()) {
    const read = energyRegisters(entry);
    const refusal =
      checkTime(context, { entry, now, sequence: batch.first + i }) ?? (read.ok ? undefined : read);
    if (refusal !== undefined || !read.ok) {
      return { ...(refusal ?? assert.fail("a refusal")), expected: before.next };
    }
    const next = advance(context, { meter, entry, energy: read.energy, now, ends });
    if ("ok" in next) return { ...next, expected: before.next };
    hole ??= holeBetween(context, now.energyTime, next.energyTime);
    now = next;
  }
  if (hole !== undefined) noteHole(context, meter, hole);
  noteEnds(context, meter, ends);
  const last = batch.first + batch.entries.length - 1;
  const head = batchHead(batch, sha256);
  const slot = String(before.batches % batchEndsMax).padStart(2, "0");
  meterStates.set(context.state, meter.id, {
    ...now,
    next: last + 1,
    head,
    batches: before.batches + 1,
  });
  batchEnds.set(context.state, `${meter.id}/${slot}`, { last, head });
  context.emit({
    type: "readings-accepted",
    meter: meter.id,
    device: meter.device,
    owner: meter.owner,
    first: batch.first,
    last,
    from: batch.entries[0]?.time ?? now.time,
    to: now.time,
    importWh: now.importWh,
    exportWh: now.exportWh,
  });
  return { ok: true };
}

function holeBetween(
  { parameters }: BlockContext,
  from: number | undefined,
  to: number | undefined,
): readonly [number, number] | undefined {
  if (from === undefined || to === undefined) return undefined;
  return to - from > parameters.slotMinutes * 60_000 ? [from, to] : undefined;
}

/** Once for a batch, however many there are: its owner's slots are settled as if the worst had happened. */
function noteHole(
  context: BlockContext,
  { id: meter, owner, role }: MeterEntry,
  [from, to]: readonly [number, number],
): void {
  if (role !== "connection" || context.parameters.credit === undefined) return;
  const reason = `${meter}: no energy was read between ${from} and ${to}`;
  reportViolation(context, { id: owner, kind: "readings-missing", reason });
}

/** Where the batch stands against the chain's end. */
function checkPlace(state: StateReader, batch: Readings, now: MeterState): Outcome | undefined {
  const { first, prev, entries, meter } = batch;
  const last = first + entries.length - 1;
  if (last < now.next) {
    for (const [, end] of batchEnds.scan(state, `${meter}/`)) {
      if (end.last !== last) continue;
      const same = compareBytes(batchHead(batch, sha256), end.head) === 0;
      if (same) return { ok: true, code: "exists", tipOf: meter };
      return parted(
        "readings.exists-different",
        `readings ${first} to ${last} of ${meter} are on the ledger with other content`,
        { meter, now },
      );
    }
  }
  if (first < now.next) {
    return parted(
      "readings.overlap",
      `expected reading ${now.next} of ${meter}, got ${first} to ${last}`,
      { meter, now },
    );
  }
  if (first > now.next) {
    return refuse(
      "readings.gap",
      `expected reading ${now.next} of ${meter}, got ${first}; send what is missing first`,
      now.next,
    );
  }
  if (compareBytes(prev, now.head) === 0) return undefined;
  return parted(
    "readings.chain",
    `reading ${first} of ${meter} does not continue the chain that the ledger holds`,
    { meter, now },
  );
}

/** The sender holds another chain than the ledger: it lost its journal, or is one of two with a key. */
function parted(
  code: string,
  message: string,
  { meter, now }: { readonly meter: string; readonly now: MeterState },
): TxRefusal {
  const why = "another unit signs with this key, or this one lost its data folder";
  return { ...refuse(code, `${message}; ${why}`, now.next), tipOf: meter };
}

/** Bounds what one batch can make the ledger write, together with `gapMsMax`. */
function checkSpan({ entries }: Readings, { next }: MeterState): Outcome | undefined {
  const span = (entries.at(-1)?.time ?? 0) - (entries[0]?.time ?? 0);
  if (span <= gapMsMax) return undefined;
  return refuse("readings.span", "a batch covers at most 31 days; send smaller ones", next);
}

function checkTime(
  { time }: BlockContext,
  { entry, now, sequence }: { entry: ReadingEntry; now: MeterState; sequence: number },
) {
  if (entry.time > time + futureMsMax) {
    return refuse(
      "readings.future",
      `reading ${sequence} is of ${entry.time}, it is ${time} here; set the unit's clock`,
    );
  }
  // The final and the first register of a replaced meter may be read in one instant.
  const earliest = restarts(entry) ? now.time : now.time + 1;
  if (entry.time >= earliest) return undefined;
  return refuse(
    "readings.time-backward",
    `reading ${sequence} is of ${entry.time}, the one before it of ${now.time}`,
  );
}

function start(state: StateReader, meter: string): MeterState {
  const site = siteTable.get(state, "genesis");
  assert(site !== undefined, "genesis wrote what chain this is");
  const head = chainStart(site.chain, meter, sha256);
  return { next: 1, head, time: utcMs(0), importWh: 0, exportWh: 0, restarts: 0, batches: 0 };
}
