import type { Publication } from "./connection.ts";
import { firstAddress, ownPresence, type Presence, Rivals } from "./presence.ts";
import { type LinkProblem, problem } from "./problem.ts";

/** What a device says of itself, and where. */
export type DeviceStateOptions = {
  readonly topic: string;
  readonly device: string;
  /** The next session number, and the birth message of a session: JSON. */
  readonly nextSession: () => number;
  readonly birth: (session: number) => object;
  /** The unit's own address, where a connection showed it. */
  readonly address: () => string | undefined;
};

/** A connection that held for so long has no rival any more. */
const noRivalMs = 15 * 60_000;

/**
 * The device's retained state: birth, last will, clean end, each with the session's number and with
 * who speaks. What stands there from somebody else gives away a second unit with the same id.
 */
export class DeviceState {
  readonly #options: DeviceStateOptions;
  readonly #unit = ownPresence();
  readonly #rivals = new Rivals(this.#unit.instance);
  #session: number;
  #sessionUsed = false;
  #rivalTimer: NodeJS.Timeout | undefined;

  constructor(options: DeviceStateOptions) {
    this.#options = options;
    this.#session = options.nextSession();
  }

  get session(): number {
    return this.#session;
  }

  /** Whether another unit signs in with this one's id. */
  get problem(): LinkProblem | undefined {
    const { rival } = this.#rivals;
    if (rival === undefined) return undefined;
    const message = `another unit signs in as ${this.#options.device}: ${placeOf(rival)}; this one is ${placeOf(this.#presence())}`;
    return problem("link.duplicate-client", message);
  }

  /** A number for each birth: a late will of an older session cannot end a newer one. */
  will(): Publication {
    if (this.#sessionUsed) this.#session = this.#options.nextSession();
    this.#sessionUsed = false;
    return this.offline();
  }

  /** The message that begins a session at a broker. */
  birth(broker: string): Publication {
    this.#sessionUsed = true;
    this.#rivals.born(broker);
    this.#rivalTimer = setTimeout(() => this.#rivals.forget(), noRivalMs);
    return this.#state({ online: true, ...this.#options.birth(this.#session) });
  }

  offline(): Publication {
    return this.#state({ online: false });
  }

  /** The connection is over. */
  down(): void {
    clearTimeout(this.#rivalTimer);
  }

  /** Takes a message of the state topic; returns the problem where it shows a rival for the first time. */
  take(broker: string, payload: Uint8Array): LinkProblem | undefined {
    return this.#rivals.take(broker, payload) === undefined ? undefined : this.problem;
  }

  #presence(): Presence {
    return { ...this.#unit, address: this.#options.address() ?? firstAddress() };
  }

  #state(state: object): Publication {
    const { device, topic } = this.#options;
    const body = { device, session: this.#session, ...state, unit: this.#presence() };
    return { topic, payload: JSON.stringify(body), qos: 1, retain: true };
  }
}

function placeOf({ host, address }: Presence): string {
  return address === "" ? `host ${host}` : `host ${host} at ${address}`;
}
