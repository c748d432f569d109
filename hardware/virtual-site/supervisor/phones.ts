import { randomInt } from "node:crypto";
import { sealFrame, topicsOf, utcMs } from "@busbar/protocol";
import { type KeyFile, readKeyFile, signerOf } from "@busbar/protocol/node";
import { openNotice } from "@busbar/protocol/notice";
import mqtt, { type MqttClient } from "mqtt";
import { type Part, type Ports, site } from "./cast.ts";
import type { Home } from "./home.ts";

/** A notice as its owner reads it; `time` is site ms. */
export type Told = {
  readonly id: string;
  readonly owner: string;
  readonly time: number;
  readonly title: string;
};

/** Notices remembered: enough to show, and to know one that comes again after a kill. */
const rememberedMax = 500;
const tokenMs = 60_000;
/** Pause before the next attempt, ms: not all phones of a site in the same instant. */
const pauseMs = { min: 300, max: 900 };

/** What the owners carry with them: one connection each, on which it gets and opens its notices. */
export class Phones {
  readonly #phones: readonly Phone[];
  readonly #newest = new Map<string, Told>();
  #received = 0;

  /** Reads the owners' keys. Throws: `Failure` `key.*`. */
  constructor(home: Home, cast: readonly Part[], ports: Ports) {
    this.#phones = cast.map((part) => {
      const keys = readKeyFile(home.ownerKey(part));
      const url = `mqtt://127.0.0.1:${ports.broker}`;
      return new Phone({ url, owner: part.owner, keys, onNotice: (told) => this.#take(told) });
    });
  }

  /** Different notices received since the start. */
  get received(): number {
    return this.#received;
  }

  /** The newest notices, the newest last. */
  newest(count: number): readonly Told[] {
    return [...this.#newest.values()].slice(-count);
  }

  start(): void {
    for (const phone of this.#phones) phone.start();
  }

  stop(): void {
    for (const phone of this.#phones) phone.stop();
  }

  #take(told: Told): void {
    if (this.#newest.has(told.id)) return;
    this.#received += 1;
    this.#newest.set(told.id, told);
    const [oldest] = this.#newest.keys();
    if (this.#newest.size > rememberedMax && oldest !== undefined) this.#newest.delete(oldest);
  }
}

type PhoneOptions = {
  readonly url: string;
  readonly owner: string;
  readonly keys: KeyFile;
  readonly onNotice: (told: Told) => void;
};

/** One owner's connection, made again by itself whenever it ends. */
class Phone {
  readonly #options: PhoneOptions;
  #client: MqttClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: PhoneOptions) {
    this.#options = options;
  }

  start(): void {
    const { url, owner, keys, onNotice } = this.#options;
    const clientId = `${owner}:phone`;
    const client = mqtt.connect(url, {
      clientId,
      username: owner,
      password: loginToken({ owner, client: clientId, keys }),
      protocolVersion: 4,
      keepalive: 30,
      connectTimeout: 10_000,
      // It would offer the same token again, which a broker takes once.
      reconnectPeriod: 0,
      resubscribe: false,
    });
    this.#client = client;
    client.on("connect", () => {
      client.subscribe(topicsOf(site).notices(owner), { qos: 1 }, (error) => {
        if (error !== null) client.end(true);
      });
    });
    client.on("message", (_, payload) => {
      const told = opened(payload, keys);
      if (told !== undefined) onNotice(told);
    });
    // The broker may be starting again; `close` follows, and with it the next attempt.
    client.on("error", () => undefined);
    client.once("close", () => {
      client.end(true);
      if (this.#stopped) return;
      this.#timer = setTimeout(() => this.start(), randomInt(pauseMs.min, pauseMs.max));
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#client?.end(true);
  }
}

function loginToken(as: {
  readonly owner: string;
  readonly client: string;
  readonly keys: KeyFile;
}): string {
  const { owner: identity, client, keys } = as;
  const at = Date.now();
  const login = { identity, client, broker: site, at: utcMs(at), until: at + tokenMs };
  const frame = sealFrame("login", login, { chain: site, signer: signerOf(keys) });
  return Buffer.from(frame).toString("base64url");
}

/** Undefined for what is not a notice to this owner. */
function opened(payload: Uint8Array, { box }: KeyFile): Told | undefined {
  const notice = openNotice(new Uint8Array(payload), box);
  if (!notice.ok) return undefined;
  try {
    const told = JSON.parse(new TextDecoder().decode(notice.plain)) as Told;
    return Number.isSafeInteger(told.time) && typeof told.title === "string" ? told : undefined;
  } catch {
    // A box can be closed by anybody who knows the owner's public key, around anything.
    return undefined;
  }
}
