import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type Server } from "node:net";
import {
  type Answer,
  type BlockHeader,
  chainHeads,
  chainStart,
  compareBytes,
  decodeMessage,
  encodeAnswer,
  encodeHeader,
  inclusionProof,
  type Kind,
  type Membership,
  merkleRoot,
  openFrame,
  type Receipt,
  type Signer,
  toBeSigned,
  topicsOf,
  utcMs,
  validatorsHash,
  verifyEnvelope,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Aedes } from "aedes";

/** What the aggregator does with the next frame; left out, it commits it and answers. */
export type Mood = "answer" | "silent" | "twice" | "forge" | "full" | "forget";

type Meter = { next: number; head: Uint8Array };

/**
 * One aggregator without a ledger behind it, for tests of an edge unit: a real broker, sequence
 * checks, real receipts with one member's signature, and moods. What it committed outlives
 * `stop` and `start`, as a disk would.
 *
 * Emits `frame` (kind, mood), `message` (topic, payload) and `login` (ok).
 */
export class FakeAggregator extends EventEmitter {
  readonly chain: string;
  readonly member: Signer;
  readonly devices = new Map<string, Uint8Array>();
  readonly frames: { readonly kind: Kind; readonly bytes: Uint8Array }[] = [];
  readonly retained = new Map<string, string>();
  /** Chosen for each frame. */
  mood: () => Mood = () => "answer";
  ready = true;
  port = 0;
  logins = 0;
  readonly #meters = new Map<string, Meter>();
  readonly #receipts = new Map<string, Receipt>();
  #broker: Aedes | undefined;
  #server: Server | undefined;

  constructor(chain: string, member: Signer) {
    super();
    this.chain = chain;
    this.member = member;
  }

  get membership(): Membership {
    return { chain: this.chain, members: [{ id: "m1", key: this.member.publicKey, voting: true }] };
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Readings that are on the ledger, by meter. */
  committed(meter: string): number {
    return (this.#meters.get(meter)?.next ?? 1) - 1;
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
    const state = { member: "m1", ready, height: this.#receipts.size, time: 0 };
    this.publish(topicsOf(this.chain).host("m1"), JSON.stringify(state), true);
  }

  publish(topic: string, payload: string | Uint8Array, retain = false): void {
    const packet = {
      cmd: "publish",
      topic,
      payload: Buffer.from(payload),
      qos: 1,
      retain,
      dup: false,
    } as const;
    this.#broker?.publish(packet, () => {});
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
    const { kind, envelope } = opened.frame;
    const mood = this.mood();
    const ref = sha256(bytes);
    const refuse = (code: string, expected?: number) =>
      this.#answer(device, {
        kind: "refused",
        refused: { ref, code, message: code, ...(expected === undefined ? {} : { expected }) },
      });
    if (mood === "forget") return void this.emit("frame", kind, mood);
    const known = this.#receipts.get(hex(ref));
    if (mood === "full" && known === undefined) {
      refuse("pool.full");
    } else {
      const wrong = known === undefined ? this.#apply(kind, envelope.payload) : undefined;
      if (wrong !== undefined) refuse(wrong.code, wrong.expected);
      else this.#commit(kind, bytes, device, mood);
    }
    this.emit("frame", kind, mood);
  }

  #apply(kind: Kind, payload: Uint8Array): { code: string; expected?: number } | undefined {
    if (kind !== "readings") return undefined;
    const decoded = decodeMessage("readings", payload);
    if (!decoded.ok) return { code: decoded.code };
    const { meter, first, prev, entries } = decoded.message;
    const at = this.#meters.get(meter) ?? { next: 1, head: chainStart(this.chain, meter) };
    if (first !== at.next)
      return { code: first > at.next ? "readings.gap" : "readings.overlap", expected: at.next };
    if (compareBytes(prev, at.head) !== 0) return { code: "readings.chain", expected: at.next };
    this.#meters.set(meter, { next: first + entries.length, head: chainHeads(prev, entries) });
    return undefined;
  }

  #commit(kind: Kind, bytes: Uint8Array, device: string, mood: Mood): void {
    const ref = hex(sha256(bytes));
    let receipt = this.#receipts.get(ref);
    if (receipt === undefined) {
      this.frames.push({ kind, bytes });
      receipt = this.receiptOf(bytes);
      this.#receipts.set(ref, receipt);
    }
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
    const leaves = [Uint8Array.of(1), frame, Uint8Array.of(2)];
    const zero = new Uint8Array(32);
    const { members } = this.membership;
    const header: BlockHeader = {
      chain: this.chain,
      height: this.#receipts.size + 1,
      time: utcMs(1),
      previous: zero,
      txRoot: merkleRoot(leaves),
      resultsRoot: zero,
      appHash: zero,
      validatorsHash: validatorsHash(members),
      proposer: "m1",
      view: 0,
    };
    const { kid } = this.member;
    const signed = toBeSigned(encodeHeader(header), kid, { chain: this.chain, kind: "block" });
    const certificate = [{ kid, signature: this.member.sign(signed) }];
    return { header, certificate, index: 1, size: 3, proof: inclusionProof(leaves, 1), frame };
  }

  #answer(device: string, answer: Answer): void {
    this.publish(topicsOf(this.chain).receipts(device), encodeAnswer(answer));
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const sha256 = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());
