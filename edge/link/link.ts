import {
  decodeAnswer,
  encodeReceipt,
  type Membership,
  type MeterTip,
  parseTopic,
  type Receipt,
  type Refused,
  type Signer,
  type StateProof,
  topicsOf,
  verifyMeterTip,
  verifyReceipt,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import type { Logger } from "pino";
import type { BrokerConfig } from "../config/schema.ts";
import { isDiskFault } from "../journal/database.ts";
import { sha256 } from "../journal/hash.ts";
import type { Outbox } from "../journal/outbox.ts";
import type { Adopted } from "../schedule/adoption.ts";
import type { Counters } from "../status/counters.ts";
import type { BackOffBounds } from "./back-off.ts";
import { Connection, type Publication } from "./connection.ts";
import { Hosts } from "./hosts.ts";
import { type Blocked, Sender } from "./sender.ts";
import { loginToken } from "./token.ts";

/** What the link is told at its start. */
export type LinkOptions = {
  readonly chain: string;
  readonly device: string;
  readonly signer: Signer;
  readonly membership: Membership;
  readonly brokers: readonly BrokerConfig[];
  readonly outboxes: readonly Outbox[];
  /** The next session number, and the birth message of a session: retained JSON. */
  readonly nextSession: () => number;
  readonly birth: (session: number) => object;
  /** The owner's signed limits. They are said again on each connection, before any quote: a mandate
   * is the owner's message, so the ledger's answer to it does not come to the device. */
  readonly mandate?: Uint8Array | undefined;
  readonly onPrices?: (payload: Uint8Array) => void;
  readonly onCommitted?: () => void;
  /** Told where the ledger's chain of a meter stands, proven, after it refused what we hold to be
   * the next readings of it. */
  readonly onTip?: (tip: MeterTip) => Adopted;
  readonly counters: Counters;
  readonly log: Logger;
  readonly backOff?: BackOffBounds;
  readonly answerMsMax?: number;
  /** Without a ready host for so long another broker is tried, where there is one. */
  readonly hostMsMax?: number;
  /** A disk that could not be written is tried again after so long. */
  readonly diskMs?: number;
};

/** What the status page and `doctor` show of the link. */
export type LinkStatus = {
  readonly connected: boolean;
  readonly broker: string | undefined;
  readonly reason: string | undefined;
  readonly hostReady: boolean;
  readonly inFlight: number;
  readonly lastReceiptAt: number | undefined;
  readonly blocked: readonly Blocked[];
};

/**
 * Brings signed frames to the ledger and receipts back. Nothing is done before the receipt verified:
 * neither a broker's PUBACK nor a refusal, which nobody signed, ends a frame's waiting.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #hosts: Hosts;
  readonly #topics;
  #session: number;
  #sessionUsed = false;
  #mandateSaid = false;
  #timer: NodeJS.Timeout | undefined;
  #hostTimer: NodeJS.Timeout | undefined;
  #pumping = false;
  #lastReceiptAt: number | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#topics = topicsOf(options.chain);
    this.#hosts = new Hosts(options.membership.members);
    this.#session = options.nextSession();
    this.#sender = new Sender({
      outboxes: options.outboxes,
      now: () => Math.round(performance.now()),
      random: Math.random,
      ...(options.answerMsMax === undefined ? {} : { answerMsMax: options.answerMsMax }),
    });
    this.#connection = this.#makeConnection();
  }

  get status(): LinkStatus {
    const { up, url, reason } = this.#connection;
    return {
      connected: up,
      broker: url,
      reason: up ? undefined : reason,
      hostReady: this.#hosts.anyReady,
      inFlight: this.#sender.inFlight,
      lastReceiptAt: this.#lastReceiptAt,
      blocked: this.#sender.blocked,
    };
  }

  start(): void {
    this.#connection.start();
  }

  /** Something new waits in an outbox. */
  wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // Receipts come in bursts: one look at the outboxes serves them all.
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  /** The newest values for people's tools; never billed, so never queued. */
  publishLive(values: object): void {
    const topic = this.#topics.live(this.#options.device);
    this.#connection.publish({ topic, payload: JSON.stringify(values), qos: 0, retain: false });
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#hostTimer);
    await this.#connection.stop(this.#state({ online: false }));
  }

  #makeConnection(): Connection {
    const { chain, device, signer, brokers, backOff, onPrices } = this.#options;
    return new Connection({
      brokers,
      client: device,
      username: device,
      password: ({ id = chain }) =>
        loginToken({
          chain,
          identity: device,
          client: device,
          broker: id,
          signer,
          now: Date.now(),
        }),
      will: () => this.#will(),
      subscriptions: [
        this.#topics.receipts(device),
        this.#topics.host("+"),
        ...(onPrices === undefined ? [] : [this.#topics.prices]),
      ],
      onUp: () => this.#up(),
      onDown: (reason) => this.#down(reason),
      onMessage: (topic, payload) => this.#message(topic, payload),
      ...(backOff === undefined ? {} : { backOff }),
    });
  }

  #will(): Publication {
    // A number for each birth: a late will of an older session cannot end a newer one.
    if (this.#sessionUsed) this.#session = this.#options.nextSession();
    this.#sessionUsed = false;
    return this.#state({ online: false });
  }

  #state(state: object): Publication {
    const { device } = this.#options;
    const payload = JSON.stringify({ device, session: this.#session, ...state });
    return { topic: this.#topics.state(device), payload, qos: 1, retain: true };
  }

  #up(): void {
    const { log, counters, birth } = this.#options;
    this.#sessionUsed = true;
    this.#mandateSaid = false;
    counters.count("link.connected");
    log.info({ broker: this.#connection.url, session: this.#session }, "link up");
    this.#connection.publish(this.#state({ online: true, ...birth(this.#session) }));
    this.#awaitHost();
    this.wake();
  }

  #down(reason: string): void {
    this.#options.counters.count("link.lost");
    this.#options.log.warn({ reason }, "link down");
    this.#hosts.forget();
    this.#sender.connectionLost();
    clearTimeout(this.#timer);
    clearTimeout(this.#hostTimer);
  }

  #awaitHost(): void {
    clearTimeout(this.#hostTimer);
    if (this.#hosts.anyReady || this.#options.brokers.length < 2) return;
    this.#hostTimer = setTimeout(() => {
      this.#options.counters.count("link.no-host");
      this.#connection.moveOn("no aggregator behind this broker is ready to store");
    }, this.#options.hostMsMax ?? 30_000);
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (!this.#connection.up || !this.#hosts.anyReady) return;
    this.#guarded(() => this.#send());
  }

  /** Does what writes to the disk. One that is full or gone is told of and tried again. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isDiskFault(error)) throw error;
      this.#options.counters.count("journal.write-failed");
      this.#options.log.error({ err: error }, "the journal could not be written");
      // What was on its way is not noted as such: it goes again, which counts nothing twice.
      this.#sender.connectionLost();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#pump(), this.#options.diskMs ?? 5_000);
    }
  }

  #send(): void {
    const { device } = this.#options;
    this.#sayMandate();
    for (const { topic, frame } of this.#sender.next()) {
      const name = topic === "readings" ? this.#topics.readings(device) : this.#topics.quotes;
      this.#connection.publish({ topic: name, payload: frame.frame, qos: 1, retain: false });
    }
    const at = this.#sender.wakeAt();
    if (at === undefined) return;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, at - performance.now() + 1));
  }

  #sayMandate(): void {
    const { mandate } = this.#options;
    if (mandate === undefined || this.#mandateSaid) return;
    const topic = this.#topics.quotes;
    this.#mandateSaid = this.#connection.publish({
      topic,
      payload: mandate,
      qos: 1,
      retain: false,
    });
  }

  #message(name: string, payload: Uint8Array): void {
    this.#guarded(() => this.#take(name, payload));
  }

  #take(name: string, payload: Uint8Array): void {
    const topic = parseTopic(this.#options.chain, name);
    if (topic?.of === "device" && topic.name === "receipts") return this.#answer(payload);
    if (topic?.of === "market") return this.#options.onPrices?.(payload);
    if (topic?.of !== "host") return;
    if (!this.#hosts.take(topic.id, payload)) this.#options.counters.count("link.host-state");
    this.#awaitHost();
    this.wake();
  }

  #answer(payload: Uint8Array): void {
    const decoded = decodeAnswer(payload);
    if (!decoded.ok) {
      this.#options.counters.count(decoded.code);
      this.#options.log.warn({ code: decoded.code }, "answer not understood");
      return;
    }
    const { answer } = decoded;
    if (answer.kind === "receipt") this.#receipt(answer.receipt);
    else if (answer.kind === "refused") this.#refusal(answer.refused);
    else this.#tip(answer.tip);
    this.wake();
  }

  #receipt(receipt: Receipt): void {
    const { membership, counters, log, onCommitted } = this.#options;
    const checked = verifyReceipt(receipt, membership, verify);
    if (!checked.ok) {
      counters.count(checked.code);
      log.error({ code: checked.code, message: checked.message }, "receipt refused");
      return;
    }
    const ref = hexOf(sha256(receipt.frame));
    if (!this.#sender.committed(ref, encodeReceipt(receipt))) {
      counters.count("receipt.not-awaited");
      return;
    }
    this.#lastReceiptAt = Date.now();
    counters.count("receipt.verified");
    onCommitted?.();
  }

  #tip(proof: StateProof): void {
    const { membership, counters, log, onTip } = this.#options;
    const checked = verifyMeterTip(proof, membership, verify);
    if (!checked.ok) {
      counters.count(checked.code);
      log.error({ code: checked.code, message: checked.message }, "proof of the chain refused");
      return;
    }
    if (checked.tip === undefined || onTip === undefined) return;
    const { meter, state } = checked.tip;
    const adopted = onTip(checked.tip);
    if (adopted === "own") return;
    counters.count(`chain.${adopted}`);
    const about = { meter, next: state.next };
    if (adopted === "adopted") {
      log.warn(about, "went on with the ledger's chain of the meter");
      this.#sender.renewed("readings", meter);
      return;
    }
    const message = partedWords[adopted];
    log.warn(about, message);
    this.#sender.explain("readings", meter, message);
  }

  #refusal(refused: Refused): void {
    const { counters, log } = this.#options;
    const known = this.#sender.refused(hexOf(refused.ref), refused);
    counters.count(known ? refused.code : "refusal.not-ours");
    const { code, message, expected } = refused;
    if (known) log.warn({ code, message, expected }, "frame refused");
  }
}

/** Why readings wait that do not continue the ledger's chain, and what to do. */
const partedWords = {
  waits:
    "the ledger holds readings of this meter that are not in this journal; the unit goes on behind them once no other unit has sent any for a while",
  parted:
    "the ledger holds readings of this meter that are not in this journal: stop the other unit that signs with this key; if there is none, this data folder is an old copy: stop the unit, keep the folder elsewhere, start with an empty one",
} as const;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
