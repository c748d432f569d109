import {
  type Mandate,
  microPerKwh,
  type QuoteTerms,
  sealQuotes,
  utcMs,
  wh,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { accounts } from "../../accounts.ts";
import type { LedgerEvent } from "../../events.ts";
import { type BlockInput, execute } from "../../execution.ts";
import type { Genesis } from "../../genesis.ts";
import { genesisState } from "../../genesis-state.ts";
import { emptyState, Overlay } from "../../state/overlay.ts";
import { chain, frameOf, startTime, testGenesis } from "../../test-site.ts";
import { rules as ledgerRules, type Rules } from "../index.ts";

/** A ledger in memory and the market's messages, for the tests of the market's rules. */

export const minute = 60_000;
export const hour = 60 * minute;
export const slot = startTime + hour;

/** A ledger in memory that runs blocks at the times the test says. */
export class Chain {
  readonly state = new Overlay(emptyState);
  readonly events: LedgerEvent[] = [];
  readonly #genesis: Partial<Genesis>;
  readonly #rules: Rules;
  #height = 0;

  /** `rules`: others than the ledger's own, such as without the market's block rules. */
  constructor(genesis: Partial<Genesis> = {}, rules: Rules = ledgerRules) {
    this.#genesis = genesis;
    this.#rules = rules;
    for (const [key, value] of genesisState(testGenesis(genesis))) {
      if (value !== undefined) this.state.set(key, value);
    }
  }

  /** Runs a block `minutes` after the chain's start; returns the codes of refused frames. */
  block(minutes: number, ...frames: Uint8Array[]): string[] {
    this.#height += 1;
    const input: BlockInput = {
      height: this.#height,
      time: utcMs(startTime + minutes * minute),
      previous: new Uint8Array(32).fill(this.#height),
      frames,
    };
    const { taken, refused, ownEvents, changes } = execute(this.state, input, {
      chain,
      rules: this.#rules,
      verify,
    });
    for (const [key, value] of changes) {
      if (value === undefined) this.state.delete(key);
      else this.state.set(key, value);
    }
    this.events.push(...taken.flatMap(({ events }) => events), ...ownEvents);
    return refused.map(({ refusal }) => refusal.code);
  }

  /** Another ledger that begins where this one stands. */
  copy(): Chain {
    const copy = new Chain(this.#genesis, this.#rules);
    // Whatever genesis wrote and is gone by now stands among its changes, too.
    this.state.applyTo(copy.state);
    copy.#height = this.#height;
    copy.events.push(...this.events);
    return copy;
  }

  of<T extends LedgerEvent["type"]>(type: T): Extract<LedgerEvent, { type: T }>[] {
    return this.events.filter(
      (event): event is Extract<LedgerEvent, { type: T }> => event.type === type,
    );
  }

  money(owner: string): number {
    return ["sales", "purchase"].reduce(
      (sum, side) => sum + (accounts.get(this.state, `${owner}/${side}`)?.money ?? 0),
      0,
    );
  }
}

/** An owner's limits for its unit. */
export function mandate(owner: string, changes: Partial<Mandate> = {}): Uint8Array {
  return frameOf(owner, "mandate", {
    owner,
    device: `${owner}-unit`,
    version: 1,
    askMax: wh(1_000_000),
    askPriceMin: microPerKwh(400_000),
    bidMax: wh(1_000_000),
    bidPriceMax: microPerKwh(700_000),
    until: utcMs(startTime + 1000 * hour),
    ...changes,
  });
}

/** A quote of an owner's device: the sealed frame and the one that opens it. */
export function quote(
  owner: string,
  name: number,
  terms: Partial<QuoteTerms>,
  at = slot,
  gate = at - 20 * minute,
) {
  const id = new Uint8Array(16).fill(name);
  const salt = new Uint8Array(32).fill(name);
  const quotes = [
    { side: "bid", form: "any", quantity: wh(1000), limit: microPerKwh(690_000), ...terms },
  ] as const;
  const signer = `${owner}-unit`;
  const about = { id, owner, slot: utcMs(at), gate: utcMs(gate) };
  return {
    seal: frameOf(signer, "quote-commit", { ...about, hash: sealQuotes(about, quotes, salt) }),
    open: frameOf(signer, "quote-reveal", { id, quotes, salt }),
    id,
    salt,
    quotes,
  };
}
