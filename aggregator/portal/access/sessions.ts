import { randomBytes } from "node:crypto";
import type { Person } from "./roles.ts";
import { nameOf } from "./secrets.ts";

export type SessionLimits = {
  /** Wall ms after which a session ends in any case, and without a request. */
  readonly lifeMs: number;
  readonly idleMs: number;
  /** At once, of all and of one identity; the one that was quiet longest goes. */
  readonly most: number;
  readonly mostEach: number;
};

export const sessionLimits: SessionLimits = {
  lifeMs: 12 * 3_600_000,
  idleMs: 3_600_000,
  most: 1_000,
  mostEach: 10,
};

export type Session = {
  readonly person: Person;
  /** What a request that changes something has to carry besides the cookie. */
  readonly csrf: string;
  readonly ends: number;
};

/** Who is signed in; in memory alone, so a restart signs everybody out. */
export class PortalSessions {
  readonly #limits: SessionLimits;
  readonly #byName = new Map<string, Session & { seen: number }>();

  constructor(limits: SessionLimits = sessionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#byName.size;
  }

  begin(person: Person, nowMs: number): Session & { readonly token: string } {
    const { most, mostEach, lifeMs } = this.#limits;
    const own = [...this.#byName].filter(([, one]) => one.person.id === person.id);
    for (const [name] of own.slice(0, Math.max(0, own.length - mostEach + 1))) {
      this.#byName.delete(name);
    }
    const secret = randomBytes(32);
    const csrf = randomBytes(32).toString("base64url");
    const session = { person, csrf, ends: nowMs + lifeMs };
    this.#byName.set(nameOf(secret), { ...session, seen: nowMs });
    for (const [name] of this.#byName) {
      if (this.#byName.size <= most) break;
      this.#byName.delete(name);
    }
    return { ...session, token: secret.toString("base64url") };
  }

  /** The session of a cookie; undefined where it ended. `holds`: whether its person still has this role. */
  find(token: string, nowMs: number, holds: (person: Person) => boolean): Session | undefined {
    const name = nameToken(token);
    const session = this.#live(name, nowMs, holds);
    this.#byName.delete(name);
    if (session === undefined) return undefined;
    session.seen = nowMs;
    // Behind all others: the one that was quiet longest stands first.
    this.#byName.set(name, session);
    return session;
  }

  /** The same without using it: who merely listens keeps no session alive. */
  peek(token: string, nowMs: number, holds: (person: Person) => boolean): Session | undefined {
    return this.#live(nameToken(token), nowMs, holds);
  }

  #live(name: string, nowMs: number, holds: (person: Person) => boolean) {
    const session = this.#byName.get(name);
    if (session === undefined || session.ends <= nowMs) return undefined;
    const isIdle = session.seen + this.#limits.idleMs <= nowMs;
    return isIdle || !holds(session.person) ? undefined : session;
  }

  end(token: string): void {
    this.#byName.delete(nameToken(token));
  }
}

function nameToken(token: string): string {
  return nameOf(new Uint8Array(Buffer.from(token, "base64url")));
}
