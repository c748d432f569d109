import type { Failure } from "@busbar/protocol";
import type { LinePort } from "./line-port.ts";
import type { StreamFramer } from "./stream-framer.ts";

/** What came while a telegram was waited for. */
export type Heard = {
  readonly bytes: number;
  /** Pieces of damage by reason, and telegrams that were not admitted as "refused". */
  readonly reasons: ReadonlyMap<string, number>;
};

type Waiter<T> = {
  readonly heard: { bytes: number; reasons: Map<string, number> };
  readonly resolve: (telegram: T) => void;
  readonly reject: (failure: Failure) => void;
};

export type TelegramListenerOptions<T> = {
  readonly port: LinePort;
  readonly framer: () => StreamFramer<T>;
  /** Whether a telegram may be believed; sees every one. */
  readonly admit: (telegram: T) => boolean;
  /** The failure that a kind of damage ends all waiting with, if it does. */
  readonly fatal?: (reason: string) => Failure | undefined;
  /** Says why nothing came. */
  readonly silent: (heard: Heard) => string;
  readonly telegramMs: number;
};

/** Listens to a meter that sends by itself, from the first wait on. */
export class TelegramListener<T> {
  readonly #options: TelegramListenerOptions<T>;
  readonly #waiters = new Set<Waiter<T>>();
  readonly #unlisten: () => void;
  #framer: StreamFramer<T>;

  constructor(options: TelegramListenerOptions<T>) {
    this.#options = options;
    this.#framer = options.framer();
    this.#unlisten = options.port.listen({
      data: (bytes) => this.#received(bytes),
      lost: (failure) => this.#fail(failure),
    });
  }

  /**
   * The next telegram that is complete from now on.
   * Throws: `Failure` `meter.timeout`, what `fatal` gives, and what the port throws.
   */
  async next(): Promise<T> {
    const { port, telegramMs, silent } = this.#options;
    await port.open();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiter: Waiter<T> = { heard: { bytes: 0, reasons: new Map() }, resolve, reject };
    this.#waiters.add(waiter);
    const cancel = port.timers.after(telegramMs, () => {
      const text = `no telegram in ${Math.round(telegramMs / 1000)} s: ${silent(waiter.heard)}`;
      reject(port.failure("meter.timeout", text, "now"));
    });
    try {
      return await promise;
    } finally {
      cancel();
      this.#waiters.delete(waiter);
    }
  }

  /** Hears no more. */
  end(): void {
    this.#unlisten();
  }

  #received(bytes: Uint8Array): void {
    for (const { heard } of this.#waiters) heard.bytes += bytes.length;
    for (const item of this.#framer.push(bytes)) {
      if (item.kind === "damage") this.#damaged(item.reason);
      else if (!this.#options.admit(item.telegram)) this.#count("refused");
      else for (const { resolve } of this.#waiters) resolve(item.telegram);
    }
  }

  #damaged(reason: string): void {
    this.#count(reason);
    const failure = this.#options.fatal?.(reason);
    if (failure !== undefined) for (const { reject } of this.#waiters) reject(failure);
  }

  #count(reason: string): void {
    for (const { heard } of this.#waiters) {
      heard.reasons.set(reason, (heard.reasons.get(reason) ?? 0) + 1);
    }
  }

  #fail(failure: Failure): void {
    this.#framer = this.#options.framer();
    for (const { reject } of this.#waiters) reject(failure);
  }
}

/** "3 × crc, 1 × noise" */
export const reasonsText = ({ reasons }: Heard): string =>
  [...reasons].map(([reason, count]) => `${count} × ${reason}`).join(", ");
