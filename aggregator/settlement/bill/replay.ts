import { batchHead, compareBytes, type Readings, type UtcMs, utcMs } from "@busbar/protocol";
import { parametersOf } from "../../ledger/parameters.ts";
import type { BlockContext } from "../../ledger/rule.ts";
import { advance } from "../../ledger/rules/energy.ts";
import type { MeterState } from "../../ledger/rules/meter-state.ts";
import { energyRegisters } from "../../ledger/rules/registers.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { emptyState, Overlay } from "../../ledger/state/overlay.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import type { MeterEntry } from "../../ledger/tables.ts";

/** A batch as a block took it. */
export type TakenBatch = {
  readonly batch: Readings;
  readonly height: number;
  readonly time: UtcMs;
};

/** A chain of readings is broken at the n-th batch. */
export type BrokenChain = { readonly ok: false; readonly at: number; readonly why: string };

/**
 * What a meter's slots held, by the ledger's own rule from the signed readings: the chain of batches is
 * checked, and their registers become slot boundaries in a state of its own. The first batch begins it,
 * so what lies before its first reading is not known.
 */
export function replayMeter(
  meter: MeterEntry,
  batches: readonly TakenBatch[],
  state: StateReader,
): { readonly ok: true; readonly boundaries: Overlay } | BrokenChain {
  const own = new Overlay(emptyState);
  let now: MeterState | undefined;
  for (const [at, { batch, height, time }] of batches.entries()) {
    now ??= beginning(batch);
    const why = whyNotNext(batch, now, meter);
    if (why !== undefined) return { ok: false, at, why };
    const context = contextOf(own, { height, time, parameters: parametersOf(state, time) });
    for (const entry of batch.entries) {
      const read = energyRegisters(entry);
      if (!read.ok) return { ok: false, at, why: read.message };
      const next: MeterState | { readonly ok: false; readonly message: string } = advance(context, {
        meter,
        entry,
        energy: read.energy,
        now,
        // How complete its slots are says no bill.
        ends: [],
      });
      if ("ok" in next) return { ok: false, at, why: next.message };
      now = next;
    }
    const last = batch.first + batch.entries.length - 1;
    now = { ...now, next: last + 1, head: batchHead(batch, sha256), batches: now.batches + 1 };
  }
  return { ok: true, boundaries: own };
}

function beginning({ first, prev }: Readings): MeterState {
  return {
    next: first,
    head: prev,
    time: utcMs(0),
    importWh: 0,
    exportWh: 0,
    restarts: 0,
    batches: 0,
  };
}

function whyNotNext(batch: Readings, now: MeterState, { id }: MeterEntry): string | undefined {
  if (batch.meter !== id) return `expected readings of ${id}, got those of ${batch.meter}`;
  if (batch.first !== now.next) return `expected reading ${now.next} of ${id}, got ${batch.first}`;
  if (compareBytes(batch.prev, now.head) === 0) return undefined;
  return `reading ${batch.first} of ${id} does not continue the chain`;
}

function contextOf(
  state: Overlay,
  about: Pick<BlockContext, "height" | "time" | "parameters">,
): BlockContext {
  return {
    ...about,
    state,
    seed: new Uint8Array(32),
    chain: "",
    // Signatures were checked before, and nothing in a reading holds another one.
    verify: () => false,
    emit: () => {},
  };
}
