import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import type { Projection } from "../ledger/projection.ts";
import type { FeederPrice } from "../publish/prices.ts";
import { type Asking, change, first } from "./model/asking.ts";
import { exact, plus } from "./model/int.ts";
import { schemaOf } from "./model/schema.ts";
import { sqliteReader } from "./model/sqlite.ts";
import type { Int } from "./model/tables.ts";
import { newestPowers } from "./power.ts";
import { partySlotChanges } from "./views/party-slots.ts";
import { passChanges } from "./views/passes.ts";

/**
 * What the portal shows, kept in tables beside the ledger. Every block is counted once: one whose
 * height was seen changes nothing.
 */
export const portalReadModel: Projection = {
  name: "portal",
  schema: schemaOf("sqlite"),
  apply: (db, block, events) => sqliteReader(db).read(blockChanges(block, events)),
};

/** What a block changes in the read model, on either engine: one transaction. */
export function* blockChanges(block: CommittedBlock, events: readonly LedgerEvent[]): Asking<void> {
  const { header, frames, hash } = block;
  const { height, time, proposer, appHash } = header;
  const at = yield* first("position", {});
  if (height <= exact(at?.height)) return;
  const transactions = frames.length;
  yield* change("addBlock", { height, time, hash: hex(hash), transactions, proposer });
  let trades = exact(at?.contracts);
  for (const event of events) {
    if (event.type === "contract-signed") yield* tradeChanges(event, ++trades);
    else yield* eventChanges(event);
  }
  yield* tradeSums(events);
  yield* partySlotChanges(events);
  yield* passChanges(events);
  yield* meterChanges(block, events);
  yield* change("count", { height, appHash: hex(appHash), transactions, ...tally(events) });
}

type Event<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>;

/** Events of owners, devices and quotes are in the ledger's own tables; these are kept here. */
function* eventChanges(event: LedgerEvent): Asking<void> {
  switch (event.type) {
    case "slot-opened":
      return yield* priceChanges(event, { stage: "open", scale: event.horizon });
    case "gate-closed":
      return yield* change("setStage", { slot: event.slot, stage: "gate-closed" });
    case "slot-cleared": {
      const { slot, clearing, scale } = event;
      yield* priceChanges(event, { stage: "cleared", scale });
      if (clearing !== null) yield* change("setClearing", { slot, clearing });
      return yield* feederChanges(event);
    }
    case "contract-settled": {
      const { contract, amount, gridFee = 0 } = event;
      return yield* change("settleTrade", { contract, amount, gridFee });
    }
    case "contract-held":
      return yield* change("setTrade", { contract: event.contract, state: "held" });
    case "contract-void":
      return yield* change("setTrade", { contract: event.contract, state: "void" });
    case "contract-cut": {
      const { contract, quantityWh } = event;
      yield* change("cutTrade", { contract, quantityWh });
      if (quantityWh === 0) yield* change("setTrade", { contract, state: "void" });
      return;
    }
    case "contract-stands":
      return yield* change("setTrade", { contract: event.contract, state: "signed" });
    case "slot-settled":
      return yield* change("setStage", { slot: event.slot, stage: "settled" });
    default:
      return;
  }
}

function priceChanges(
  { slot, pass, prices }: Event<"slot-opened"> | Event<"slot-cleared">,
  { stage, scale }: { readonly stage: string; readonly scale: string },
): Asking<void> {
  const { cg, cu, gc, gu } = prices;
  return change("setPrices", { slot, stage, scale, pass, cg, cu, gc, gu });
}

/** Each feeder's newest price, and what it sends after all gates. */
function* feederChanges({ slot, clearing, grid }: Event<"slot-cleared">): Asking<void> {
  if (grid === undefined || clearing === null) return;
  const row = yield* first("feedersOf", { slot });
  const before = JSON.parse(row?.feeders ?? "[]") as FeederPrice[];
  const feeders = grid.feeders.map(({ feeder, price, exportWh }): FeederPrice => {
    const known = before.find((other) => other.feeder === feeder);
    const sentWh = (known?.sentWh ?? 0) + exportWh;
    return { feeder, price: price ?? known?.price ?? null, sentWh };
  });
  yield* change("setFeeders", { slot, feeders: JSON.stringify(feeders) });
}

/** Trades count from 1, in the order of signing, on every engine. */
function tradeChanges(event: Event<"contract-signed">, seq: number): Asking<void> {
  const { contract, slot, seller, buyer, quantityWh, price, fee = 0, origin, scale } = event;
  const parties = { seller, buyer, quantityWh };
  return change("addTrade", { seq, contract, slot, ...parties, price, fee, origin, scale });
}

/** What a block's trades add to their slots and scales, once for each. */
function* tradeSums(events: readonly LedgerEvent[]): Asking<void> {
  const slots = new Map<number, { contracts: number; tradedWh: Int }>();
  const scales = new Map<string, number>();
  for (const event of events) {
    if (event.type !== "contract-signed") continue;
    const { slot, scale, quantityWh } = event;
    const { contracts, tradedWh } = slots.get(slot) ?? { contracts: 0, tradedWh: 0 };
    slots.set(slot, { contracts: contracts + 1, tradedWh: plus(tradedWh, quantityWh) });
    scales.set(scale, (scales.get(scale) ?? 0) + 1);
  }
  for (const [slot, sums] of slots) yield* change("countTrades", { slot, ...sums });
  for (const [scale, contracts] of scales) yield* change("countScale", { scale, contracts });
}

/** The newest batch of each meter. Events leave power out, for it is not billed; frames have it. */
function* meterChanges(block: CommittedBlock, events: readonly LedgerEvent[]): Asking<void> {
  const newest = new Map<string, Event<"readings-accepted">>();
  for (const event of events) {
    if (event.type === "readings-accepted") newest.set(event.meter, event);
  }
  const powers = newestPowers(block, newest);
  const { height, time: blockTime } = block.header;
  for (const { meter, device, owner, last, to, importWh, exportWh } of newest.values()) {
    const { powerW = null, clock = null } = powers.get(meter) ?? {};
    const reading = { seq: last, time: to, importWh, exportWh, powerW, clock };
    yield* change("setMeter", { meter, device, owner, ...reading, height, blockTime });
  }
}

function tally(events: readonly LedgerEvent[]) {
  const sum = { readings: 0, contracts: 0, settled: 0, tradedWh: 0 as Int };
  for (const event of events) {
    if (event.type === "readings-accepted") sum.readings += event.last - event.first + 1;
    if (event.type === "contract-settled") sum.settled += 1;
    if (event.type !== "contract-signed") continue;
    sum.contracts += 1;
    sum.tradedWh = plus(sum.tradedWh, event.quantityWh);
  }
  return sum;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
