import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { fastifyStatic } from "@fastify/static";
import { type FastifyError, type FastifyInstance, fastify } from "fastify";
import type { Logger } from "pino";
import type { QuoteDoor } from "../ingest/quote-door.ts";
import type { PortalSource } from "./api.ts";
import { EventStreams, type StreamLimits, streamLimits } from "./event-stream.ts";
import { securityHeaders } from "./headers.ts";
import { addQuoteRoute } from "./quote-route.ts";
import { addRoutes } from "./routes.ts";

/** Where `npm run build` puts the page. */
const builtPage = join(import.meta.dirname, "dist");

/** Connections at once, streams included; more would starve the ledger in the same process. */
const connectionsMax = 256;

/** A client that takes longer for one request header is holding a socket on purpose (Slowloris). */
const requestMsMax = 10_000;

export type PortalOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly source: PortalSource;
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
  const { host, port, source, quotes, log, page = builtPage } = options;
  const streams = new EventStreams({ ...streamLimits, ...options.limits });
  const app = await makePortal({
    source,
    streams,
    log,
    page,
    ...(quotes === undefined ? {} : { quotes }),
  });
  const unsubscribe = source.subscribe((event) => streams.send(event));
  const close = async () => {
    unsubscribe();
    streams.close();
    await app.close();
  };
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await close();
    throw explain(cause as NodeJS.ErrnoException, host, port);
  }
  app.server.maxConnections = connectionsMax;
  const address = app.server.address();
  const taken = typeof address === "object" && address !== null ? address.port : port;
  return { url: urlOf(host, taken), stop: close };
}

/** The portal without its port. Throws: `Failure` `portal.not-built`. */
export async function makePortal({
  source,
  quotes,
  streams,
  log,
  page,
}: {
  readonly source: PortalSource;
  readonly quotes?: QuoteDoor;
  readonly streams: EventStreams;
  readonly log: Logger;
  readonly page: string;
}): Promise<FastifyInstance> {
  if (!existsSync(join(page, "index.html"))) {
    throw new Failure(
      "portal.not-built",
      `${page} has no index.html: the page is not built; run npm run build`,
      { retry: "never" },
    );
  }
  const app = fastify({
    forceCloseConnections: true,
    requestTimeout: requestMsMax,
    bodyLimit: 1024,
    routerOptions: { ignoreTrailingSlash: true },
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
    if (status < 500) {
      return reply.code(status).send({ code: "portal.request", message: error.message });
    }
    log.error({ event: "portal-error", route: request.routeOptions.url, error }, "portal failed");
    return reply.code(500).send({
      code: "portal.internal",
      message: "the portal could not answer; its log says why",
    });
  });
  addRoutes(app, source, streams);
  if (quotes !== undefined) addQuoteRoute(app, quotes);
  await app.register(fastifyStatic, { root: page, cacheControl: false, wildcard: false });
  return app;
}

function urlOf(host: string, port: number): string {
  // A wildcard address is no place to go to.
  if (host === "0.0.0.0" || host === "::") return `http://127.0.0.1:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

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
