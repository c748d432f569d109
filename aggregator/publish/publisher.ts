import { topicsOf, type UtcMs } from "@busbar/protocol";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import { marketParties } from "../ledger/rules/market/parties.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { bureaus } from "../ledger/tables.ts";
import { gatesMessage, newestSlot, positionsMessage, pricesOfSlot } from "./prices.ts";

/** Least wall time between two messages that only say how high the chain is. */
const hostEveryMs = 1_000;

type PublisherOptions = {
  readonly site: string;
  readonly member: string;
  readonly state: StateReader;
  readonly publish: Broker["publish"];
  /** Wall ms. */
  readonly now: () => number;
  readonly log: Logger;
};

/** Tells what the ledger did on MQTT: prices, trades, and whether this aggregator takes readings. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #topics: ReturnType<typeof topicsOf>;
  #hostToldAt = Number.NEGATIVE_INFINITY;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#topics = topicsOf(options.site);
  }

  /** What has to stand on a broker that starts with an empty memory. */
  start(height: number, time: number): void {
    const { state } = this.#options;
    for (const owner of marketOwners(state)) this.#positions(owner, height);
    this.#gates(height);
    const newest = newestSlot(state);
    if (newest !== undefined) this.#prices(newest, height);
    this.#host({ ready: true, height, time });
  }

  committed({ header, events }: CommittedBlock): void {
    const { height, time } = header;
    for (const event of events) this.#trade(event, height);
    // How an owner stands comes before the gates at which it may quote: whoever quotes needs both.
    const all = events.some(({ type }) => type === "parameters-in-force");
    const changed = all ? marketOwners(this.#options.state) : positionChanges(events);
    for (const owner of changed) this.#positions(owner, height);
    if (events.some(({ type }) => type === "slot-opened" || type === "gate-closed")) {
      this.#gates(height);
    }
    for (const slot of movedSlots(events)) this.#prices(slot, height);
    if (this.#options.now() - this.#hostToldAt >= hostEveryMs) {
      this.#host({ ready: true, height, time });
    }
  }

  /** Edge units keep their readings until somebody is ready again. */
  async stop(height: number, time: number): Promise<void> {
    const { member } = this.#options;
    const state = JSON.stringify({ member, ready: false, height, time });
    await this.#options.publish(this.#topics.host(member), state, { retain: true, qos: 1 });
  }

  #host(state: { readonly ready: boolean; readonly height: number; readonly time: number }): void {
    const { member, now } = this.#options;
    this.#hostToldAt = now();
    this.#send(this.#topics.host(member), { member, ...state }, { retain: true });
  }

  /** Retained is the slot that is at its last gate: what comes next. */
  #prices(slot: UtcMs, height: number): void {
    const message = pricesOfSlot(this.#options.state, slot, height);
    if (message === undefined) return;
    this.#send(this.#topics.prices, message, { retain: message.gatesLeft === 0 });
  }

  #gates(height: number): void {
    this.#send(this.#topics.gates, gatesMessage(this.#options.state, height), { retain: true });
  }

  #positions(owner: string, height: number): void {
    const message = positionsMessage(this.#options.state, owner, height);
    this.#send(this.#topics.positions(owner), message, { retain: true });
  }

  #trade(event: LedgerEvent, height: number): void {
    if (event.type !== "contract-signed" && event.type !== "contract-settled") return;
    const message = { ...event, height };
    this.#send(this.#topics.trades, message);
    for (const owner of new Set([event.seller, event.buyer])) {
      this.#send(this.#topics.ownTrades(owner), message);
    }
  }

  #send(topic: string, message: object, { retain = false } = {}): void {
    const { publish, log } = this.#options;
    publish(topic, JSON.stringify(message), { retain, qos: 1 }).catch((error) => {
      // A view for people's tools: the ledger holds it all, and the next message follows soon.
      log.warn({ event: "not-published", topic, err: error });
    });
  }
}

/** Everybody who may be a side of contracts: each has a message to wait for, be it that nothing is sold. */
function marketOwners(state: StateReader): string[] {
  const parties = marketParties(state).map(({ owner }) => owner);
  return [...parties, ...Array.from(bureaus.scan(state), ([id]) => id)];
}

/** Owners whose positions or plans a block changed, or who are new. */
function positionChanges(events: readonly LedgerEvent[]): ReadonlySet<string> {
  const owners = new Set<string>();
  for (const event of events) {
    switch (event.type) {
      case "contract-signed":
      case "contract-cut":
      case "contract-void":
        owners.add(event.seller).add(event.buyer);
        break;
      case "gate-planned":
        for (const owner of event.owners) owners.add(owner);
        break;
      case "assets-stated":
      case "device-admitted":
        owners.add(event.owner);
    }
  }
  return owners;
}

/** Slots that were opened or cleared, each once, in order. */
function movedSlots(events: readonly LedgerEvent[]): UtcMs[] {
  const moved = events.flatMap((event) =>
    event.type === "slot-opened" || event.type === "slot-cleared" ? [event.slot as UtcMs] : [],
  );
  return [...new Set(moved)];
}
