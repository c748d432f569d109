import type { MemberEntry } from "@busbar/protocol";
import { brokerProblem } from "../config/broker-url.ts";
import type { BrokerConfig } from "../config/schema.ts";
import type { StepNotes } from "./councils.ts";

/** What was learned of a member, and with which block: an older proof changes nothing. */
type Known = { readonly height: number; readonly active: boolean; readonly broker?: string };

const noteName = "member-brokers";

/** Members that are kept at most: more than can be active at once, with some that left. */
const knownMax = 256;

/**
 * The brokers of members as the ledger proves them, behind those that the unit was enrolled with: a
 * consortium whose first members have all been replaced is still found. Noted over restarts.
 */
export class MemberBrokers {
  /** Nearest first. It grows while the unit runs; what is gone is left out at the next start. */
  readonly list: readonly BrokerConfig[];
  readonly #list: BrokerConfig[];
  readonly #notes: StepNotes | undefined;
  readonly #known: Map<string, Known>;

  constructor(pinned: readonly BrokerConfig[], notes?: StepNotes) {
    this.#notes = notes;
    this.#known = recall(notes?.read(noteName));
    const gone = this.#brokers(false);
    const present = this.#brokers(true);
    // A pinned one goes where its member left, unless there would be none.
    const kept = pinned.filter(({ url }) => present.has(url) || !gone.has(url));
    this.#list = kept.length + present.size === 0 ? [...pinned] : [...kept];
    this.list = this.#list;
    for (const url of present) this.#add(url);
  }

  /** Ids of active members that are known by proof: their word as hosts counts. */
  get members(): readonly string[] {
    return [...this.#known].filter(([, { active }]) => active).map(([id]) => id);
  }

  /** Takes an entry that the block of a height proves. Returns whether it said anything new. Throws
   * what the notes throw. */
  take({ id, state, broker }: MemberEntry, height: number): boolean {
    const before = this.#known.get(id);
    if (before !== undefined && height <= before.height) return false;
    if (before === undefined && this.#known.size >= knownMax) return false;
    const active = state === "active";
    if (before?.active === active && before.broker === broker) return false;
    this.#known.set(id, { height, active, ...(broker === undefined ? {} : { broker }) });
    this.#notes?.write(noteName, JSON.stringify([...this.#known]));
    if (active && broker !== undefined) this.#add(broker);
    return true;
  }

  #add(url: string): void {
    const broker = { url, allowPlainText: false };
    if (this.#list.some((one) => one.url === url) || brokerProblem(broker) !== undefined) return;
    this.#list.push(broker);
  }

  #brokers(active: boolean): Set<string> {
    const some = [...this.#known.values()].filter((known) => known.active === active);
    return new Set(some.flatMap(({ broker }) => (broker === undefined ? [] : [broker])));
  }
}

/** A note that cannot be read is learned anew. */
function recall(noted: string | undefined): Map<string, Known> {
  try {
    return new Map(JSON.parse(noted ?? "[]") as [string, Known][]);
  } catch {
    return new Map();
  }
}
