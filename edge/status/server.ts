import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Failure } from "@busbar/protocol";
import { ClaimDoor, type TakeCode } from "./claim-door.ts";
import { claimPage } from "./claim-page.ts";
import { createServer } from "./http.ts";
import { metricsText } from "./metrics.ts";
import { contentSecurityPolicy, pageHtml } from "./page.ts";
import { languageOf } from "./page-words.ts";
import type { Status } from "./status.ts";
import { Streams } from "./streams.ts";
import { isLocalPeer, isNeighbour, isOwnHost } from "./visitors.ts";

/** Where the status is served. */
export type StatusServer = { readonly port: number; close(): Promise<void> };

/** Where to listen. `names`: host names beyond local ones by which the unit may be called. */
export type StatusPlace = {
  readonly host: string;
  readonly port: number;
  readonly names?: readonly string[];
  /** A connection on which nothing moves for so long is closed, wall ms. */
  readonly stillMsMax?: number;
};

const stillMsUsual = 30_000;
/** A code costs a small board some seconds; one that is emulated half a minute. */
const codeMsMax = 300_000;
/** Connections at once: a browser takes six, and descriptors are few. */
const connectionsMax = 64;

/**
 * Serves `/` for people, `/events` for the open page, `/status` as JSON and `/metrics` for Prometheus.
 * Read only, and only to the unit's own network; but for `/claim`, where the code of the unit's label is
 * entered, if there is somebody to `take` it.
 * Throws: `Failure` `status.port-taken`, `status.port`.
 */
export async function serveStatus(
  { host, port, names = [], stillMsMax = stillMsUsual }: StatusPlace,
  status: () => Status,
  take?: TakeCode,
): Promise<StatusServer> {
  const door = take === undefined ? undefined : new ClaimDoor(take);
  const streams = new Streams(status);
  const server = createServer({ connectionsCheckingInterval: 1_000 }, (request, response) => {
    try {
      answer(request, response, { status, streams, names, door });
    } catch (error) {
      // A disk that cannot be read now: whoever looks is told, and the unit goes on recording.
      plain(response, 500, error instanceof Error ? error.message : String(error));
    }
  });
  // Whoever sends slowly, or nothing, or reads nothing, is cut off: connections held open by nobody.
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 10_000;
  server.timeout = stillMsMax;
  server.maxConnections = connectionsMax;
  server.maxHeadersCount = 64;
  await listen(server, host, port);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: async () => {
      streams.close();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

type Context = {
  readonly status: () => Status;
  readonly streams: Streams;
  readonly names: readonly string[];
  readonly door: ClaimDoor | undefined;
};

function answer(request: IncomingMessage, response: ServerResponse, context: Context): void {
  const { status, streams, names, door } = context;
  const { remoteAddress } = request.socket;
  if (!isLocalPeer(remoteAddress) && !isNeighbour(remoteAddress)) {
    return plain(response, 403, "The unit's status is shown in its own network only.");
  }
  if (!isOwnHost(request.headers.host, names)) {
    const message =
      "This name is not known here. Use the unit's address, or add the name to status.names in edge.yaml.";
    return plain(response, 421, message);
  }
  // Not by URL, which throws for what anybody may send, such as "//".
  const [path = ""] = (request.url ?? "").split("?");
  const language = languageOf(request.headers["accept-language"]);
  const send = (type: string, body: string, code = 200) => {
    response.writeHead(code, { "content-type": `${type}; charset=utf-8`, ...headers });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  if (path === "/claim" && door !== undefined && request.method === "POST") {
    // Nothing goes to and fro while the code is reckoned with, which a busy board takes its time for.
    response.setTimeout(codeMsMax);
    door.enter(request).then(
      ({ answered, ...outcome }) => {
        if (answered !== undefined) response.once("close", answered);
        send("text/html", claimPage(status(), language, outcome), outcome.ok ? 200 : 422);
      },
      (error) => plain(response, 500, error instanceof Error ? error.message : String(error)),
    );
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(response, 405, "The status is read only: GET and HEAD.", { allow: "GET, HEAD" });
  }
  switch (path) {
    case "/":
      return send("text/html", pageHtml(status(), language, Date.now()));
    case "/status":
      return send("application/json", `${JSON.stringify(status())}\n`);
    case "/metrics":
      return send("text/plain; version=0.0.4", metricsText(status(), Date.now()));
    case "/events":
      if (request.method === "GET" && streams.add(response, language, headers)) return;
      return plain(response, 503, "Too many pages are open; close one.");
    case "/claim":
      if (door !== undefined) return send("text/html", claimPage(status(), language));
      return plain(response, 404, "Here are /, /status and /metrics.");
    default:
      return plain(response, 404, "Here are /, /claim, /status and /metrics.");
  }
}

const headers = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": contentSecurityPolicy,
} as const;

function plain(
  response: ServerResponse,
  code: number,
  message: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const type = { "content-type": "text/plain; charset=utf-8" };
  response.writeHead(code, { ...headers, ...type, ...more });
  response.end(`${message}\n`);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    const { code: reason } = cause as NodeJS.ErrnoException;
    // A machine without IPv6 has no address for all; the other one will do.
    if (host === "::" && (reason === "EAFNOSUPPORT" || reason === "EADDRNOTAVAIL")) {
      return listen(server, "0.0.0.0", port);
    }
    const taken = reason === "EADDRINUSE";
    const code = taken ? "status.port-taken" : "status.port";
    const at = host.includes(":") ? `[${host}]` : host;
    const message = `${at}:${port}: ${taken ? "the port is taken" : "cannot listen here"}; set another status.port, or 0 for any free one`;
    throw new Failure(code, message, { retry: "never", cause });
  }
}
