import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { Failure } from "@busbar/protocol";
import { metricsText } from "./metrics.ts";
import { pageHtml } from "./page.ts";
import type { Status } from "./status.ts";

/** Where the status is served. */
export type StatusServer = { readonly port: number; close(): Promise<void> };

/**
 * Serves `/` for people, `/status` as JSON and `/metrics` for Prometheus. Read only.
 * Throws: `Failure` `status.port-taken`, `status.port`.
 */
export async function serveStatus(
  { host, port }: { readonly host: string; readonly port: number },
  status: () => Status,
): Promise<StatusServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://unit");
    const answer =
      request.method === "GET" || request.method === "HEAD" ? route(pathname, status) : undefined;
    if (answer === undefined) {
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
      return response.end("Here are /, /status and /metrics.\n");
    }
    response.writeHead(200, {
      "content-type": `${answer.type}; charset=utf-8`,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  });
  server.requestTimeout = 10_000;
  await listen(server, host, port);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function route(
  path: string,
  status: () => Status,
): { readonly type: string; readonly body: string } | undefined {
  if (path === "/status")
    return { type: "application/json", body: `${JSON.stringify(status())}\n` };
  if (path === "/metrics") return { type: "text/plain", body: metricsText(status()) };
  if (path === "/") return { type: "text/html", body: pageHtml(status()) };
  return undefined;
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    const taken = (cause as NodeJS.ErrnoException).code === "EADDRINUSE";
    const code = taken ? "status.port-taken" : "status.port";
    const message = `${host}:${port}: ${taken ? "the port is taken" : "cannot listen here"}; set another status.port, or 0 for any free one`;
    throw new Failure(code, message, { retry: "never", cause });
  }
}
