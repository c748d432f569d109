import {
  type EnergyForm,
  type Mandate,
  type Party,
  type QuoteTerms,
  type Signer,
  sealFrame,
  sealQuotes,
  type UtcMs,
  utcMs,
} from "@busbar/protocol";
import type { Logger } from "pino";
import type { Counters } from "../status/counters.ts";
import { forecastNet, type NetHistory } from "./forecast.ts";
import type { MarketOutbox } from "./market-outbox.ts";
import { parsePrices, type SlotPrices } from "./prices.ts";
import { quoteFor } from "./quote.ts";

/** Whom the agent quotes for, within which limits, and what it works with. */
export type AgentOptions = {
  readonly chain: string;
  readonly owner: string;
  readonly party: Party;
  readonly form: EnergyForm;
  readonly mandate: Mandate;
  readonly slotMs: number;
  readonly history: NetHistory;
  readonly outbox: MarketOutbox;
  readonly signer: Signer;
  readonly now: () => UtcMs;
  readonly random: (bytes: number) => Uint8Array;
  readonly counters: Counters;
  readonly log: Logger;
  /** Called when there is something to send, now or at the site time given. */
  readonly onQuoted: (revealAt: number) => void;
};

/** Slots further ahead are not quoted. Prices are unsigned: it bounds what a false broker can make
 * the unit store. */
const aheadMsMax = 3 * 86_400_000;

/** Quotes for its owner: one side per slot, around the reference price, within the signed limits. */
export class Agent {
  readonly #options: AgentOptions;
  #newest: SlotPrices | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Takes a message of `market/prices` and quotes its slot if that is open and not quoted yet. */
  onPrices(payload: Uint8Array): void {
    const { counters } = this.#options;
    const prices = parsePrices(payload);
    if (prices === undefined || !this.#isSlot(prices)) {
      return counters.count("agent.prices-not-understood");
    }
    this.#newest = prices;
    this.#consider(prices);
  }

  /** New readings: a slot that could not be forecast when its prices came may be now. */
  onReadings(): void {
    if (this.#newest !== undefined) this.#consider(this.#newest);
  }

  #consider(prices: SlotPrices): void {
    const { outbox, mandate, now } = this.#options;
    const { slot, gate } = prices;
    if (now() >= gate || slot >= mandate.until || outbox.has(slot)) return;
    const terms = this.#termsFor(prices);
    if (terms !== undefined) this.#quote(prices, terms);
  }

  /** A slot of this market, whose gate and reveal lie before it. */
  #isSlot({ slot, gate, revealUntil }: SlotPrices): boolean {
    const { slotMs, now } = this.#options;
    const ahead = slot - now() <= aheadMsMax;
    return ahead && slot % slotMs === 0 && gate < revealUntil && revealUntil <= slot;
  }

  #termsFor(prices: SlotPrices): QuoteTerms | undefined {
    const { slot } = prices;
    const { history, slotMs, now, party, form, mandate, counters } = this.#options;
    const netWh = forecastNet(history, { slot, slotMs, now: now() });
    if (netWh === undefined) {
      counters.count("agent.nothing-known");
      return undefined;
    }
    const terms = quoteFor({ netWh, prices, party, form, limits: mandate });
    if (terms === undefined) counters.count("agent.nothing-to-quote");
    return terms;
  }

  #quote({ slot, gate, revealUntil }: SlotPrices, terms: QuoteTerms): void {
    const { chain, owner, signer, outbox, now, random, counters, log, onQuoted } = this.#options;
    const [id, salt] = [random(16), random(32)];
    const quotes = [terms];
    const about = { id, owner, slot: utcMs(slot) };
    const commit = { ...about, hash: sealQuotes(about, quotes, salt) };
    const signing = { chain, signer };
    outbox.add([
      {
        kind: "quote-commit",
        slot,
        opens: now(),
        closes: gate,
        frame: sealFrame("quote-commit", commit, signing),
      },
      {
        kind: "quote-reveal",
        slot,
        opens: gate,
        closes: revealUntil,
        frame: sealFrame("quote-reveal", { id, quotes, salt }, signing),
      },
    ]);
    counters.count("agent.quoted");
    const { side, quantity, limit } = terms;
    log.info({ slot, side, quantityWh: quantity, limitMicroPerKwh: limit }, "quoted");
    onQuoted(gate);
  }
}
