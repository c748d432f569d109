import { topicsOf } from "@busbar/protocol";
import type { Logger } from "pino";
import type { Broker } from "../broker/broker.ts";
import type { CommittedBlock } from "../ledger/block.ts";
import type { LedgerEvent } from "../ledger/events.ts";
import { parametersOf } from "../ledger/parameters.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { newestSlot, priceMessage } from "./prices.ts";

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
    this.#prices(height);
    this.#host({ ready: true, height, time });
  }

  committed({ header, events }: CommittedBlock): void {
    const { height, time } = header;
    if (events.some(({ type }) => type === "slot-opened" || type === "slot-cleared")) {
      this.#prices(height);
    }
    for (const event of events) this.#trade(event, height);
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

  #prices(height: number): void {
    const { state } = this.#options;
    const slot = newestSlot(state);
    if (slot === undefined) return;
    const message = priceMessage(slot, parametersOf(state, slot.start), height);
    this.#send(this.#topics.prices, message, { retain: true });
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
