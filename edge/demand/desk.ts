import {
  type DemandAnswer,
  type ProvenDemand,
  type Signer,
  sealFrame,
  type UtcMs,
} from "@busbar/protocol";
import type { Logger } from "pino";
import type { MarketOutbox } from "../agent/market-outbox.ts";
import type { Counters } from "../status/counters.ts";
import { endOf, isContract, type KnownOrder, type Range, whyNot } from "./plan.ts";

export type DeskOptions = {
  readonly chain: string;
  readonly device: string;
  readonly owner: string;
  readonly signer: Signer;
  readonly outbox: MarketOutbox;
  /** Where it notes the orders that are open; over restarts. */
  readonly notes: { read(): string | undefined; write(text: string): void };
  readonly slotMs: number;
  /** Site time. */
  readonly now: () => UtcMs;
  /** What the unit can be set to; undefined without an actuator. */
  readonly range: Range | undefined;
  readonly dryRun: boolean;
  /** The orders that are to be carried out, each time they are others. */
  readonly onOrders: (orders: readonly KnownOrder[]) => void;
  /** There is something to send. */
  readonly onAnswered: () => void;
  readonly counters: Counters;
  readonly log: Logger;
};

/** More open orders than one unit has slots for; a broker cannot make more, each is proven. */
const ordersMax = 64;

/**
 * Takes orders that the ledger proves to be contracts with this unit, answers each once, and keeps those
 * that it acknowledged. What nobody proved changes nothing here.
 */
export class DemandDesk {
  readonly #options: DeskOptions;
  #orders: KnownOrder[];

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#orders = recall(options.notes.read());
    this.#prune();
  }

  get orders(): readonly KnownOrder[] {
    return this.#orders;
  }

  /** Takes an order as a certified block holds it. */
  take({ order, demand }: ProvenDemand): void {
    const { device, owner, counters, slotMs, now, log } = this.#options;
    if (demand.device !== device || demand.owner !== owner) {
      return counters.count("demand.not-ours");
    }
    const known = this.#orders.find((one) => one.order === order);
    // An older block's word that comes late.
    if (known !== undefined && isContract(known.demand) && demand.status === "offered") return;
    if (!isContract(demand)) {
      if (known !== undefined) this.#put(this.#orders.filter((one) => one !== known));
      return;
    }
    if (known !== undefined || endOf(demand, slotMs) <= now()) return;
    const { range, dryRun } = this.#options;
    const reason = whyNot(demand, slotMs, { range, dryRun });
    const about = { order, action: demand.action, slot: demand.slot, slots: demand.slots };
    log.info({ ...about, by: demand.by, reason }, reason ? "order not taken" : "order taken");
    this.#answer({ order, demand }, reason);
    if (reason === undefined) this.#put([...this.#orders, { order, demand }].slice(-ordersMax));
  }

  /** An order that was taken cannot be carried out: whoever ordered is told, and it ends here. */
  giveUp(order: string): void {
    const known = this.#orders.find((one) => one.order === order);
    if (known === undefined) return;
    this.#options.counters.count("demand.given-up");
    this.#answer(known, "impossible");
    this.#put(this.#orders.filter((one) => one !== known));
  }

  #answer({ order, demand }: KnownOrder, reason: DemandAnswer["reason"]): void {
    const { chain, signer, owner, outbox, now, slotMs, onAnswered, counters } = this.#options;
    const id = new Uint8Array(Buffer.from(order, "hex"));
    const word = reason === undefined ? "accept" : "refuse";
    const message = { id, owner, word, ...(reason === undefined ? {} : { reason }) } as const;
    outbox.add([
      {
        kind: "demand-answer",
        slot: demand.slot,
        // A later word on the same order stands beside the first.
        gate: word === "accept" ? 0 : 1,
        opens: now(),
        closes: endOf(demand, slotMs),
        frame: sealFrame("demand-answer", message, { chain, signer }),
      },
    ]);
    counters.count(word === "accept" ? "demand.acknowledged" : "demand.refused");
    onAnswered();
  }

  #put(orders: readonly KnownOrder[]): void {
    this.#orders = [...orders];
    this.#prune();
    this.#options.notes.write(noted(this.#orders));
    this.#options.onOrders(this.#orders);
  }

  #prune(): void {
    const { slotMs, now } = this.#options;
    this.#orders = this.#orders.filter(({ demand }) => endOf(demand, slotMs) > now());
  }
}

/** Byte strings as hex, so that a note is text. */
function noted(orders: readonly KnownOrder[]): string {
  return JSON.stringify(orders, (_, value: unknown) =>
    value instanceof Uint8Array ? { hex: Buffer.from(value).toString("hex") } : value,
  );
}

/** What the unit noted itself; a note that cannot be read is learned anew from the ledger. */
function recall(text: string | undefined): KnownOrder[] {
  try {
    return JSON.parse(text ?? "[]", (_, value: unknown) => {
      const hex =
        typeof value === "object" && value !== null ? Reflect.get(value, "hex") : undefined;
      return typeof hex === "string" ? new Uint8Array(Buffer.from(hex, "hex")) : value;
    }) as KnownOrder[];
  } catch {
    return [];
  }
}
