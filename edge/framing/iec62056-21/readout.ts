import type { Failure } from "@busbar/protocol";
import { sleep } from "../timers.ts";
import { type Identification, type IecMessage, iecFramer } from "./frame.ts";
import type { LinePort } from "./line-port.ts";
import { toSevenEven } from "./parity.ts";
import { type Proposal, proposalOf } from "./speed.ts";
import type { StreamFramer } from "./stream-framer.ts";

/** A readout with a block check that held. */
export type Readout = {
  readonly identification: Identification;
  readonly text: string;
};

export type ReadoutOptions = {
  readonly port: LinePort;
  /** The meter's device address; "" is whichever meter is there. */
  readonly address: string;
  readonly mode: "auto" | "A" | "B" | "C";
  readonly startBaud: number;
  /** The fastest that the optical head takes. */
  readonly baudMax: number;
  /**
   * Who makes the parity bit: "unit" on a line set to 8N1; "line" where a gateway does, or nobody.
   * Undefined: both are tried until the meter answers, and its answer shows it.
   */
  readonly parityBy: "unit" | "line" | undefined;
  /** The longest that a readout may take; 4 kB at 300 baud need 140 s. */
  readonly readoutMs: number;
  /** Silence between two messages of the line and a request: a meter has to be back at its start speed. */
  readonly pauseMs: number;
  /** Hears when the identification is there: values are taken about then. */
  readonly identified: () => void;
};

/** IEC 62056-21 §6.6: a meter reacts, and goes on to the next character, within 1500 ms. */
const reactionMs = 1500;
/** On top of it: USB adapters, gateways, a process that waits its turn. */
const graceMs = 1000;
/** A line that never falls silent (broken head, sunlight) is asked all the same after this. */
const quietMsMax = 30_000;

type UnlessLost = <T>(step: Promise<T>) => Promise<T>;

type Waiter = {
  readonly kind: IecMessage["kind"];
  readonly resolve: (message: IecMessage) => void;
};

/** Asks one meter for its readouts. Whoever calls sees to it that the port is used by one at a time. */
export class ReadoutSession {
  readonly #options: ReadoutOptions;
  readonly #unlisten: () => void;
  #framer: StreamFramer<IecMessage> = iecFramer("polled");
  #asking = false;
  #messages: IecMessage[] = [];
  #waiter: Waiter | undefined;
  #abort: ((failure: Failure) => void) | undefined;
  #lastByteAt = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #damaged = 0;
  /** A meter that proposed mode C and did not answer it, but did without. */
  #withoutAcknowledgement = false;
  #parityBy: "unit" | "line";
  /** Whether who makes the parity bit was said, or shown by an answer. */
  #parityKnown: boolean;

  constructor(options: ReadoutOptions) {
    this.#options = options;
    this.#parityKnown = options.parityBy !== undefined;
    this.#parityBy = options.parityBy ?? "unit";
    this.#unlisten = options.port.listen({
      data: (bytes) => this.#received(bytes),
      lost: (failure) => this.#abort?.(failure),
    });
  }

  /** Hears no more. */
  end(): void {
    this.#unlisten();
  }

  /**
   * One readout; a failed one is asked for once more.
   * Throws: `Failure` `meter.timeout`, `meter.garbled`, and what the port throws.
   */
  async read(): Promise<Readout> {
    const first = await this.#attempt(this.#withoutAcknowledgement);
    if ("text" in first) return first;
    // Some meters propose mode C and send mode A's readout all the same.
    const other = first.proposal?.mode === "C" && this.#options.mode === "auto";
    const second = await this.#attempt(other ? !this.#withoutAcknowledgement : false);
    // What the fallback met says something only if it met anything.
    if (!("text" in second)) throw this.#failure(other && second.bytes === 0 ? first : second);
    if (other) this.#withoutAcknowledgement = !this.#withoutAcknowledgement;
    return second;
  }

  async #attempt(plain: boolean): Promise<Readout | Silent> {
    const { port } = this.#options;
    await port.open();
    const broken = Promise.withResolvers<never>();
    // Each step of the dialog races it; between two steps nobody does.
    broken.promise.catch(() => undefined);
    this.#abort = broken.reject;
    const unlessLost = <T>(step: Promise<T>): Promise<T> => Promise.race([step, broken.promise]);
    try {
      return await this.#dialog(plain, unlessLost);
    } finally {
      this.#asking = false;
      this.#waiter = undefined;
      this.#abort = undefined;
    }
  }

  async #dialog(plain: boolean, unlessLost: UnlessLost): Promise<Readout | Silent> {
    const { port, address, startBaud, baudMax, mode, readoutMs, identified } = this.#options;
    await unlessLost(this.#quiet());
    await unlessLost(port.setBaud(startBaud));
    this.#framer = iecFramer("polled");
    [this.#messages, this.#bytes, this.#damaged, this.#asking] = [[], 0, 0, true];
    const request = `/?${address}!\r\n`;
    this.#write(request);
    const answerMs = reactionMs + graceMs + wireMs(request.length + 64, startBaud);
    const said = await unlessLost(
      this.#message("identification", { silentMs: answerMs, totalMs: answerMs }),
    );
    if (said?.kind !== "identification") {
      if (!this.#parityKnown) this.#parityBy = this.#parityBy === "unit" ? "line" : "unit";
      return this.#silent(undefined, undefined);
    }
    identified();
    if (!this.#parityKnown) this.#parityBy = said.carried === "even" ? "unit" : "line";
    this.#parityKnown = true;
    const { identification } = said;
    const asked = plain ? "A" : mode;
    const options = { mode: asked, startBaud, baudMax, fixed: !port.hasSpeed };
    const proposal = proposalOf(identification, options);
    const { acknowledgement, baud } = proposal;
    if (acknowledgement !== undefined) {
      this.#write(acknowledgement);
      // Changed earlier, the end of the acknowledgement would leave at the new speed.
      await unlessLost(sleep(port.timers, wireMs(acknowledgement.length, startBaud)));
    }
    if (baud !== startBaud) await unlessLost(port.setBaud(baud));
    this.#bytes = 0;
    const silentMs = reactionMs + graceMs;
    const readout = await unlessLost(this.#message("readout", { silentMs, totalMs: readoutMs }));
    if (readout?.kind !== "readout") return this.#silent(identification, proposal);
    return { identification, text: readout.text };
  }

  /** The next message of a kind; undefined after silence, or when it takes too long. */
  async #message(
    kind: IecMessage["kind"],
    { silentMs, totalMs }: { readonly silentMs: number; readonly totalMs: number },
  ): Promise<IecMessage | undefined> {
    const { timers } = this.#options.port;
    const start = timers.now();
    const { promise, resolve } = Promise.withResolvers<IecMessage | undefined>();
    let cancel = () => {};
    const check = () => {
      const now = timers.now();
      const until = Math.min(Math.max(start, this.#lastByteAt) + silentMs, start + totalMs);
      if (now >= until) resolve(undefined);
      else cancel = timers.after(until - now, check);
    };
    this.#waiter = { kind, resolve };
    this.#deliver();
    check();
    try {
      return await promise;
    } finally {
      cancel();
      this.#waiter = undefined;
    }
  }

  /** Waits until a readout is over and the meter, back at its start speed, hears requests again. */
  async #quiet(): Promise<void> {
    const { port, pauseMs } = this.#options;
    const { timers } = port;
    const start = timers.now();
    for (;;) {
      const wait = this.#lastByteAt + pauseMs - timers.now();
      if (wait <= 0 || timers.now() - start > quietMsMax) return;
      await sleep(timers, wait);
    }
  }

  #received(bytes: Uint8Array): void {
    this.#lastByteAt = this.#options.port.timers.now();
    this.#bytes += bytes.length;
    if (!this.#asking) return;
    for (const item of this.#framer.push(bytes)) {
      if (item.kind === "damage") this.#damaged += 1;
      else this.#messages.push(item.telegram);
    }
    this.#deliver();
  }

  #deliver(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    const at = this.#messages.findIndex(({ kind }) => kind === waiter.kind);
    const message = this.#messages[at];
    if (message === undefined) return;
    this.#messages.splice(0, at + 1);
    waiter.resolve(message);
  }

  #write(text: string): void {
    const bytes = this.#parityBy === "unit" ? toSevenEven(text) : Buffer.from(text, "latin1");
    this.#options.port.write(bytes);
  }

  #silent(identification: Identification | undefined, proposal: Proposal | undefined): Silent {
    return { identification, proposal, bytes: this.#bytes, damaged: this.#damaged };
  }

  #failure({ identification, proposal, bytes, damaged }: Silent): Failure {
    const { port, address, startBaud } = this.#options;
    const whom = address === "" ? "a meter" : `meter ${address}`;
    if (identification === undefined) {
      const text =
        bytes === 0
          ? `${whom} did not answer at ${startBaud} baud; check the address, how the optical head sits, and the start speed`
          : `${bytes} bytes but no identification of ${whom} came at ${startBaud} baud; check start speed, parity and the optical head`;
      return port.failure("meter.timeout", text, "now");
    }
    const name = `${identification.manufacturer} ${identification.type}`;
    const how = `in mode ${proposal?.mode} at ${proposal?.baud} baud`;
    if (bytes > 0 || damaged > 0) {
      const text = `${name} sent no readout ${how} whose block check holds; clean and centre the optical head, or limit its speed`;
      return port.failure("meter.garbled", text, "now");
    }
    const text = `${name} identified itself and sent no readout ${how}; try another mode or a lower speed`;
    return port.failure("meter.timeout", text, "now");
  }
}

type Silent = {
  readonly identification: Identification | undefined;
  readonly proposal: Proposal | undefined;
  readonly bytes: number;
  readonly damaged: number;
};

const wireMs = (characters: number, baud: number): number => (characters * 10_000) / baud;
