import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Allowance, addressKey, TokenBuckets } from "../../broker/token-bucket.ts";
import type { Reader } from "../event-stream.ts";
import { AccessError } from "./codes.ts";
import { SessionCookie } from "./cookie.ts";
import { isHostAllowed } from "./hosts.ts";
import type { People } from "./people.ts";
import {
  guest,
  openRoutes,
  type Role,
  rolesOf,
  type Scope,
  scopeOf,
  type Viewer,
} from "./roles.ts";
import { PortalSessions, type Session, type SessionLimits, sessionLimits } from "./sessions.ts";

/** What one address may ask for: a page takes some ten answers, a sign-in costs a signature check. */
export type Rates = {
  readonly requests: Allowance;
  readonly signIns: Allowance;
  /** Signed frames that anybody hands in: each costs a signature check. */
  readonly frames: Allowance;
  /** Of one person: each may come to stand on the ledger for ever. */
  readonly messages: Allowance;
};

export const rates: Rates = {
  requests: { burst: 600, perSecond: 100 },
  signIns: { burst: 20, perSecond: 0.5 },
  frames: { burst: 20, perSecond: 20 },
  messages: { burst: 20, perSecond: 1 },
};

/** Addresses whose allowances are remembered. */
const addressesMax = 10_000;

export type GuardOptions = {
  readonly people: People;
  /** Guests see the board as viewers do: for sites that are there to be shown. */
  readonly open: boolean;
  /** Where people open the portal, when a proxy stands before it: https makes cookies secure. */
  readonly publicUrl?: string;
  /** Names, without a port, by which people open it besides those that `isHostAllowed` knows. */
  readonly hosts?: readonly string[];
  readonly sessions?: Partial<SessionLimits>;
  readonly rates?: Partial<Rates>;
  readonly now: () => number;
};

/** What was found out about a request. */
type Known = { readonly viewer: Viewer; readonly session: Session | undefined };

/** Who asks, and whether it may: every request passes through here before anything else is done. */
export class Guard {
  readonly #options: GuardOptions;
  readonly #cookie: SessionCookie;
  readonly #sessions: PortalSessions;
  readonly #requests: TokenBuckets;
  readonly #signIns: TokenBuckets;
  readonly #frames: TokenBuckets;
  readonly #messages: TokenBuckets;
  readonly #known = new WeakMap<FastifyRequest, Known>();

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#cookie = new SessionCookie(options.publicUrl);
    this.#sessions = new PortalSessions({ ...sessionLimits, ...options.sessions });
    const allowed = { ...rates, ...options.rates };
    this.#requests = new TokenBuckets(allowed.requests, addressesMax);
    this.#signIns = new TokenBuckets(allowed.signIns, addressesMax);
    this.#frames = new TokenBuckets(allowed.frames, addressesMax);
    this.#messages = new TokenBuckets(allowed.messages, addressesMax);
  }

  /** Adds itself to a server, whose routes come afterwards. Throws where one is not in the table. */
  protect(app: FastifyInstance): void {
    app.addHook("onRoute", ({ method, url }) => {
      if (!url.startsWith("/api/")) return;
      for (const one of [method].flat()) {
        const route = `${one === "HEAD" ? "GET" : one} ${url}`;
        if (rolesOf(route) === undefined) {
          throw new Error(`${route} is not in the table of who may use what (access/roles.ts)`);
        }
      }
    });
    app.addHook("onRequest", (request, _reply, done) => {
      this.#check(request);
      done();
    });
  }

  viewerOf(request: FastifyRequest): Viewer {
    return this.#known.get(request)?.viewer ?? guest;
  }

  sessionOf(request: FastifyRequest): Session | undefined {
    return this.#known.get(request)?.session;
  }

  /** What of owners' affairs the request may see; guests of an open site see the board. */
  scopeOf(request: FastifyRequest): Scope | undefined {
    const scope = scopeOf(this.viewerOf(request));
    return scope === undefined && this.#options.open ? { of: "all" } : scope;
  }

  /**
   * The owner that a request is about: its own, or whom it names. Throws: `AccessError`
   * `access.other-owner`; undefined where all are meant.
   */
  ownerOf(request: FastifyRequest, asked: string | undefined): string | undefined {
    const scope = this.scopeOf(request);
    if (scope === undefined) throw signInFirst();
    if (scope.of === "all") return asked;
    if (asked === undefined || asked === scope.owner) return scope.owner;
    throw otherOwner(asked, scope.owner);
  }

  /** What the viewer of a request sees, asked anew each time: a stream outlives a session. */
  watch(request: FastifyRequest): () => Scope | undefined {
    const token = this.#cookie.tokenOf(request);
    const { people, open, now } = this.#options;
    return () => {
      const session = token && this.#sessions.peek(token, now(), people.holds);
      const scope = session ? scopeOf(session.person) : undefined;
      return scope === undefined && open ? { of: "all" } : scope;
    };
  }

  /** Whose stream a request opens: a session's and its person's, or a guest's address. */
  readerOf(request: FastifyRequest): Reader {
    const session = this.sessionOf(request);
    if (session === undefined) return { by: `at ${addressKey(request.ip)}`, person: null };
    return { by: `as ${session.csrf}`, person: this.personOf(request) };
  }

  /** One name for all that a person does, in whatever session. */
  personOf(request: FastifyRequest): string {
    const { role, id } = this.viewerOf(request);
    return `${role} ${id}`;
  }

  /**
   * The owner whose own affairs a request is about: money, bills, notices. Who runs the site sees its own as
   * an owner does. Undefined where all are meant. Throws: `AccessError` `access.other-owner`.
   */
  householdOf(request: FastifyRequest, asked: string | undefined): string | undefined {
    const { role, id } = this.viewerOf(request);
    if (role !== "operator") return this.ownerOf(request, asked);
    if (asked === undefined || asked === id) return id;
    throw otherOwner(asked, id);
  }

  /** Spends one message of whoever is signed in. Throws: `AccessError` `access.too-many`. */
  countMessage(request: FastifyRequest): void {
    if (this.#messages.take(this.viewerOf(request).id ?? "", this.#options.now())) return;
    throw tooMany("messages");
  }

  /** Spends one sign-in of the request's address. Throws: `AccessError` `access.too-many`. */
  countSignIn(request: FastifyRequest): void {
    if (this.#signIns.take(addressKey(request.ip), this.#options.now())) return;
    throw tooMany("sign-ins");
  }

  /** Spends one signed frame of the request's address. Throws: `AccessError` `access.too-many`. */
  countFrame(request: FastifyRequest): void {
    if (this.#frames.take(addressKey(request.ip), this.#options.now())) return;
    throw tooMany("signed messages");
  }

  /** Begins a session: its cookie goes with the reply. */
  begin(reply: FastifyReply, person: Parameters<PortalSessions["begin"]>[0]): Session {
    const { token, ...session } = this.#sessions.begin(person, this.#options.now());
    const left = session.ends - this.#options.now();
    reply.header("set-cookie", this.#cookie.header(reply.request, token, left));
    return session;
  }

  end(request: FastifyRequest, reply: FastifyReply): void {
    const token = this.#cookie.tokenOf(request);
    if (token !== undefined) this.#sessions.end(token);
    reply.header("set-cookie", this.#cookie.header(request, "", 0));
  }

  /** Where the request's page is, as the portal itself sees it: nothing that the page could say. */
  originOf(request: FastifyRequest): string {
    const { publicUrl } = this.#options;
    return publicUrl === undefined ? `http://${request.headers.host}` : new URL(publicUrl).origin;
  }

  #check(request: FastifyRequest): void {
    const { now } = this.#options;
    if (!this.#requests.take(addressKey(request.ip), now())) throw tooMany("requests");
    const token = this.#cookie.tokenOf(request);
    const { holds } = this.#options.people;
    const session = token === undefined ? undefined : this.#sessions.find(token, now(), holds);
    const viewer = session?.person ?? guest;
    this.#known.set(request, { viewer, session });
    const { url } = request.routeOptions;
    if (url === undefined || !url.startsWith("/api/")) return;
    this.#checkHost(request);
    const method = request.method === "HEAD" ? "GET" : request.method;
    const allowed = rolesOf(`${method} ${url}`) ?? [];
    const shown = this.#options.open && openRoutes.has(`${method} ${url}`);
    const may = allowed.includes(viewer.role) || (shown && viewer.role === "guest");
    if (!may) throw refusalOf(viewer, allowed);
    if (method !== "GET") this.#checkOrigin(request, session);
  }

  /** A page elsewhere can make a browser send our cookie (or make it sign in as somebody else), but not
   * this header, nor hide where it is. */
  #checkOrigin(request: FastifyRequest, session: Session | undefined): void {
    const { headers } = request;
    const site = headers["sec-fetch-site"];
    const foreign = site !== undefined && site !== "same-origin" && site !== "none";
    const { origin } = headers;
    if (foreign || (origin !== undefined && origin !== this.originOf(request))) {
      throw new AccessError("access.csrf", "only the portal's own page may send this");
    }
    if (session === undefined || headers["x-busbar-csrf"] === session.csrf) return;
    const message = "expected the session's token in x-busbar-csrf; load the page anew";
    throw new AccessError("access.csrf", message);
  }

  /** A page whose name its owner lets point at us is of our origin to a browser (DNS rebinding): where no
   * address of ours was said, ours is none that anybody's name server could answer for. */
  #checkHost({ headers: { host = "" } }: FastifyRequest): void {
    const { publicUrl, hosts = [] } = this.#options;
    if (publicUrl !== undefined || isHostAllowed(host, hosts)) return;
    throw new AccessError(
      "access.host",
      `nobody said that this portal is called ${host.slice(0, 100)}; name it in portal.hosts or portal.url`,
    );
  }
}

function refusalOf({ role, id }: Viewer, allowed: readonly Role[]): AccessError {
  if (role === "guest") return signInFirst();
  const message = `this is for ${allowed.join(", ")}; ${id} is signed in as ${role}`;
  return new AccessError("access.denied", message);
}

function otherOwner(asked: string, id: string): AccessError {
  return new AccessError("access.other-owner", `${asked}'s affairs are not shown to ${id}`);
}

function signInFirst(): AccessError {
  return new AccessError("access.sign-in", "sign in first: this is shown to nobody else");
}

function tooMany(what: string): AccessError {
  return new AccessError(
    "access.too-many",
    `too many ${what} from this address; try again in a minute`,
  );
}
