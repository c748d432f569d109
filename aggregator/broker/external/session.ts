import type { Socket } from "node:net";
import type { Failure } from "@busbar/protocol";
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type Packet,
  parser,
} from "mqtt-packet";
import { failure } from "./address.ts";

export type Publication = {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  readonly qos: 0 | 1;
  readonly retain?: boolean;
};

/** A message as it came. Its receiver calls `acknowledge` when it is done with it (QoS 1). */
export type Message = {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** The broker says that it may have sent it before. */
  readonly again: boolean;
  acknowledge(): void;
};

export type SessionOptions = {
  readonly socket: Socket;
  readonly client: string;
  readonly user?: string | undefined;
  readonly password?: Uint8Array | undefined;
  /** Whether the broker forgets subscriptions and messages of earlier connections of this client. */
  readonly clean: boolean;
  readonly will?: Publication;
  /** 4: MQTT 3.1.1, which every broker speaks; 5: MQTT 5. */
  readonly version?: 4 | 5;
  /** How long the broker keeps the session after the connection, seconds; with MQTT 5. */
  readonly keepSeconds?: number;
  readonly keepaliveSeconds?: number;
  /** CONNACK, SUBACK and PUBACK that do not come in so long end the session. */
  readonly answerMsMax?: number;
  readonly onMessage?: (message: Message) => void;
};

/** The largest packet that is taken in: more without an end would fill the memory. */
const packetBytesMax = 2 * 1024 * 1024;
const identifierMax = 65_535;
const closeMsMax = 1_000;
/** A SUBACK's answer that is no granted QoS. */
const refusedFrom = 128;

/**
 * One connection to a broker, as long as it lives. Unlike mqtt.js it lets its receiver acknowledge
 * messages when and in which order it likes, many at a time: so "acknowledged" can mean "stored
 * elsewhere" without waiting for each. It queues nothing, resends nothing, and never reconnects.
 */
export class MqttSession {
  /** Resolves when the session is over, with the reason. */
  readonly ended: Promise<Failure>;
  readonly #socket: Socket;
  readonly #version: 4 | 5;
  readonly #options: Required<
    Pick<SessionOptions, "answerMsMax" | "keepaliveSeconds" | "onMessage">
  >;
  readonly #waiting = new Map<number, (packet: Packet) => void>();
  readonly #failing = new Set<(reason: Failure) => void>();
  #connack: ((packet: IConnackPacket) => void) | undefined;
  #identifier = 0;
  #unread = 0;
  #heardAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #reason: Failure | undefined;
  #end: (reason: Failure) => void = () => {};

  private constructor(options: SessionOptions) {
    const { socket, version = 4 } = options;
    this.#socket = socket;
    this.#version = version;
    this.#options = { answerMsMax: 10_000, keepaliveSeconds: 30, onMessage: () => {}, ...options };
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const read = parser({ protocolVersion: version });
    read.on("packet", (packet) => this.#take(packet));
    read.on("error", (error: Error) =>
      this.#stop(failure("external.malformed", `no MQTT from the broker: ${error.message}`)),
    );
    socket.on("data", (bytes: Buffer) => {
      this.#heardAt = performance.now();
      this.#unread += bytes.length;
      read.parse(bytes);
      if (this.#unread <= packetBytesMax) return;
      const message = `a packet of more than ${packetBytesMax} bytes; expected at most so many`;
      this.#stop(failure("external.packet-too-large", message));
    });
    socket.once("close", () =>
      this.#stop(failure("external.closed", "the broker closed the connection")),
    );
    if (socket.destroyed) this.#stop(failure("external.closed", "the connection is closed"));
  }

  /** Throws: `Failure` `external.login`, `external.answer`, `external.closed`, `external.malformed`. */
  static async open(
    options: SessionOptions,
  ): Promise<{ readonly session: MqttSession; readonly connack: IConnackPacket }> {
    const session = new MqttSession(options);
    const connack = await session.#connect(options);
    return { session, connack };
  }

  get over(): boolean {
    return this.#reason !== undefined;
  }

  /** Requests without an answer. */
  get unanswered(): number {
    return this.#waiting.size;
  }

  /** The QoS that each filter was granted, in order; 128 and above: refused. */
  async subscribe(filters: readonly string[], qos: 0 | 1 = 1): Promise<readonly number[]> {
    if (filters.length === 0) return [];
    const subscriptions = filters.map((topic) => ({ topic, qos }));
    const packet = await this.#ask("SUBSCRIBE", (messageId) => ({
      cmd: "subscribe",
      messageId,
      subscriptions,
    }));
    return packet.cmd === "suback" ? packet.granted.map(Number) : [];
  }

  /** As `subscribe`, where each filter has to be granted. Throws: `Failure` `external.subscription`. */
  async insist(filters: readonly string[], qos: 0 | 1 = 1): Promise<void> {
    const granted = await this.subscribe(filters, qos);
    const refused = filters.filter((_, i) => (granted[i] ?? refusedFrom) >= refusedFrom);
    if (refused.length === 0) return;
    const message = `the broker refuses to let us hear ${refused.slice(0, 3).join(", ")}; give this user the rights that broker-files writes`;
    throw failure("external.subscription", message);
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    if (filters.length === 0) return;
    await this.#ask("UNSUBSCRIBE", (messageId) => ({
      cmd: "unsubscribe",
      messageId,
      unsubscriptions: [...filters],
    }));
  }

  /** Resolves with QoS 1 at the PUBACK, with its reason code (MQTT 5), with QoS 0 at once. */
  async publish({ topic, payload, qos, retain = false }: Publication): Promise<number> {
    const packet = (messageId?: number): IPublishPacket => ({
      ...{ cmd: "publish", topic, payload: bytesOf(payload), qos, retain, dup: false },
      ...(messageId === undefined ? {} : { messageId }),
    });
    if (qos === 0) {
      this.#send(packet());
      return 0;
    }
    const answer = await this.#ask("PUBLISH", packet);
    return answer.cmd === "puback" ? (answer.reasonCode ?? 0) : 0;
  }

  /** No more is read until `resume`; what was read already is still handed over. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says good-bye, so that no last will is published. */
  close(): void {
    if (this.over) return;
    const socket = this.#socket;
    socket.end(generate({ cmd: "disconnect" } as Packet, { protocolVersion: this.#version }));
    // A broker that does not close its side must not hold up ours.
    setTimeout(() => socket.destroy(), closeMsMax).unref();
    this.#stop(failure("external.closed", "closed by ourselves"), false);
  }

  /** Ends without a word, as a power cut does. */
  cut(): void {
    this.#stop(failure("external.closed", "cut by ourselves"));
  }

  async #connect(options: SessionOptions): Promise<IConnackPacket> {
    const { client, user, password, clean, will, keepSeconds } = options;
    const packet: IConnectPacket = {
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: this.#version,
      clientId: client,
      clean,
      keepalive: this.#options.keepaliveSeconds,
      ...(user === undefined ? {} : { username: user }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
      ...(will === undefined
        ? {}
        : {
            will: {
              topic: will.topic,
              payload: bytesOf(will.payload),
              qos: will.qos,
              retain: will.retain ?? false,
            },
          }),
      ...(this.#version === 5
        ? { properties: { sessionExpiryInterval: clean ? 0 : (keepSeconds ?? 0) } }
        : {}),
    };
    const connack = await this.#answered<IConnackPacket>("CONNECT", (resolve) => {
      this.#connack = resolve;
      this.#send(packet);
    });
    const code = (this.#version === 5 ? connack.reasonCode : connack.returnCode) ?? 0;
    if (code !== 0) {
      const message = `the broker does not let ${user ?? "anybody without a name"} in: ${reasonOf(code, connack)}`;
      const refused = failure("external.login", message);
      this.#stop(refused);
      throw refused;
    }
    this.#keepAlive();
    return connack;
  }

  #keepAlive(): void {
    const everyMs = this.#options.keepaliveSeconds * 1_000;
    this.#timer = setInterval(() => {
      if (performance.now() - this.#heardAt > everyMs * 1.5) {
        return this.#stop(failure("external.answer", "the broker is silent"));
      }
      this.#send({ cmd: "pingreq" });
    }, everyMs / 2);
  }

  #take(packet: Packet): void {
    this.#unread = 0;
    switch (packet.cmd) {
      case "publish":
        return this.#deliver(packet);
      case "connack": {
        const resolve = this.#connack;
        this.#connack = undefined;
        return resolve?.(packet);
      }
      case "suback":
      case "unsuback":
      case "puback": {
        const { messageId = 0 } = packet;
        const resolve = this.#waiting.get(messageId);
        this.#waiting.delete(messageId);
        return resolve?.(packet);
      }
      case "disconnect":
        return this.#stop(
          failure("external.closed", `the broker disconnects: ${reasonOf(packet.reasonCode ?? 0)}`),
        );
      default:
        // PINGRESP, and what a broker never sends to us: nothing waits for it.
        return;
    }
  }

  #deliver(packet: IPublishPacket): void {
    const { topic, payload, qos, retain, dup, messageId } = packet;
    let open = qos > 0;
    this.#options.onMessage({
      topic,
      // A copy of its own: the payload is a view that would keep a whole socket read in memory.
      payload: new Uint8Array(typeof payload === "string" ? Buffer.from(payload) : payload),
      qos,
      retain,
      again: dup,
      acknowledge: () => {
        if (!open || messageId === undefined) return;
        open = false;
        this.#send({ cmd: "puback", messageId });
      },
    });
  }

  #ask(what: string, packet: (messageId: number) => Packet): Promise<Packet> {
    const id = this.#nextIdentifier();
    return this.#answered<Packet>(what, (resolve) => {
      this.#waiting.set(id, resolve);
      this.#send(packet(id));
    });
  }

  /** Not answered in time: the session is over, for nobody knows what else got lost. */
  #answered<T>(what: string, ask: (resolve: (answer: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#reason !== undefined) return reject(this.#reason);
      const { answerMsMax } = this.#options;
      const late = setTimeout(() => {
        this.#stop(failure("external.answer", `no answer to ${what} in ${answerMsMax} ms`));
      }, answerMsMax);
      const fail = (reason: Failure) => {
        clearTimeout(late);
        reject(reason);
      };
      this.#failing.add(fail);
      ask((answer) => {
        clearTimeout(late);
        this.#failing.delete(fail);
        resolve(answer);
      });
    });
  }

  #nextIdentifier(): number {
    do this.#identifier = (this.#identifier % identifierMax) + 1;
    while (this.#waiting.has(this.#identifier));
    return this.#identifier;
  }

  #send(packet: Packet): void {
    if (this.#reason !== undefined || !this.#socket.writable) return;
    this.#socket.write(generate(packet, { protocolVersion: this.#version }));
  }

  #stop(reason: Failure, destroy = true): void {
    if (destroy) this.#socket.destroy();
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    clearInterval(this.#timer);
    for (const fail of this.#failing) fail(reason);
    this.#failing.clear();
    this.#waiting.clear();
    this.#end(reason);
  }
}

function bytesOf(payload: string | Uint8Array): Buffer {
  return typeof payload === "string" ? Buffer.from(payload) : Buffer.from(payload);
}

/** MQTT 3.1.1 table 3.1, and those of MQTT 5 §2.4 that brokers answer CONNECT with. */
const reasons: Readonly<Record<number, string>> = {
  1: "it does not speak this version of MQTT",
  2: "it does not take the client id",
  3: "it is not available",
  4: "bad user name or password",
  5: "not authorized",
  132: "it does not speak this version of MQTT",
  133: "it does not take the client id",
  134: "bad user name or password",
  135: "not authorized",
  136: "it is not available",
  137: "it is busy",
  142: "another connection took the client id over",
  149: "packet too large",
};

function reasonOf(code: number, connack?: IConnackPacket): string {
  const said = connack?.properties?.reasonString;
  return `${reasons[code] ?? "refused"} (${code}${said === undefined ? "" : `, ${said}`})`;
}
