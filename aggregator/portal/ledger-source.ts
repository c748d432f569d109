import assert from "node:assert/strict";
import type { ConsensusStatus } from "../consensus/status.ts";
import { accountSums } from "../ledger/accounts.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import { countSlots } from "../ledger/completeness.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import { parametersTable } from "../ledger/parameters.ts";
import { presentMembership } from "../ledger/present-membership.ts";
import { meterStates } from "../ledger/rules/meter-state.ts";
import { siteTable } from "../ledger/site.ts";
import type { StateReader } from "../ledger/state/state.ts";
import type { Store } from "../ledger/store.ts";
import { meters, owners } from "../ledger/tables.ts";
import { type GatesMessage, gatesMessage } from "../publish/prices.ts";
import type {
  BlocksAsked,
  NoticeCounts,
  PortalBlock,
  PortalCouncilStep,
  PortalEvent,
  PortalMembership,
  PortalMeter,
  PortalSlot,
  PortalSource,
  PortalStatus,
  PortalTrade,
  TradesAsked,
} from "./api.ts";
import type { Answer, Asking, Reader } from "./model/asking.ts";
import type { Engine } from "./model/statements.ts";
import {
  blockRows,
  type MeterRow,
  meterRow,
  meterRows,
  type SlotRow,
  slotRow,
  slotRows,
  totals,
  tradedOnDay,
  tradeRow,
} from "./queries.ts";
import { type SiteEnergy, siteEnergies } from "./site-energy.ts";
import { tradesPage } from "./views/trades.ts";

/** How far back the page says how complete a meter's slots are. */
const shownMs = 7 * 86_400_000;

/** Events of one kind that a block sends to each page; a page shows fewer and reads the rest anew. */
const perBlockMax = 200;

export type LedgerSourceOptions<E extends Engine> = {
  /** The ledger's store, after genesis. */
  readonly store: Pick<Store, "height" | "councilSteps"> & { readonly state: StateReader };
  /** The read model, on whichever engine. */
  readonly model: Reader<E>;
  readonly member: string;
  readonly clock: { now(): number; readonly speed: number };
  readonly notices: () => NoticeCounts;
  readonly consensus: () => ConsensusStatus;
};

/**
 * The portal's view of a ledger. Whoever runs the ledger calls `committed` after each block is on
 * disk, and `noticesChanged` when a notice went out or was given up.
 */
export class LedgerSource<E extends Engine = Engine> implements PortalSource {
  readonly #options: LedgerSourceOptions<E>;
  readonly #energyOf: (slot: number) => SiteEnergy;
  readonly #slotMinutes: number;
  readonly #listeners = new Set<(event: PortalEvent) => void>();
  /** Sums over all accounts at a height: what they cost is paid once a block. */
  #sums: { height: number; money: number; energyWh: number } | undefined;

  constructor(options: LedgerSourceOptions<E>) {
    this.#options = options;
    const { state } = options.store;
    const parameters = parametersTable.get(state, "current");
    assert(parameters !== undefined, "genesis wrote the parameters");
    this.#slotMinutes = parameters.slotMinutes;
    this.#energyOf = siteEnergies(state, parameters.slotMinutes * 60_000);
  }

  status(): Answer<E, PortalStatus> {
    return this.#read(this.#status());
  }

  *#status(): Asking<PortalStatus> {
    const { store, member, clock, notices } = this.#options;
    const counted = yield* totals();
    const time = clock.now();
    const tradedTodayWh = yield* tradedOnDay(time);
    const consensus = this.#options.consensus();
    const site = siteTable.get(store.state, "genesis");
    assert(site !== undefined, "genesis wrote what chain this is");
    const { money, energyWh } = this.sums();
    return {
      ...counted,
      site: site.site,
      chain: site.chain,
      currency: site.currency,
      member,
      engine: consensus.engine,
      time,
      speed: clock.speed,
      slotMinutes: this.#slotMinutes,
      tradedTodayWh,
      moneySum: money,
      energySum: energyWh,
      notices: notices(),
      consensus,
    };
  }

  slots(limit: number): Answer<E, readonly PortalSlot[]> {
    return this.#read(this.#slots(limit));
  }

  *#slots(limit: number): Asking<readonly PortalSlot[]> {
    return (yield* slotRows(limit)).map((row) => this.#withEnergy(row));
  }

  trades(asked: TradesAsked): Answer<E, readonly PortalTrade[]> {
    return this.#read(tradesPage(asked));
  }

  blocks(asked: BlocksAsked): Answer<E, readonly PortalBlock[]> {
    return this.#read(blockRows(asked));
  }

  meters(): Answer<E, readonly PortalMeter[]> {
    return this.#read(this.#meters());
  }

  *#meters(): Asking<readonly PortalMeter[]> {
    return (yield* meterRows()).map((row) => this.#withRole(row));
  }

  membership(): PortalMembership {
    return presentMembership(this.#options.store.state);
  }

  councilSteps(after: number, limit: number): readonly PortalCouncilStep[] {
    const steps = this.#options.store.councilSteps.after(after).slice(0, limit);
    return steps.map(({ epoch, proof }) => ({
      epoch,
      proof: Buffer.from(proof).toString("base64url"),
    }));
  }

  gates(): GatesMessage {
    return gatesMessage(this.#options.store.state, this.#options.store.height);
  }

  subscribe(listener: (event: PortalEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells every page what a block brought that the read model has; costs nothing while nobody looks. */
  committed(block: Pick<CommittedBlock, "header" | "events">): Answer<E, void> {
    return this.#read(this.#tellOf(block));
  }

  *#tellOf({ events }: Pick<CommittedBlock, "header" | "events">): Asking<void> {
    if (this.#listeners.size === 0) return;
    for (const event of yield* this.#eventsOf(events)) this.#tell(event);
  }

  noticesChanged(): void {
    if (this.#listeners.size > 0) this.#tell({ event: "notice", data: this.#options.notices() });
  }

  #tell(event: PortalEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  *#eventsOf(events: readonly LedgerEvent[]): Asking<readonly PortalEvent[]> {
    const told: PortalEvent[] = [];
    for (const meter of newest(events, meterIn)) {
      const row = yield* meterRow(meter);
      if (row !== undefined) told.push({ event: "reading", data: this.#withRole(row) });
    }
    for (const slot of newest(events, slotIn)) {
      const row = yield* slotRow(slot);
      if (row !== undefined) told.push({ event: "price", data: this.#withEnergy(row) });
    }
    for (const contract of newest(events, contractIn)) {
      const data = yield* tradeRow(contract);
      if (data !== undefined) told.push({ event: "trade", data });
    }
    // Last, so that a page which looks anew at each block finds all of it.
    const [data] = yield* blockRows({ limit: 1 });
    if (data !== undefined) told.push({ event: "block", data });
    return told;
  }

  #read<T>(asking: Asking<T>): Answer<E, T> {
    return this.#options.model.read(asking);
  }

  #withEnergy(row: SlotRow): PortalSlot {
    return { ...row, ...this.#energyOf(row.slot) };
  }

  #withRole(row: MeterRow): PortalMeter {
    const { state } = this.#options.store;
    const meter = meters.get(state, row.meter);
    const owner = owners.get(state, row.owner);
    return {
      ...row,
      ownerName: owner?.name ?? row.owner,
      party: owner?.party ?? "user",
      role: meter?.role ?? "connection",
      form: meter?.form ?? null,
      slots: this.#slotsOf(row.meter),
    };
  }

  /** A slot that ended just now is given as long again for its readings to come. */
  #slotsOf(meter: string): PortalMeter["slots"] {
    const { store, clock } = this.#options;
    const since = meterStates.get(store.state, meter)?.oldestBoundary;
    if (since === undefined) return null;
    const slotMs = this.#slotMinutes * 60_000;
    const to = clock.now() - 2 * slotMs + 1;
    return countSlots(store.state, meter, { from: Math.max(since, to - shownMs), to, slotMs });
  }

  /** Over all accounts, at the ledger's height. */
  sums(): { readonly money: number; readonly energyWh: number } {
    const { height, state } = this.#options.store;
    if (this.#sums?.height !== height) {
      const { money, energyWh } = accountSums(state);
      this.#sums = { height, money: Number(money), energyWh: Number(energyWh) };
    }
    return this.#sums;
  }
}

/** What the events name, each once, the newest `perBlockMax` of them in the order they came last. */
function newest<T>(
  events: readonly LedgerEvent[],
  nameOf: (event: LedgerEvent) => T | undefined,
): T[] {
  const names = new Set<T>();
  for (const event of events) {
    const name = nameOf(event);
    if (name === undefined) continue;
    names.delete(name);
    names.add(name);
  }
  return [...names].slice(-perBlockMax);
}

function meterIn(event: LedgerEvent): string | undefined {
  return event.type === "readings-accepted" ? event.meter : undefined;
}

function contractIn(event: LedgerEvent): string | undefined {
  switch (event.type) {
    case "contract-signed":
    case "contract-settled":
    case "contract-held":
    case "contract-stands":
    case "contract-cut":
    case "contract-void":
      return event.contract;
    default:
      return undefined;
  }
}

function slotIn(event: LedgerEvent): number | undefined {
  switch (event.type) {
    case "slot-opened":
    case "gate-closed":
    case "slot-cleared":
    case "slot-settled":
    case "contract-signed":
      return event.slot;
    default:
      return undefined;
  }
}
