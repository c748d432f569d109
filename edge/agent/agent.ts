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
import type { Daring } from "./daring.ts";
import { expectedNet, type NetHistory, type Wanted } from "./forecast.ts";
import type { MarketOutbox } from "./market-outbox.ts";
import { type Positions, parseGates, parsePositions, type SlotPrices } from "./prices.ts";
import { quoteFor } from "./quote.ts";
import type { Strategy } from "./strategy.ts";

/** Whom the agent quotes for, within which limits, and what it works with. */
export type AgentOptions = {
  readonly chain: string;
  readonly owner: string;
  readonly party: Party;
  readonly form: EnergyForm;
  readonly strategy: Strategy;
  /** What a ramp has learned. */
  readonly daring: Daring;
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

/**
 * Quotes for its owner at each gate of each slot: on one side, around the reference price, within the
 * signed limits, and what the forecast says beyond what the gates before it brought.
 */
export class Agent {
  readonly #options: AgentOptions;
  #gates: readonly SlotPrices[] = [];
  #timeZone: string | undefined;
  /** Undefined until they are said on the connection that stands now: what another broker said may
   * have been overtaken. */
  #positions: Positions | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Takes a message of `market/gates` and quotes what is not quoted yet. */
  onGates(payload: Uint8Array): void {
    const message = parseGates(payload);
    if (message === undefined) return this.#options.counters.count("agent.prices-not-understood");
    this.#gates = message.gates.filter((gate) => this.#isSlot(gate));
    this.#timeZone = message.timeZone;
    this.#considerAll();
  }

  /** Takes a message of the owner's positions: what the gates so far brought. */
  onPositions(payload: Uint8Array): void {
    const positions = parsePositions(payload);
    if (positions === undefined) {
      return this.#options.counters.count("agent.positions-not-understood");
    }
    this.#positions = positions;
    this.#considerAll();
  }

  /** The connection ended: another broker may be at another height. */
  onDown(): void {
    this.#gates = [];
    this.#positions = undefined;
  }

  /** New readings: a slot that could not be forecast when its gate opened may be now. */
  onReadings(): void {
    this.#considerAll();
  }

  #considerAll(): void {
    const positions = this.#positions;
    const open = positions === undefined ? [] : this.#gates.filter((gate) => this.#isOpen(gate));
    if (positions === undefined || open.length === 0) return;
    const { daring } = this.#options;
    for (const { slot, gate } of open)
      daring.came({ slot, gate, soldWh: positions.slots.get(slot)?.soldWh ?? 0 });
    // All that is open is forecast at once: a day-ahead gate opens a whole day of slots.
    const expected = this.#expected(open.map(({ slot }) => slot));
    for (const prices of open) {
      this.#consider(prices, expected.get(prices.slot), positions);
    }
  }

  #isOpen({ slot, gate }: SlotPrices): boolean {
    const { outbox, mandate, now } = this.#options;
    return now() < gate && slot < mandate.until && !outbox.has(slot, gate);
  }

  #expected(slots: readonly number[]): ReadonlyMap<number, number> {
    const { history, slotMs, now } = this.#options;
    const wanted: Wanted = { slots, slotMs, now: now(), timeZone: this.#timeZone };
    return expectedNet(history, wanted);
  }

  #consider(
    prices: SlotPrices,
    expectedWh: number | undefined,
    { slots, wayFee }: Positions,
  ): void {
    const { counters } = this.#options;
    const { soldWh, plannedWh } = slots.get(prices.slot) ?? { soldWh: 0, plannedWh: 0 };
    if (expectedWh === undefined) return counters.count("agent.nothing-known");
    // What batteries and loads are planned to do is not in the forecast.
    const netWh = expectedWh - plannedWh;
    const { party, form, mandate, strategy, daring } = this.#options;
    const { permille: daringPermille } = daring;
    const grounds = { netWh, soldWh, prices, wayFee, party, form, strategy, daringPermille };
    const terms = quoteFor({ ...grounds, limits: mandate });
    if (terms === undefined) return counters.count("agent.nothing-to-quote");
    this.#quote(prices, terms);
    const { slot, gate, gatesLeft } = prices;
    if (gatesLeft > 0) daring.asked({ slot, gate, quantityWh: terms.quantity, soldWh });
  }

  /** A slot of this market, whose gate and reveal lie before it. */
  #isSlot({ slot, gate, revealUntil }: SlotPrices): boolean {
    const { slotMs, now } = this.#options;
    const ahead = slot - now() <= aheadMsMax;
    return ahead && slot % slotMs === 0 && gate < revealUntil && revealUntil <= slot;
  }

  #quote({ slot, gate, revealUntil }: SlotPrices, terms: QuoteTerms): void {
    const { chain, owner, signer, outbox, now, random, counters, log, onQuoted } = this.#options;
    const [id, salt] = [random(16), random(32)];
    const quotes = [terms];
    const about = { id, owner, slot: utcMs(slot), gate: utcMs(gate) };
    const commit = { ...about, hash: sealQuotes(about, quotes, salt) };
    const signing = { chain, signer };
    outbox.add([
      {
        kind: "quote-commit",
        slot,
        gate,
        opens: now(),
        closes: gate,
        frame: sealFrame("quote-commit", commit, signing),
      },
      {
        kind: "quote-reveal",
        slot,
        gate,
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
