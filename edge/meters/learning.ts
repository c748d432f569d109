import { createHash } from "node:crypto";
import type { UtcMs } from "@busbar/protocol";
import type { BlockReader, Learned } from "./block-reader.ts";
import type { LearnedMeter, LearnedStore } from "./learned-file.ts";
import type { Profile } from "./profile.ts";
import type { RegisterPort } from "./reply-memory.ts";

/** What a meter lacked may be there after an update of its firmware: it is tried anew this often. */
const retryMs = 86_400_000;

const nothing: Learned = { breaks: [], missing: [] };

type Reader = Pick<BlockReader<never>, "learned" | "restore">;

/**
 * Keeps what is found out of one meter beyond the process, by its serial number, or by its place
 * where it says none, and forgets it with the meter, its profile or its firmware.
 */
export class Learning {
  readonly #store: LearnedStore | undefined;
  readonly #profile: Profile;
  readonly #basis: string;
  readonly #port: RegisterPort;
  readonly #unit: number;
  readonly #clock: () => UtcMs;
  #key: string | undefined;
  #kept: LearnedMeter | undefined;
  #since = 0;

  constructor(options: {
    readonly store: LearnedStore | undefined;
    readonly profile: Profile;
    readonly port: RegisterPort;
    readonly unit: number;
    readonly clock: () => UtcMs;
  }) {
    this.#store = options.store;
    this.#profile = options.profile;
    this.#basis = createHash("sha256").update(JSON.stringify(options.profile)).digest("base64url");
    this.#port = options.port;
    this.#unit = options.unit;
    this.#clock = options.clock;
  }

  /** The meter said who it is. `firmware` and `layout` are told where the protocol tells them. */
  identified(
    reader: Reader,
    identity: { readonly serialNumber?: string | undefined; readonly basis?: string | undefined },
  ): void {
    const { serialNumber, basis = "" } = identity;
    const who = serialNumber ?? `at ${this.#port.name} unit ${this.#unit}`;
    const key = `${this.#profile.id} ${who} ${basis}`.trim();
    if (key === this.#key) return;
    const known = this.#store?.of(key);
    const usable = known?.basis === this.#basis ? known : undefined;
    // The first meter at this place keeps what was found out while it was not asked for its name.
    if (usable !== undefined || this.#key !== undefined) reader.restore(usable ?? nothing);
    if (usable !== undefined) this.#port.expectTurnaround(this.#unit, usable.turnaroundMs);
    this.#key = key;
    this.#kept = usable;
    this.#since = usable?.since ?? this.#clock();
  }

  /** Before a reading: what was missing long enough is tried anew. */
  beforeReading(reader: Reader): void {
    const now = this.#clock();
    // A clock that was set back must not put it off for years.
    if (now - this.#since < retryMs && now >= this.#since) return;
    this.#since = now;
    const { breaks, missing, registersMax } = reader.learned;
    if (breaks.length + missing.length > 0 || registersMax !== undefined) reader.restore(nothing);
  }

  /** After a reading: what is new is kept. */
  afterReading(reader: Reader): void {
    if (this.#store === undefined || this.#key === undefined) return;
    const turnaroundMs = Math.round(this.#port.turnaroundMs(this.#unit));
    const learned = { ...reader.learned, turnaroundMs, basis: this.#basis, since: this.#since };
    if (this.#kept !== undefined && isAlike(this.#kept, learned)) return;
    this.#kept = learned;
    this.#store.keep(this.#key, learned);
  }
}

/** A turnaround wanders a little with every answer; that is not worth a write. */
function isAlike(one: LearnedMeter, other: LearnedMeter): boolean {
  const [a, b] = [one, other].map(({ turnaroundMs, ...rest }) => JSON.stringify(sorted(rest)));
  const drift = Math.abs(one.turnaroundMs - other.turnaroundMs);
  return a === b && drift <= Math.max(10, one.turnaroundMs / 2);
}

const sorted = (value: object): [string, unknown][] =>
  Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
