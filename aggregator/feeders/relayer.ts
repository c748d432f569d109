import assert from "node:assert/strict";
import {
  Failure,
  type FeederProof,
  openFrame,
  type Refusal,
  type Signer,
  sealFrame,
} from "@busbar/protocol";
import type { Logger } from "pino";
import type { Pool } from "../consensus/pool.ts";
import type { Outcome } from "../ledger/rule.ts";
import { sha256 } from "../ledger/sha256.ts";
import type { StateReader } from "../ledger/state/state.ts";
import type { OtherFeeders } from "./others.ts";
import { relayed } from "./relay.ts";
import { type Wanted, wantedOf } from "./wanted.ts";

/** Another consortium's portals. */
export type FeederPlace = { readonly chain: string; readonly portals: readonly string[] };

/** Trades that one round asks about: more wait for the next one. */
const roundMax = 64;
/** Longest answer that is read: a proof with all its steps. */
const answerBytesMax = 4 << 20;
/** Wall ms that a portal may take. */
const answerMsMax = 10_000;
/** Trades whose other side is remembered. */
const rememberedMax = 2_000;

export type RelayerParts = {
  readonly places: readonly FeederPlace[];
  /** Wall ms between two rounds. */
  readonly everyMs: number;
  readonly state: StateReader;
  readonly chain: string;
  readonly signer: Signer;
  readonly pool: Pool;
  /** What this ledger's rule says of a message now. */
  tryOut(message: FeederProof): Outcome;
  fetch(url: string, signal: AbortSignal): Promise<Response>;
  readonly log: Pick<Logger, "info" | "warn">;
};

/**
 * Brings the other feeders' proofs to this ledger, as this member: it asks their portals for what would move a trade on,
 * and hands in what the ledger's own rule takes. It is trusted by nobody and holds nothing: whatever it leaves undone
 * any other member, or owner, may do, and its end costs no more than time.
 */
export class Relayer implements OtherFeeders {
  readonly #parts: RelayerParts;
  readonly #seen = new Map<string, { readonly stage: string; readonly proof: Uint8Array }>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  /** Which of a chain's portals is asked: the next one where one does not answer. */
  readonly #turns = new Map<string, number>();
  #from = 0;

  constructor(parts: RelayerParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#parts.places.length === 0) return;
    const next = () => {
      this.#round = this.round().finally(() => {
        if (this.#stop.signal.aborted) return;
        this.#timer = setTimeout(next, this.#parts.everyMs);
      });
    };
    next();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#round;
  }

  /** Asks once for all that is wanted. Throws nothing: who does not answer is asked again. */
  async round(): Promise<void> {
    const all = wantedOf(this.#parts.state).filter(({ chain }) => this.portalsOf(chain).length > 0);
    const first = all.length > roundMax ? this.#from % all.length : 0;
    this.#from = first + roundMax;
    const wanted = [...all.slice(first), ...all.slice(0, first)].slice(0, roundMax);
    const away = new Set<string>();
    for (const one of wanted) {
      if (this.#stop.signal.aborted) return;
      if (away.has(one.chain)) continue;
      try {
        await this.#bring(one);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        away.add(one.chain);
        this.#turns.set(one.chain, (this.#turns.get(one.chain) ?? 0) + 1);
        this.#parts.log.warn({ event: "feeder-away", chain: one.chain, err: error });
      }
    }
  }

  portalsOf(chain: string): readonly string[] {
    return this.#parts.places.find((place) => place.chain === chain)?.portals ?? [];
  }

  stageOf(trade: string): string | undefined {
    return this.#seen.get(trade)?.stage;
  }

  proofOf(trade: string): Uint8Array | undefined {
    return this.#seen.get(trade)?.proof;
  }

  async #bring(wanted: Wanted): Promise<void> {
    const answer = await this.#ask(wanted);
    if (answer === undefined) return;
    const found = relayed(answer, wanted);
    if (!found.ok) {
      throw new Failure("feeder.answer", found.reason, { retry: "later" });
    }
    this.#remember(wanted.trade, { stage: found.stage, proof: answer });
    for (const message of found.messages) {
      if (!(await this.#handIn(message))) return;
    }
  }

  /** The portal's answer; undefined where it knows nothing of the trade. */
  async #ask({ chain, trade, way, epoch }: Wanted): Promise<Uint8Array | undefined> {
    const portals = this.portalsOf(chain);
    const base = portals[(this.#turns.get(chain) ?? 0) % portals.length] ?? "";
    const query = new URLSearchParams({ trade, way, epoch: String(epoch) });
    const url = `${base.replace(/\/+$/, "")}/api/feeders/proof?${query}`;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(answerMsMax)]);
    const response = await this.#parts.fetch(url, signal);
    if (response.status === 404) return undefined;
    if (response.ok) return await bytesOf(response);
    const message = `${base}: expected a proof, got status ${response.status}`;
    throw new Failure("feeder.answer", message, { retry: "later" });
  }

  /** Hands in what the rule takes now. Whether the next message may follow. */
  async #handIn(message: FeederProof): Promise<boolean> {
    const { chain, signer, pool, log } = this.#parts;
    const outcome = this.#parts.tryOut(message);
    if (!outcome.ok) {
      log.info({ event: "feeder-proof-not-taken", chain: message.chain, code: outcome.code });
      return false;
    }
    if ("code" in outcome) return true;
    const bytes = sealFrame("feeder-proof", message, { chain, signer });
    const opened = openFrame(bytes);
    assert(opened.ok, "what was sealed here can be opened");
    const submitted: { ok: true } | Refusal = await pool.submit(opened.frame, sha256(bytes));
    if (!submitted.ok) log.warn({ event: "feeder-proof-waits", code: submitted.code });
    // The steps have to stand in a block before what rests on them is tried.
    return false;
  }

  #remember(trade: string, seen: { readonly stage: string; readonly proof: Uint8Array }): void {
    this.#seen.delete(trade);
    this.#seen.set(trade, seen);
    const oldest = this.#seen.keys().next();
    if (this.#seen.size > rememberedMax && !oldest.done) this.#seen.delete(oldest.value);
  }
}

/** A body of bounded length. Throws: `Failure` `feeder.answer`. */
async function bytesOf(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > answerBytesMax) {
      const message = `${response.url}: expected at most ${answerBytesMax} bytes`;
      throw new Failure("feeder.answer", message, { retry: "later" });
    }
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
