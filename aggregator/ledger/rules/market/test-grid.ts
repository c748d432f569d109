import assert from "node:assert/strict";
import {
  type GridSegment,
  microPerKwh,
  type Owner,
  type QuoteTerms,
  type Side,
  utcMs,
  wh,
} from "@busbar/protocol";
import { whyNotGates } from "../../gates.ts";
import {
  entry,
  lastGate,
  MeterChain,
  signerOfName,
  startTime,
  testGenesis,
} from "../../test-site.ts";
import { Chain, hour, mandate, minute, quote, slot } from "./test-chain.ts";

/** A ledger whose market clears over a grid, with three gates for each slot. */

/** Minutes after the chain's start at which the gates of `slot` open, close and are cleared. */
export const gates = [
  { open: 20, gate: 25, clear: 30 },
  { open: 30, gate: 35, clear: 40 },
  { open: 40, gate: 45, clear: 50 },
] as const;

const threeGates = {
  ...lastGate,
  openMinutesBefore: 20,
  gateMinutesBefore: 15,
  clearMinutesBefore: 10,
  rounds: 3,
  everyMinutes: 10,
} as const;

export const line = (feeder: string, fee: number, more: { capacity?: number; parent?: string }) => {
  const { capacity, parent } = more;
  return {
    feeder,
    fee: microPerKwh(fee),
    ...(capacity === undefined ? {} : { capacity: wh(capacity) }),
    ...(parent === undefined ? {} : { parent }),
  };
};

export type Wish = {
  readonly owner: string;
  readonly side: Side;
  readonly quantity: number;
  readonly limit: number;
};

/** Parties by their ids, each with the feeders of its connection meters. Companies' ids begin so. */
export class GridChain extends Chain {
  readonly feeders: Readonly<Record<string, readonly string[]>>;
  readonly sent: { readonly minutes: number; readonly frames: readonly Uint8Array[] }[] = [];
  #quotes = 0;

  constructor(
    feeders: Readonly<Record<string, readonly string[]>>,
    grid: readonly GridSegment[] | undefined,
  ) {
    const { owners: known, devices: units, parameters } = testGenesis();
    const owners = Object.keys(feeders).map((id): Owner => {
      const key = signerOfName(id).publicKey;
      const party = id.startsWith("company") ? "company" : "user";
      return { id, party, name: id, key, boxKey: key };
    });
    const devices = owners.map(({ id }) => ({
      id: `${id}-unit`,
      owner: id,
      key: signerOfName(`${id}-unit`).publicKey,
      meters: (feeders[id] ?? []).map((feeder, i) => ({
        id: i === 0 ? `${id}-meter` : `${id}-meter-${i}`,
        role: "connection" as const,
        feeder,
      })),
    }));
    assert.equal(whyNotGates([threeGates], parameters), undefined);
    super({
      owners: [...known.filter(({ party }) => party === "bureau"), ...owners],
      devices: [...units.filter(({ owner }) => owner === "bureau-a"), ...devices],
      parameters: {
        ...parameters,
        gates: [threeGates],
        ...(grid === undefined ? {} : { grid: [...grid] }),
      },
    });
    this.feeders = feeders;
    const free = { askPriceMin: microPerKwh(0), bidPriceMax: microPerKwh(900_000) };
    assert.deepEqual(
      this.block(19, ...[...owners.map(({ id }) => id), "bureau-a"].map((id) => mandate(id, free))),
      [],
    );
  }

  override block(minutes: number, ...frames: Uint8Array[]): string[] {
    this.sent.push({ minutes, frames });
    return super.block(minutes, ...frames);
  }

  /** Takes these wishes through one of the gates of `slot`. */
  trade(gate: number, wishes: readonly Wish[]): void {
    const at = gates[gate];
    assert.ok(at !== undefined);
    this.block(at.open);
    const closes = slot - (60 - at.gate) * minute;
    const quotes = wishes.map(({ owner, side, quantity, limit }) => {
      const terms: Partial<QuoteTerms> = {
        side,
        quantity: wh(quantity),
        limit: microPerKwh(limit),
      };
      this.#quotes += 1;
      return quote(owner, this.#quotes, terms, slot, closes);
    });
    assert.deepEqual(this.block(at.open + 1, ...quotes.map(({ seal }) => seal)), []);
    assert.deepEqual(this.block(at.gate, ...quotes.map(({ open }) => open)), []);
    this.block(at.clear);
  }

  /** All meters report the slot: what each one gave, in Wh, below 0 what it drew. */
  deliver(netWh: (owner: string) => number): void {
    const before = startTime + 30 * minute;
    const frames = Object.keys(this.feeders).flatMap((owner) =>
      (this.feeders[owner] ?? []).map((_, i) => {
        const chain = new MeterChain(owner, i === 0 ? "meter" : `meter-${i}`);
        const net = i === 0 ? netWh(owner) : 0;
        const after = entry(slot + hour, Math.max(0, -net), Math.max(0, net));
        return chain.frame(entry(before, 0, 0), entry(slot, 0, 0), after);
      }),
    );
    assert.deepEqual(this.block(121, ...frames), []);
  }

  /** The line flows of the contracts, by the test's own reckoning: Wh from a feeder to its parent. */
  flows(grid: readonly GridSegment[]): Map<string, number> {
    const flows = new Map(grid.map(({ feeder }) => [feeder, 0]));
    for (const { seller, buyer, quantityWh, origin } of this.of("contract-signed")) {
      if (origin !== "book") continue;
      for (const feeder of this.way(seller, grid)) add(flows, feeder, quantityWh);
      for (const feeder of this.way(buyer, grid)) add(flows, feeder, -quantityWh);
    }
    return flows;
  }

  /** The lines between a party's first feeder and the busbar. */
  way(owner: string, grid: readonly GridSegment[]): string[] {
    const way: string[] = [];
    let at = grid.find(({ feeder }) => feeder === this.feeders[owner]?.[0]);
    while (at !== undefined) {
      way.push(at.feeder);
      const { parent } = at;
      at = grid.find(({ feeder }) => feeder === parent);
    }
    return way;
  }
}

export const slotStart = utcMs(slot);

function add(sums: Map<string, number>, key: string, value: number): void {
  sums.set(key, (sums.get(key) ?? 0) + value);
}
