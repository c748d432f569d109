import type { ServerResponse } from "node:http";
import { Failure } from "@busbar/protocol";
import type { AdminRequest } from "./red.ts";

/** What an editor's button asks for; `signal` ends when the editor no longer waits. */
export type Ask = (body: Readonly<Record<string, unknown>>, signal: AbortSignal) => unknown;

/** An admin endpoint of JSON: 200 with the answer, or 400 with code and message. */
export function endpoint(ask: Ask): (request: AdminRequest, response: ServerResponse) => void {
  return (request, response) => {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const { body } = request;
    const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
    const given = isObject ? (body as Record<string, unknown>) : {};
    Promise.resolve()
      .then(() => ask(given, gone.signal))
      .then(
        (answer) => end(response, 200, answer),
        (error: unknown) => {
          const code = error instanceof Failure ? error.code : "flows.internal";
          const message = error instanceof Error ? error.message : String(error);
          end(response, error instanceof Failure ? 400 : 500, { code, message });
        },
      );
  };
}

function end(response: ServerResponse, status: number, body: unknown): void {
  if (response.writableEnded || response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
