import { EventEmitter, once } from "node:events";
import { createServer, type Server } from "node:net";
import {
  type Answer,
  decodeMessage,
  encodeAnswer,
  type Membership,
  openFrame,
  type Receipt,
  type Signer,
  topicsOf,
  verifyEnvelope,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Aedes } from "aedes";
import { type CommittedFrame, refusal, StandInLedger } from "./stand-in-ledger.ts";

/** What the aggregator does with the next frame; left out, it commits it and answers. */
export type Mood = "answer" | "silent" | "twice" | "forge" | "full" | "forget";

/**
 * One aggregator without a ledger behind it, for tests of an edge unit: a real broker, sequence
 * checks, real receipts with one member's signature, and moods. What it committed outlives
 * `stop` and `start`, as a disk would.
 *
 * Emits `frame` (kind, mood), `message` (topic, payload) and `login` (ok).
 */
export class FakeAggregator extends EventEmitter {
  /** Two aggregators of one consortium may be given the same. */
  ledger: StandInLedger;
  readonly devices = new Map<string, Uint8Array>();
  readonly retained = new Map<string, string>();
  /** Chosen for each frame. */
  mood: () => Mood = () => "answer";
  ready = true;
  port = 0;
  logins = 0;
  #broker: Aedes | undefined;
  #server: Server | undefined;

  constructor(chain: string, member: Signer) {
    super();
    this.ledger = new StandInLedger(chain, member);
  }

  get chain(): string {
    return this.ledger.chain;
  }

  get member(): Signer {
    return this.ledger.member;
  }

  get membership(): Membership {
    return this.ledger.membership;
  }

  /** The frames on the ledger, in order. */
  get frames(): readonly CommittedFrame[] {
    return this.ledger.frames;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Readings that are on the ledger, by meter. */
  committed(meter: string): number {
    return this.ledger.committed(meter);
  }

  async start(): Promise<void> {
    const broker = await Aedes.createBroker();
    broker.authenticate = (client, username, password, done) => {
      const ok = this.#login(client.id, username, password);
      this.logins += 1;
      this.emit("login", ok);
      done(null, ok);
    };
    broker.authorizePublish = (client, packet, done) => {
      done(null);
      if (client === null) return;
      const payload = Buffer.from(packet.payload);
      if (packet.retain) this.retained.set(packet.topic, payload.toString());
      this.emit("message", packet.topic, payload);
      if (/\/(readings|quotes)$/.test(packet.topic)) this.#take(new Uint8Array(payload), client.id);
    };
    this.#broker = broker;
    this.#server = createServer(broker.handle);
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    if (typeof address === "object" && address !== null) this.port = address.port;
    this.sayReady(this.ready);
  }

  /** Stops hard: connections are cut, answers under way are lost. */
  async stop(): Promise<void> {
    const [broker, server] = [this.#broker, this.#server];
    this.#broker = undefined;
    this.#server = undefined;
    await new Promise<void>((resolve) =>
      broker === undefined ? resolve() : broker.close(resolve),
    );
    await new Promise<void>((resolve) =>
      server === undefined ? resolve() : server.close(() => resolve()),
    );
  }

  sayReady(ready: boolean): void {
    this.ready = ready;
    const state = { member: "m1", ready, height: this.ledger.height, time: 0 };
    this.publish(topicsOf(this.chain).host("m1"), JSON.stringify(state), true);
  }

  publish(topic: string, payload: string | Uint8Array, retain = false): void {
    void this.published(topic, payload, retain);
  }

  /** The same; resolves when it went out to all who follow the topic, as fast as they take it. */
  published(topic: string, payload: string | Uint8Array, retain = false): Promise<void> {
    const packet = {
      cmd: "publish",
      topic,
      payload: Buffer.from(payload),
      qos: 1,
      retain,
      dup: false,
    } as const;
    const broker = this.#broker;
    if (broker === undefined) return Promise.resolve();
    return new Promise((resolve) => broker.publish(packet, () => resolve()));
  }

  #login(client: string, username?: string, password?: Buffer): boolean {
    const key = this.devices.get(username ?? "");
    const opened = openFrame(new Uint8Array(Buffer.from(String(password), "base64url")));
    if (key === undefined || !opened.ok || opened.frame.kind !== "login") return false;
    const { envelope } = opened.frame;
    const decoded = decodeMessage("login", envelope.payload);
    const genuine = verifyEnvelope(envelope, { chain: this.chain, kind: "login" }, key, verify);
    return (
      genuine &&
      decoded.ok &&
      decoded.message.client === client &&
      decoded.message.until > Date.now()
    );
  }

  #take(bytes: Uint8Array, device: string): void {
    const opened = openFrame(bytes);
    if (!opened.ok) throw new Error(opened.message);
    const { kind } = opened.frame;
    const mood = this.mood();
    if (mood === "full" && !this.ledger.knows(bytes)) {
      this.#answer(device, refusal(bytes, "pool.full"));
    } else if (mood !== "forget") {
      const verdict = this.ledger.take(bytes);
      if (verdict.kind === "refused") this.#answer(device, verdict);
      else this.#answerReceipt(device, verdict.receipt, mood);
    }
    this.emit("frame", kind, mood);
  }

  #answerReceipt(device: string, receipt: Receipt, mood: Mood): void {
    if (mood === "silent") return;
    if (mood === "forge") {
      const [vote] = receipt.certificate;
      const certificate =
        vote === undefined ? [] : [{ ...vote, signature: new Uint8Array(64).fill(1) }];
      return this.#answer(device, { kind: "receipt", receipt: { ...receipt, certificate } });
    }
    this.#answer(device, { kind: "receipt", receipt });
    if (mood === "twice") this.#answer(device, { kind: "receipt", receipt });
  }

  /** A receipt of a block that holds this frame between two others. */
  receiptOf(frame: Uint8Array): Receipt {
    return this.ledger.receiptOf(frame);
  }

  #answer(device: string, answer: Answer): void {
    this.publish(topicsOf(this.chain).receipts(device), encodeAnswer(answer));
  }
}
