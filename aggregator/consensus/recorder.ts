import { encodeHeader, type Signer, toBeSigned, utcMs } from "@busbar/protocol";
import type { SiteClock } from "@busbar/protocol/node";
import { type Application, blockLimits } from "../ledger/application.ts";
import type { CommittedBlock, RefusedFrame } from "../ledger/block.ts";
import type { DurablePool } from "./durable-pool.ts";
import type { Engine } from "./engine.ts";
import { systemTimers, type Timers } from "./timers.ts";

/** Rules of the ledger's own become due on whole minutes of site time: gates and slots are in minutes. */
const dueEveryMs = 60_000;

/**
 * The engine of a consortium with one voting member: it orders what waits, signs each block alone
 * and says so in the certificate. A block is made when frames wait or a rule is due, never just
 * because time passes.
 */
export class Recorder implements Engine {
  readonly #application: Application;
  readonly #pool: DurablePool;
  readonly #clock: SiteClock;
  readonly #member: { readonly id: string; readonly chain: string; readonly signer: Signer };
  readonly #timers: Timers;
  readonly #intervalMs: number;
  readonly #onCommit: ((block: CommittedBlock) => void)[] = [];
  readonly #onRefused: ((refused: RefusedFrame) => void)[] = [];
  #running = false;
  #lastBlockAt = Number.NEGATIVE_INFINITY;
  #armed: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(options: {
    readonly application: Application;
    readonly pool: DurablePool;
    readonly clock: SiteClock;
    readonly member: { readonly id: string; readonly chain: string; readonly signer: Signer };
    /** Least wall time between two blocks. */
    readonly blockIntervalMs?: number;
    readonly timers?: Timers;
  }) {
    this.#application = options.application;
    this.#pool = options.pool;
    this.#clock = options.clock;
    this.#member = options.member;
    this.#intervalMs = options.blockIntervalMs ?? 5;
    this.#timers = options.timers ?? systemTimers;
    this.#pool.onArrived(() => this.#armForBlock());
  }

  start(): void {
    this.#running = true;
    this.#armAt(this.#timers.now());
  }

  stop(): Promise<void> {
    this.#running = false;
    this.#armed?.cancel();
    this.#armed = undefined;
    // A turn runs to its end without pause, so no block is at work here.
    return Promise.resolve();
  }

  onCommit(listener: (block: CommittedBlock) => void): void {
    this.#onCommit.push(listener);
  }

  onRefused(listener: (refused: RefusedFrame) => void): void {
    this.#onRefused.push(listener);
  }

  #turn(): void {
    this.#armed = undefined;
    const time = utcMs(Math.max(this.#clock.now(), this.#application.info().time));
    const due = this.#application.due(time);
    if (this.#pool.size > 0 || due) this.#record(time, due);
    if (this.#pool.size > 0) this.#armForBlock();
    this.#armForDue();
  }

  #record(time: ReturnType<typeof utcMs>, due: boolean): void {
    const frames = this.#pool.oldest(blockLimits.transactions);
    const { id: proposer, chain, signer } = this.#member;
    const prepared = this.#application.prepareProposal({ time, proposer, view: 0, frames });
    this.#pool.refused(prepared.refused.map(({ hash }) => hash));
    this.#lastBlockAt = this.#timers.now();
    if (prepared.proposal.frames.length > 0 || due) {
      const { header } = this.#application.finalizeBlock(prepared.proposal);
      const message = toBeSigned(encodeHeader(header), signer.kid, { chain, kind: "block" });
      const block = this.#application.commit([
        { kid: signer.kid, signature: signer.sign(message) },
      ]);
      this.#pool.committed(block.hashes);
      for (const listener of this.#onCommit) listener(block);
    }
    for (const refused of prepared.refused) {
      for (const listener of this.#onRefused) listener(refused);
    }
  }

  /** At the next moment at which a block may be made. */
  #armForBlock(): void {
    if (!this.#running) return;
    this.#armAt(Math.max(this.#timers.now(), this.#lastBlockAt + this.#intervalMs));
  }

  #armForDue(): void {
    if (!this.#running) return;
    const left = dueEveryMs - (this.#clock.now() % dueEveryMs);
    this.#armAt(this.#timers.now() + Math.max(this.#clock.delay(left), this.#intervalMs));
  }

  /** One timer, for the earliest of what was asked. */
  #armAt(at: number): void {
    if (this.#armed !== undefined && this.#armed.at <= at) return;
    this.#armed?.cancel();
    const cancel = this.#timers.after(Math.max(0, at - this.#timers.now()), () => this.#turn());
    this.#armed = { at, cancel };
  }
}
