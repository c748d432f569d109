import { once } from "node:events";
import type { Server } from "node:http";
import { Failure } from "@busbar/protocol";
import { createServer } from "./http.ts";
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
    // Not by URL, which throws for what anybody may send, such as "//".
    const [pathname = ""] = (request.url ?? "").split("?");
    const reads = request.method === "GET" || request.method === "HEAD";
    let answer: Answer | undefined;
    try {
      answer = reads ? route(pathname, status) : undefined;
    } catch (error) {
      // A disk that cannot be read now: whoever looks is told, and the unit goes on recording.
      response.writeHead(500, plainText);
      return response.end(`${error instanceof Error ? error.message : String(error)}\n`);
    }
    if (answer === undefined) {
      response.writeHead(404, plainText);
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

type Answer = { readonly type: string; readonly body: string };

const plainText = { "content-type": "text/plain; charset=utf-8" };

function route(path: string, status: () => Status): Answer | undefined {
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
