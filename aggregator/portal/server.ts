import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure, type Verify } from "@busbar/protocol";
import { fastifyStatic } from "@fastify/static";
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from "fastify";
import type { Logger } from "pino";
import type { MessageDoor } from "../ingest/message-door.ts";
import type { QuoteDoor } from "../ingest/quote-door.ts";
import { Guard, type Rates } from "./access/guard.ts";
import type { People } from "./access/people.ts";
import { addAccessRoutes } from "./access/routes.ts";
import type { SessionLimits } from "./access/sessions.ts";
import { SignIn } from "./access/sign-in.ts";
import { urlAt } from "./address.ts";
import type { PortalSource } from "./api.ts";
import type { MakeBill, MakeReport } from "./aside.ts";
import { ConnectionShare } from "./connections.ts";
import type { Desk } from "./desk.ts";
import { describeRoutes } from "./docs/openapi.ts";
import { addDocs } from "./docs/routes.ts";
import { addMessageRoute, addQuoteRoute, addRequestRoutes, takeFrames } from "./door-routes.ts";
import { EventStreams, type StreamLimits, streamLimits } from "./event-stream.ts";
import { securityHeaders } from "./headers.ts";
import { type Parameters as Described, readParameters } from "./query.ts";
import { addRoutes } from "./routes.ts";
import { addBillRoute } from "./views/bill-route.ts";
import { addDeliveryRoutes } from "./views/delivery-routes.ts";
import { addFeederRoutes } from "./views/feeder-routes.ts";
import { addProofRoutes } from "./views/proof-routes.ts";
import { addReportRoute } from "./views/report-route.ts";
import { addViewRoutes } from "./views/routes.ts";

/** Where `npm run build` puts the page. */
const builtPage = join(import.meta.dirname, "dist");

/** Connections at once besides streams; more would starve the ledger in the same process. */
const connectionsMax = 256;

/** A client that takes longer for one request header is holding a socket on purpose (Slowloris). */
const requestMsMax = 10_000;

/** Who signs in, and what they are shown and may send. */
export type PortalAccess = {
  readonly chain: string;
  readonly people: People;
  readonly verify: Verify;
  readonly desk: Desk;
  readonly messages: MessageDoor;
  readonly bill: MakeBill;
  readonly report: MakeReport;
  /** Whether signed-in people may make one-time sign-in links. */
  readonly links?: boolean;
  readonly sessions?: Partial<SessionLimits>;
  readonly rates?: Partial<Rates>;
  /** Wall ms. */
  readonly now?: () => number;
};

export type PortalOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly source: PortalSource;
  /** Without it nobody signs in. */
  readonly access?: PortalAccess;
  /** Guests see the board as viewers do. */
  readonly open?: boolean;
  /** Where people open it, when a proxy stands before it. */
  readonly publicUrl?: string;
  /** Names by which people open it, besides addresses and names of the local network. */
  readonly hosts?: readonly string[];
  /** Addresses and networks of proxies whose word on whom they ask for is taken. */
  readonly proxies?: readonly string[];
  /** Where signed quotes go; without it the portal takes none. */
  readonly quotes?: QuoteDoor;
  readonly log: Logger;
  readonly limits?: Partial<StreamLimits>;
  /** Folder of the built page, `dist` beside this file unless said otherwise. */
  readonly page?: string;
};

export type Portal = {
  /** Where people open it, with the port that was taken. */
  readonly url: string;
  /** Ends every stream and closes the port. */
  stop(): Promise<void>;
};

/**
 * Serves the page, the API behind it and its live events.
 * Throws: `Failure` `portal.not-built`, `portal.port-taken`, `portal.port-forbidden`, `portal.listen`.
 */
export async function startPortal(options: PortalOptions): Promise<Portal> {
  const { host, port, source } = options;
  const limits = { ...streamLimits, ...options.limits };
  const streams = new EventStreams(limits);
  const app = await makePortal({ page: builtPage, ...options, streams });
  const unsubscribe = source.subscribe((event) => streams.send(event));
  const close = async () => {
    unsubscribe();
    streams.close();
    await app.close();
  };
  const most = connectionsMax + limits.clientsMax;
  const share = new ConnectionShare(Math.ceil(most / 4), options.proxies ?? []);
  app.server.on("connection", (socket) => share.take(socket));
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await close();
    throw explain(cause as NodeJS.ErrnoException, host, port);
  }
  app.server.maxConnections = most;
  const address = app.server.address();
  const taken = typeof address === "object" && address !== null ? address.port : port;
  return { url: urlAt(host, taken), stop: close };
}

/** The portal without its port. Throws: `Failure` `portal.not-built`. */
export async function makePortal(
  options: Omit<PortalOptions, "host" | "port" | "limits" | "page"> & {
    readonly streams: EventStreams;
    readonly page: string;
  },
): Promise<FastifyInstance> {
  const { log, page, proxies = [] } = options;
  if (!existsSync(join(page, "index.html"))) {
    throw new Failure(
      "portal.not-built",
      `${page} has no index.html: the page is not built; run npm run build`,
      { retry: "never" },
    );
  }
  const app = fastify({
    forceCloseConnections: true,
    trustProxy: proxies.length === 0 ? false : [...proxies],
    requestTimeout: requestMsMax,
    bodyLimit: 1024,
    routerOptions: { ignoreTrailingSlash: true },
    // An address that the router cannot read comes to no hook and no handler.
    frameworkErrors: (error, _request, answering) => {
      const answer = { code: "portal.request", message: error.message.slice(0, 200) };
      const reply: FastifyReply = answering as never;
      void reply
        .headers(securityHeaders)
        .code(error.statusCode ?? 400)
        .send(answer);
    },
  });
  app.addHook("onRequest", (_request, reply, done) => {
    reply.headers(securityHeaders);
    done();
  });
  app.addHook("onSend", (request, reply, payload, done) => {
    // Figures are of the moment; the page's files are checked by their ETag.
    const fresh = request.url.startsWith("/api/") || request.url === "/metrics";
    reply.header("cache-control", fresh ? "no-store" : "no-cache");
    done(null, payload);
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      code: "portal.not-found",
      message: `there is no ${request.method} ${request.url.slice(0, 100)} here; the page is at /`,
    }),
  );
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500 || /^portal\./.test(error.code)) {
      const code = /^(access|portal)\./.test(error.code) ? error.code : "portal.request";
      return reply.code(status).send({ code, message: error.message });
    }
    log.error({ event: "portal-error", route: request.routeOptions.url, error }, "portal failed");
    if (error instanceof Failure && /^read-model\./.test(error.code)) {
      const passes = error.retry !== "never";
      return reply.code(passes ? 503 : 500).send({
        code: error.code,
        message: `the portal's tables cannot be read${passes ? " just now; try again" : ""}; its log says why`,
      });
    }
    return reply.code(500).send({
      code: "portal.internal",
      message: "the portal could not answer; its log says why",
    });
  });
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const described = schema as Described;
    return (given) => readParameters(described, given ?? {}, { digits: httpPart !== "body" });
  });
  addAll(app, options);
  await app.register(fastifyStatic, { root: page, cacheControl: false, wildcard: false });
  return app;
}

/** All routes, each behind the guard. */
function addAll(app: FastifyInstance, options: Parameters<typeof makePortal>[0]): void {
  const { source, quotes, streams, access, publicUrl, hosts = [], open = false } = options;
  const now = access?.now ?? Date.now;
  const guard = new Guard({
    people: access?.people ?? nobody,
    open,
    now,
    hosts,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(access?.sessions === undefined ? {} : { sessions: access.sessions }),
    ...(access?.rates === undefined ? {} : { rates: access.rates }),
  });
  const document = describeRoutes(app);
  guard.protect(app);
  takeFrames(app);
  addRoutes(app, { source, streams, guard });
  if (quotes !== undefined) addQuoteRoute(app, { quotes, guard });
  addDocs(app, document);
  if (access === undefined) return addAccessRoutes(app, { guard, open });
  const { chain, people, verify, links = false, desk, messages, bill, report } = access;
  const signIn = new SignIn({ chain, people, verify, links, now });
  addAccessRoutes(app, { guard, signIn, open });
  addViewRoutes(app, { desk, guard });
  addProofRoutes(app, { desk, guard });
  addFeederRoutes(app, { desk, guard });
  addBillRoute(app, { bill, guard });
  addReportRoute(app, { report, guard });
  addDeliveryRoutes(app, { desk, guard });
  addMessageRoute(app, { messages, guard });
  addRequestRoutes(app, { mailbox: desk.mailbox, guard });
}

const nobody: People = { byKeyId: () => undefined, holds: () => false };

function explain(cause: NodeJS.ErrnoException, host: string, port: number): Failure {
  if (cause.code === "EADDRINUSE") {
    return new Failure(
      "portal.port-taken",
      `port ${port} on ${host} is taken by another program; stop that one or set portal.port to a free port`,
      { retry: "later", cause },
    );
  }
  if (cause.code === "EACCES") {
    return new Failure(
      "portal.port-forbidden",
      `this user may not listen on port ${port}; set portal.port to 1024 or above`,
      { retry: "never", cause },
    );
  }
  return new Failure(
    "portal.listen",
    `cannot listen on ${host} port ${port}: ${cause.message}; set portal.host to an address of this machine`,
    { retry: "never", cause },
  );
}
