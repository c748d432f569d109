import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeAnswer, type Membership, topicsOf, verifyReceipt } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import mqtt, { type MqttClient } from "mqtt";
import { chain, entry, MeterChain, signerOfName } from "../../aggregator/ledger/test-site.ts";
import { loginToken } from "../support/login-token.ts";

/** A batch follows the one before after so long. */
const everyMs = 100;
/** Without an answer for so long another broker is tried. */
const patienceMs = 3_000;
/** Batches under way at once: what a unit holds back while nobody answers. */
const windowSize = 16;

type Outstanding = { readonly name: string; readonly frame: Buffer; sent: boolean };

/**
 * What an edge unit does: signs readings, keeps each batch until it has verified the ledger's receipt
 * for it, says again in order whatever was not answered, and goes to another broker when its own does
 * not answer.
 */
export class PublishingUnit {
  readonly owner: string;
  readonly #brokers: readonly number[];
  /** The members at one time or another, as a unit follows them. */
  readonly #memberships: readonly Membership[];
  readonly #meter: MeterChain;
  readonly #outstanding = new Map<string, Outstanding>();
  readonly #refusals = new Map<string, number>();
  #broker: number;
  #register = 0;
  #time = 0;
  #receipts = 0;
  #answeredAt = 0;
  #publishing = true;
  #resting = false;
  #stopped = false;
  #working: Promise<unknown>;
  #client: MqttClient | undefined;

  constructor(
    owner: string,
    to: {
      readonly brokers: readonly number[];
      readonly memberships: readonly Membership[];
      readonly first: number;
    },
  ) {
    this.owner = owner;
    this.#brokers = to.brokers;
    this.#memberships = to.memberships;
    this.#broker = to.first;
    this.#meter = new MeterChain(owner);
    this.#working = Promise.all([this.#produce(), this.#connectAgainAndAgain()]);
  }

  /** Readings that were signed. */
  get taken(): number {
    return this.#meter.next - 1;
  }

  /** Batches whose receipt was verified. */
  get receipts(): number {
    return this.#receipts;
  }

  /** Batches that wait for their receipt. */
  get waiting(): number {
    return this.#outstanding.size;
  }

  /** Why batches were refused before they were taken after all, and how often. */
  get refusals(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refusals);
  }

  /** Takes no more readings; what is under way goes on. */
  endPublishing(): void {
    this.#publishing = false;
  }

  /** Takes no readings until it goes on. */
  rest(): void {
    this.#resting = true;
  }

  goOn(): void {
    this.#resting = false;
  }

  async stop(): Promise<void> {
    this.#publishing = false;
    this.#stopped = true;
    this.#client?.end(true);
    await this.#working;
  }

  async #produce(): Promise<void> {
    while (this.#publishing) {
      const isFree = !this.#resting && this.#outstanding.size < windowSize;
      if (isFree) this.#takeReadings();
      await sleep(everyMs);
    }
  }

  #takeReadings(): void {
    this.#time = Math.max(this.#time + 1, Date.now());
    this.#register += 1;
    const frame = Buffer.from(this.#meter.frame(entry(this.#time, this.#register)));
    const name = createHash("sha256").update(frame).digest("hex");
    this.#outstanding.set(name, { name, frame, sent: false });
    this.#send();
  }

  #send(): void {
    const client = this.#client;
    if (client?.connected !== true) return;
    const topic = topicsOf(chain).readings(this.#meter.device);
    for (const batch of this.#outstanding.values()) {
      if (batch.sent) continue;
      batch.sent = true;
      client.publish(topic, batch.frame, { qos: 1 });
    }
  }

  #sendAgain(): void {
    for (const batch of this.#outstanding.values()) batch.sent = false;
    this.#send();
  }

  async #connectAgainAndAgain(): Promise<void> {
    while (!this.#stopped) {
      await this.#connection(this.#brokers[this.#broker] ?? 0);
      this.#broker = (this.#broker + 1) % this.#brokers.length;
      if (!this.#stopped) await sleep(everyMs);
    }
  }

  /** Resolves when a connection is over, or brings nothing any more. */
  async #connection(port: number): Promise<void> {
    const id = this.#meter.device;
    const password = Buffer.from(loginToken({ identity: id, signer: signerOfName(id), chain }));
    const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      clientId: id,
      username: id,
      password,
      reconnectPeriod: 0,
      connectTimeout: patienceMs,
      protocolVersion: 4,
    });
    this.#client = client;
    this.#answeredAt = performance.now();
    const over = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.on("error", () => {});
    client.on("message", (_, payload) => this.#answered(new Uint8Array(payload)));
    client.once("connect", () => {
      client.subscribe(topicsOf(chain).receipts(id), { qos: 1 }, () => this.#sendAgain());
    });
    const watch = setInterval(() => {
      if (this.#outstanding.size === 0) this.#answeredAt = performance.now();
      if (performance.now() - this.#answeredAt > patienceMs) client.end(true);
    }, everyMs);
    await over;
    clearInterval(watch);
    client.end(true);
  }

  #answered(payload: Uint8Array): void {
    const decoded = decodeAnswer(payload);
    if (!decoded.ok) throw new Error(decoded.message);
    const { answer } = decoded;
    if (answer.kind === "refused") {
      const { code } = answer.refused;
      this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
      setTimeout(() => this.#sendAgain(), everyMs);
    }
    if (answer.kind !== "receipt") return;
    const checks = this.#memberships.map((one) => verifyReceipt(answer.receipt, one, verify));
    if (!checks.some(({ ok }) => ok)) throw new Error("a receipt proves nothing");
    const name = createHash("sha256").update(answer.receipt.frame).digest("hex");
    if (!this.#outstanding.delete(name)) return;
    this.#receipts += 1;
    this.#answeredAt = performance.now();
  }
}
