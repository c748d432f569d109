import {
  compareBytes,
  type DemandOrder,
  encodeMessage,
  type Kind,
  type Payment,
  type QuoteCommit,
  type QuoteReveal,
  type Readings,
  sealQuotes,
} from "@busbar/protocol";
import type { AccountEntry } from "../../ledger/account-entries.ts";
import type { BlockSource, PlacedFrame } from "../../ledger/block-table.ts";
import { OpenedFrame, openedFrame } from "../../ledger/opened-frame.ts";
import { energyRegisters } from "../../ledger/rules/registers.ts";
import { sha256 } from "../../ledger/sha256.ts";
import type { Opening } from "./evidence.ts";
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
  const frameAt = (i: number) => placed[i] && paths.frame(placed[i]);
  const firstEnergy = (i: number) => energyTimes(frameAt(i))[0];
  let start = lastBatchBefore(placed.length, from, (i) => readingsOf(frameAt(i))?.entries[0]?.time);
  while (start > 0 && !((firstEnergy(start) ?? Number.POSITIVE_INFINITY) <= from)) start -= 1;
  const frames: FramePath[] = [];
  for (const place of placed.slice(Math.max(0, start - margin))) {
    const frame = paths.at(place);
    if (frame === undefined) break;
    frames.push(frame);
    if ((energyTimes(frame.frame).at(-1) ?? 0) >= to) break;
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

function readingsOf(frame: Uint8Array | undefined): Readings | undefined {
  if (frame === undefined) return undefined;
  const { content, opened } = openedFrame(frame);
  const isReadings = opened.ok && opened.frame.kind === "readings";
  return content.ok && isReadings ? (content.message as Readings) : undefined;
}

/** Instants of a batch at which it shows energy. */
function energyTimes(frame: Uint8Array | undefined): number[] {
  const entries = readingsOf(frame)?.entries ?? [];
  return entries.flatMap((entry) => {
    const read = energyRegisters(entry);
    const shows = read.ok && (read.energy.importWh ?? read.energy.exportWh) !== undefined;
    return shows ? [entry.time] : [];
  });
}

/** A sealed quote's frame, and what it was opened with. */
export type OpenedQuote = { readonly sealed: FramePath; readonly opening: Opening };

/**
 * The frames that sealed these quotes (ids in hex), by whoever of the signers did, each with what opened it. The
 * seal is over what opens it: that needs no proof of its own.
 */
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
): OpenedQuote[] {
  const commits: (PlacedFrame & { readonly id: string; readonly commit: QuoteCommit })[] = [];
  const seals = new Map<string, number>();
  const reveals = new Map<string, QuoteReveal[]>();
  for (const place of signers.flatMap((signer) => blocks.framesBy(signer, range))) {
    const message = quoteOf(place.frame);
    const id = message && Buffer.from(message.id).toString("hex");
    if (message === undefined || id === undefined || !ids.has(id)) continue;
    if ("hash" in message) {
      commits.push({ ...place, id, commit: message });
      seals.set(id, (seals.get(id) ?? 0) + 1);
    } else reveals.set(id, [...(reveals.get(id) ?? []), message]);
  }
  return commits.flatMap(({ id, commit, frame, ...place }) => {
    // Blocks may hold what was refused beside what was taken: others in what they seal, or open nothing.
    const all = reveals.get(id) ?? [];
    const isAlone = all.length === 1 && seals.get(id) === 1;
    const fits = isAlone ? all[0] : all.find((reveal) => isOpenedBy(commit, reveal));
    const sealed = fits && paths.at(place, frame);
    if (fits === undefined || sealed === undefined) return [];
    reveals.delete(id);
    return [{ sealed, opening: { quotes: fits.quotes, salt: fits.salt } }];
  });
}

function isOpenedBy(commit: QuoteCommit, { quotes, salt }: QuoteReveal): boolean {
  return compareBytes(sealQuotes(commit, quotes, salt), commit.hash) === 0;
}

/** What of a quote a frame says; undefined for a frame of another kind, whose content is not looked at. */
function quoteOf(frame: Uint8Array): QuoteCommit | QuoteReveal | undefined {
  const one = new OpenedFrame(frame);
  const { opened } = one;
  if (!opened.ok) return undefined;
  const { kind } = opened.frame;
  if (kind !== "quote-commit" && kind !== "quote-reveal") return undefined;
  const { content } = one;
  return content.ok ? (content.message as QuoteCommit | QuoteReveal) : undefined;
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
