import { type BrokerLogin, dialBroker } from "../address.ts";
import { type Message, MqttSession, type Publication, type SessionOptions } from "../session.ts";

/** Which broker is looked at, and as whom. */
export type ProbeTarget = {
  readonly url: string;
  readonly user?: string | undefined;
  /** A fresh one for each connection: a login token is good for one. */
  readonly password?: ((client: string) => Uint8Array) | undefined;
  readonly tls?: BrokerLogin["tls"];
  readonly site: string;
  /** An id that no device has; all that is published stands below its topics. */
  readonly device: string;
  /** How a client id has to begin, where the broker binds it to the user. */
  readonly clientPrefix: string;
  /** Nothing more comes when nothing came for so long, wall ms. */
  readonly quietMs: number;
};

export type OpenOptions = {
  readonly label: string;
  readonly version?: 4 | 5;
  readonly clean?: boolean;
  readonly will?: Publication;
  /** Received messages stay without an acknowledgement. */
  readonly silent?: boolean;
  readonly anonymous?: boolean;
};

const answerMs = 5_000;

/** One connection of the probe, with all that it received. */
export class ProbeClient {
  readonly session: MqttSession;
  readonly connack: Awaited<ReturnType<typeof MqttSession.open>>["connack"];
  readonly received: Message[];
  readonly #quietMs: number;
  readonly #heard: { wake: () => void };

  private constructor(
    opened: Awaited<ReturnType<typeof MqttSession.open>>,
    inbox: { readonly received: Message[]; readonly heard: { wake: () => void } },
    quietMs: number,
  ) {
    this.session = opened.session;
    this.connack = opened.connack;
    this.received = inbox.received;
    this.#heard = inbox.heard;
    this.#quietMs = quietMs;
  }

  /** Throws: `Failure` `external.*`. */
  static async open(target: ProbeTarget, options: OpenOptions): Promise<ProbeClient> {
    const { label, version = 4, clean = true, will, silent = false, anonymous = false } = options;
    const socket = await dialBroker(target.url, target, answerMs);
    const client = `${target.clientPrefix}${label}`;
    const received: Message[] = [];
    const heard = { wake: () => {} };
    const { user, password } = target;
    const login: Pick<SessionOptions, "user" | "password"> = anonymous
      ? {}
      : { user, ...(password === undefined ? {} : { password: password(client) }) };
    const opened = await MqttSession.open({
      ...{ socket, client, clean, version, ...login, answerMsMax: answerMs },
      ...(will === undefined ? {} : { will }),
      keepSeconds: 600,
      onMessage(message) {
        received.push(message);
        if (!silent) message.acknowledge();
        heard.wake();
      },
    });
    return new ProbeClient(opened, { received, heard }, target.quietMs);
  }

  /** Resolves once so many messages are there, or nothing came for the quiet time, or it is over. */
  async until(count: number, quietMs = this.#quietMs): Promise<readonly Message[]> {
    while (this.received.length < count) {
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const timer = setTimeout(() => resolve(false), quietMs);
      this.#heard.wake = () => resolve(true);
      const more = await Promise.race([promise, this.session.ended.then(() => false)]);
      clearTimeout(timer);
      if (!more) break;
    }
    return this.received;
  }
}
