import {
  compareBytes,
  type DemandOrder,
  encodeMessage,
  type Kind,
  type Payment,
  type Readings,
} from "@busbar/protocol";
import type { AccountEntry } from "../../ledger/account-entries.ts";
import type { BlockSource, PlacedBatch } from "../../ledger/block-table.ts";
import { openedFrame } from "../../ledger/opened-frame.ts";
import { energyRegisters } from "../../ledger/rules/registers.ts";
import { sha256 } from "../../ledger/sha256.ts";
import type { FramePath, FramePaths } from "./paths.ts";
import type { Period } from "./period.ts";

/**
 * The batches that a meter's slots of a period follow from, with `margin` more before them: from the
 * last energy reading at or before its beginning to the first at or behind its end, as far as the ledger
 * has them up to a height.
 */
export function batchFrames(
  { blocks, paths }: { readonly blocks: BlockSource; readonly paths: FramePaths },
  {
    meter,
    period: { from, to },
    height,
    margin,
  }: {
    readonly meter: string;
    readonly period: Period;
    readonly height: number;
    readonly margin: number;
  },
): FramePath[] {
  const placed = blocks.batchesOf(meter).filter((batch) => batch.height <= height);
  const at = (i: number) => framed(paths, placed[i]);
  const firstEnergy = (i: number) => energyTimes(at(i))[0];
  let start = lastBatchBefore(placed.length, from, (i) => readingsOf(at(i))?.entries[0]?.time);
  while (start > 0 && !((firstEnergy(start) ?? Number.POSITIVE_INFINITY) <= from)) start -= 1;
  const frames: FramePath[] = [];
  for (let i = Math.max(0, start - margin); i < placed.length; i++) {
    const frame = at(i);
    if (frame === undefined) break;
    frames.push(frame);
    if ((energyTimes(frame).at(-1) ?? 0) >= to) break;
  }
  return frames;
}

/** The last place whose batch begins at or before an instant; 0 where there is none. */
function lastBatchBefore(
  count: number,
  instant: number,
  timeOf: (i: number) => number | undefined,
): number {
  let [low, high] = [0, Math.max(0, count - 1)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((timeOf(middle) ?? Number.POSITIVE_INFINITY) <= instant) low = middle;
    else high = middle - 1;
  }
  return low;
}

function framed(paths: FramePaths, batch: PlacedBatch | undefined): FramePath | undefined {
  return batch === undefined ? undefined : paths.at(batch);
}

function readingsOf(path: FramePath | undefined): Readings | undefined {
  if (path === undefined) return undefined;
  const { content, opened } = openedFrame(path.frame);
  const isReadings = opened.ok && opened.frame.kind === "readings";
  return content.ok && isReadings ? (content.message as Readings) : undefined;
}

/** Instants of a batch at which it shows energy. */
function energyTimes(path: FramePath | undefined): number[] {
  const entries = readingsOf(path)?.entries ?? [];
  return entries.flatMap((entry) => {
    const read = energyRegisters(entry);
    const shows = read.ok && (read.energy.importWh ?? read.energy.exportWh) !== undefined;
    return shows ? [entry.time] : [];
  });
}

/** The frames that sealed and opened these quotes (ids in hex), by whoever of the signers did. */
export function quoteFrames(
  { blocks, paths }: { readonly blocks: BlockSource; readonly paths: FramePaths },
  {
    ids,
    signers,
    range,
  }: {
    readonly ids: ReadonlySet<string>;
    readonly signers: readonly string[];
    readonly range: { readonly from: number; readonly to: number };
  },
): FramePath[] {
  const places = signers.flatMap((signer) => blocks.framesBy(signer, range));
  return places.flatMap((place) => {
    const { opened, content } = openedFrame(place.frame);
    if (!opened.ok || !content.ok) return [];
    const { kind } = opened.frame;
    if (kind !== "quote-commit" && kind !== "quote-reveal") return [];
    const { id } = content.message as { readonly id: Uint8Array };
    if (!ids.has(Buffer.from(id).toString("hex"))) return [];
    const path = paths.at(place);
    return path !== undefined && compareBytes(path.frame, place.frame) === 0 ? [path] : [];
  });
}

/** The frames that acknowledged payments and ordered changes, as far as an account's entries tell of them. */
export function accountFrames(
  { blocks, paths }: { readonly blocks: BlockSource; readonly paths: FramePaths },
  {
    entries,
    hashOf,
  }: {
    readonly entries: readonly AccountEntry[];
    /** SHA-256 of an order's payload, where the state still has it. */
    hashOf(order: Uint8Array): Uint8Array | undefined;
  },
): FramePath[] {
  const seen = new Set<string>();
  return entries.flatMap(({ payment, demand, height, money }) => {
    if (payment !== undefined) {
      // A block may hold one that was refused beside the one that was taken.
      return framesOf({ blocks, paths }, height, "payment", (message) => {
        const { by, version, amount } = message as Payment;
        return by === payment.by && version === payment.version && amount === Math.abs(money);
      });
    }
    const name = demand && Buffer.from(demand.order).toString("hex");
    // A correction is about the same order as what it corrects.
    if (demand === undefined || name === undefined || seen.has(name)) return [];
    seen.add(name);
    const hash = hashOf(demand.order);
    return framesOf({ blocks, paths }, demand.height, "demand-order", (message) => {
      const order = message as DemandOrder;
      if (compareBytes(order.id, demand.order) !== 0) return false;
      return (
        hash === undefined || compareBytes(hash, sha256(encodeMessage("demand-order", order))) === 0
      );
    });
  });
}

/** The frame of a block that holds such a message. */
function framesOf(
  { blocks, paths }: { readonly blocks: BlockSource; readonly paths: FramePaths },
  height: number,
  kind: Kind,
  isWanted: (message: unknown) => boolean,
): FramePath[] {
  const index = blocks.framesOf(height).findIndex((frame) => {
    const { opened, content } = openedFrame(frame);
    return opened.ok && content.ok && opened.frame.kind === kind && isWanted(content.message);
  });
  const path = index < 0 ? undefined : paths.at({ height, index });
  return path === undefined ? [] : [path];
}
