import type { Logger } from "pino";
import type { Counters } from "../status/counters.ts";
import type { Publication } from "./connection.ts";

/** What the announcer works with. */
export type AnnouncerOptions = {
  /** What there is to tell now: retained messages by topic. */
  readonly wanted: () => readonly { readonly topic: string; readonly payload: string }[];
  /** Topics that were ever announced and not taken back; kept over restarts. */
  readonly announced: { read(): readonly string[]; write(topics: readonly string[]): void };
  /** Calls back when the broker acknowledged. */
  readonly publish: (publication: Publication, acknowledged: () => void) => boolean;
  readonly counters: Counters;
  readonly log: Logger;
};

/** So often in a row a connection may end over an announcement before the broker is taken to refuse it. */
const endsMax = 2;
/** Topics that are remembered: more meters than a unit ever had. */
const topicsMax = 256;

/**
 * Tells tools what there is, once a connection and when it changes, and takes back what is no more.
 * A broker that ends the connection instead of acknowledging (MQTT 3.1.1 has no other no) is told
 * nothing more: people's tools must never keep readings from the ledger.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #refusing = new Set<string>();
  readonly #said = new Map<string, string>();
  #broker: string | undefined;
  #unanswered = 0;
  #ends = 0;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Whether the broker has taken what there is to tell: then it knows the topics of single meters. */
  get taken(): boolean {
    return this.#unanswered === 0 && [...this.#said.values()].some((payload) => payload !== "");
  }

  /** A connection stands. Throws what the store of announced topics throws. */
  up(broker: string): void {
    if (broker !== this.#broker) this.#ends = 0;
    this.#broker = broker;
    this.#said.clear();
    this.#unanswered = 0;
    this.say();
  }

  /** `closed`: by the broker, without a reason that is known. */
  down(closed: boolean): void {
    const broker = this.#broker;
    const unanswered = this.#unanswered;
    this.#said.clear();
    this.#unanswered = 0;
    if (!closed || broker === undefined || unanswered === 0) return;
    this.#ends += 1;
    if (this.#ends < endsMax) return;
    this.#refusing.add(broker);
    this.#options.counters.count("link.announcement-refused");
    this.#options.log.warn({ broker }, "the broker takes no announcements for Home Assistant");
  }

  /** Publishes what differs from what this connection was told. Throws as `up`. */
  say(): void {
    if (this.#broker === undefined || this.#refusing.has(this.#broker)) return;
    const { wanted, announced } = this.#options;
    const messages = wanted();
    const topics = new Set(messages.map(({ topic }) => topic));
    const before = announced.read();
    const gone = before.filter((topic) => !topics.has(topic));
    const all = [...topics, ...gone].slice(0, topicsMax);
    // Noted first: what was announced and forgotten would stay in Home Assistant for ever.
    if (all.some((topic) => !before.includes(topic))) announced.write(all);
    for (const message of [...messages, ...gone.map((topic) => ({ topic, payload: "" }))]) {
      this.#publish(message);
    }
  }

  #publish({ topic, payload }: { readonly topic: string; readonly payload: string }): void {
    if (this.#said.get(topic) === payload) return;
    this.#unanswered += 1;
    const broker = this.#broker;
    const acknowledged = () => {
      if (broker !== this.#broker || this.#unanswered === 0) return;
      this.#unanswered -= 1;
      if (this.#unanswered === 0) this.#ends = 0;
    };
    const sent = this.#options.publish({ topic, payload, qos: 1, retain: true }, acknowledged);
    if (sent) this.#said.set(topic, payload);
    else this.#unanswered -= 1;
  }
}
