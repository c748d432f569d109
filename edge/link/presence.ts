import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";

/** Which process speaks as this device, as its state message says. */
export type Presence = {
  /** 16 hexadecimal digits, other ones for each start of a unit. */
  readonly instance: string;
  readonly host: string;
  /** Its address in its own network; "" where it is not known. */
  readonly address: string;
};

/** Who this process is. */
export function ownPresence(): Omit<Presence, "address"> {
  return { instance: randomBytes(8).toString("hex"), host: hostname() };
}

/** The first address by which other machines may reach this one; "" where there is none. */
export function firstAddress(interfaces = networkInterfaces()): string {
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const outer = all.filter(({ internal }) => !internal);
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address ?? "";
}

/** Longest state message that is looked into: a birth lists some hundred registers. */
const stateBytesMax = 64 * 1024;

/** What a state message says of its sender, or undefined where it says nothing of the kind. */
export function presenceIn(
  payload: Uint8Array,
): { readonly presence: Presence; readonly session: number } | undefined {
  if (payload.length > stateBytesMax) return undefined;
  try {
    const state = JSON.parse(Buffer.from(payload).toString("utf8")) as Record<string, unknown>;
    const { instance, host, address } = state.unit as Record<string, unknown>;
    const { session } = state;
    if (typeof instance !== "string" || !/^[0-9a-f]{16}$/.test(instance)) return undefined;
    if (typeof session !== "number" || !Number.isSafeInteger(session)) return undefined;
    return { presence: { instance, host: hostText(host), address: addressText(address) }, session };
  } catch {
    // No JSON, or none with a unit in it: of an older unit, or of somebody else.
    return undefined;
  }
}

function hostText(host: unknown): string {
  return typeof host === "string" && /^[\w.-]{1,253}$/.test(host) ? host : "of no name";
}

function addressText(address: unknown): string {
  return typeof address === "string" && isIP(address) !== 0 ? address : "";
}

/**
 * Tells two units that use one client id from one unit that came back. A broker gives a client id to
 * whoever signs in last, so two of them throw each other out for ever. Each leaves its own state
 * behind: who finds another's state, in a new session, twice since it signed in there itself, has a
 * living rival. Once is not enough: a broker that lost its last minutes shows a state of before.
 */
export class Rivals {
  readonly #own: string;
  /** Brokers that have seen our own birth. */
  readonly #born = new Set<string>();
  readonly #sessions = new Set<string>();
  #rival: Presence | undefined;

  constructor(ownInstance: string) {
    this.#own = ownInstance;
  }

  get rival(): Presence | undefined {
    return this.#rival;
  }

  born(broker: string): void {
    this.#born.add(broker);
  }

  /** Takes a message of the device's own state topic; returns a rival that was not known before. */
  take(broker: string, payload: Uint8Array): Presence | undefined {
    const found = presenceIn(payload);
    if (found === undefined || found.presence.instance === this.#own) return undefined;
    if (!this.#born.has(broker)) return undefined;
    this.#sessions.add(`${found.presence.instance} ${found.session}`);
    if (this.#sessions.size < 2) return undefined;
    const known = this.#rival?.instance;
    this.#rival = found.presence;
    this.#sessions.clear();
    return known === found.presence.instance ? undefined : found.presence;
  }

  /** The connection held long enough: nobody else signs in. */
  forget(): void {
    this.#rival = undefined;
    this.#sessions.clear();
  }
}
