import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { flowError } from "../nodes/link/errors.ts";

/** Roles that the portal signs people in with. */
export const portalRoles = ["viewer", "owner", "operator", "auditor", "member"] as const;

/** A role, or one person in it: `operator`, `owner:house-1`. */
export const grantPattern = /^(viewer|owner|operator|auditor|member)(:[a-z0-9-]{1,32})?$/;

/** Somebody who is signed in at the portal, and what it may do here. */
export type Visitor = {
  readonly id: string;
  readonly role: string;
  readonly may: "edit" | "read" | "nothing";
  /** Whether it may act on the pages that flows make: press their buttons, open their sockets. */
  readonly acts: boolean;
};

export type PortalDoorOptions = {
  /** Where this process reaches the portal. */
  readonly portal: string;
  /** Who may change flows, and who may look at them. */
  readonly edit: readonly string[];
  readonly read: readonly string[];
  /** Who may act on flows' pages beside those who may edit. */
  readonly act?: readonly string[];
  /** Told once when the portal stops answering. */
  report(text: string): void;
  readonly fetch?: typeof fetch;
  /** Monotonic ms. */
  readonly now?: () => number;
};

/** An answer of the portal holds so long, ms: an editor's page asks for fifty things at once. */
const holdsMs = 3_000;
/** Cookies whose answers are remembered. */
const rememberedMax = 500;
/** Questions at a time: anybody can make up cookies. */
const askingMax = 16;
const answerMsMax = 5_000;
/** Sockets of open editors are looked at so often, ms. */
const lookMs = 30_000;

/** The cookies of portals on this host; over TLS one has the prefix that keeps other hosts from setting it,
 * without, the port is in its name. */
const cookiePattern =
  /(?:^|;\s*)((?:__Host-)?busbar-session(?:-\d{1,5})?=[A-Za-z0-9_-]{43})(?=;|$)/g;
/** Portals of one host that somebody is signed in at. */
const cookiesMax = 8;

/**
 * Lets in who is signed in at the portal. Browsers send the portal's cookie to every port of its host;
 * whose it is, only the portal knows, and it is asked again and again: whoever signs out there, or loses
 * key or role, is out here some seconds later.
 */
export class PortalDoor {
  readonly #options: PortalDoorOptions;
  readonly #answers = new Map<string, { until: number; visitor: Promise<Visitor | undefined> }>();
  readonly #sockets = new Map<Duplex, string | undefined>();
  readonly #looking: NodeJS.Timeout;
  #asking = 0;
  #silent = false;

  constructor(options: PortalDoorOptions) {
    this.#options = options;
    this.#looking = setInterval(() => void this.look(), lookMs);
    this.#looking.unref();
  }

  /** Whoever a cookie header is of; undefined for a guest. Throws: `Failure` `flows.portal`. */
  visitorOf(header: string | undefined): Promise<Visitor | undefined> {
    const cookies = Array.from((header ?? "").matchAll(cookiePattern), ([, one]) => one);
    // Which one is its own, the portal knows.
    const cookie = cookies.slice(0, cookiesMax).join("; ");
    if (cookie === "") return Promise.resolve(undefined);
    const now = this.#now();
    const known = this.#answers.get(cookie);
    if (known !== undefined && known.until > now) return known.visitor;
    const visitor = this.#ask(cookie);
    this.#answers.delete(cookie);
    this.#answers.set(cookie, { until: now + holdsMs, visitor });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= rememberedMax) break;
      this.#answers.delete(oldest);
    }
    return visitor;
  }

  /** A socket that stays open is closed when its visitor is gone. */
  watch(socket: Duplex, header: string | undefined): void {
    this.#sockets.set(socket, header);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  /** Looks after every open socket. */
  async look(): Promise<void> {
    for (const [socket, header] of this.#sockets) {
      const visitor = await this.visitorOf(header).catch(() => undefined);
      if (visitor === undefined || visitor.may === "nothing") socket.destroy();
    }
  }

  close(): void {
    clearInterval(this.#looking);
    this.#answers.clear();
  }

  async #ask(cookie: string): Promise<Visitor | undefined> {
    this.#asking += 1;
    try {
      if (this.#asking > askingMax) throw unanswered("too many are asked after at once");
      const visitor = await this.#answerOf(cookie);
      this.#silent = false;
      return visitor;
    } catch (error) {
      this.#answers.delete(cookie);
      if (!this.#silent) this.#options.report((error as Error).message);
      this.#silent = true;
      throw error;
    } finally {
      this.#asking -= 1;
    }
  }

  async #answerOf(cookie: string): Promise<Visitor | undefined> {
    const { portal, fetch: ask = fetch } = this.#options;
    const url = `${portal.replace(/\/+$/, "")}/api/me`;
    let answer: { role?: unknown; id?: unknown };
    try {
      const signal = AbortSignal.timeout(answerMsMax);
      const response = await ask(url, { headers: { cookie }, redirect: "error", signal });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      answer = (await response.json()) as typeof answer;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw unanswered(`${url}: ${why}`, cause);
    }
    const { role, id } = answer ?? {};
    const known = portalRoles.find((one) => one === role);
    if (known === undefined || typeof id !== "string") return undefined;
    return { id, role: known, ...this.#mayOf(known, id) };
  }

  #mayOf(role: string, id: string): Pick<Visitor, "may" | "acts"> {
    const { edit, read, act = [] } = this.#options;
    const has = (grants: readonly string[]) =>
      grants.includes(role) || grants.includes(`${role}:${id}`);
    if (has(edit)) return { may: "edit", acts: true };
    return { may: has(read) ? "read" : "nothing", acts: has(act) };
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
  }
}

function unanswered(why: string, cause?: unknown) {
  const message = `the portal does not say who is signed in, and nobody is let in meanwhile: ${why}`;
  return flowError("flows.portal", message, { retry: "later", cause });
}

/** Takes the portal's cookie out of a request: no page of a flow is to get it by mistake. */
export function hidePortalCookie({ headers, rawHeaders }: IncomingMessage): void {
  const others = (cookies: string) =>
    cookies
      .split(/;\s*/)
      .filter((pair) => !/^\s*(?:__Host-)?busbar-session(?:-\d{1,5})?=/.test(pair))
      .join("; ");
  if (headers.cookie !== undefined) headers.cookie = others(headers.cookie);
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === "cookie")
      rawHeaders[i + 1] = others(rawHeaders[i + 1] ?? "");
  }
}
