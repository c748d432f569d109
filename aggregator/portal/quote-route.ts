import { frameBytesMax } from "@busbar/protocol";
import type { FastifyInstance } from "fastify";
import type { QuoteDoor } from "../ingest/quote-door.ts";
import { errorAnswer } from "./schemas.ts";

const accepted = {
  type: "object",
  properties: { ref: { type: "string" }, state: { type: "string" } },
  required: ["ref", "state"],
  additionalProperties: false,
} as const;

/**
 * `POST /api/quotes`: a sealed or an opened quote, signed by its owner, as the bytes of its frame. The one
 * thing that the portal takes. A page of somebody else's site cannot send it: the content type is
 * none that browsers send without asking, and the answer names no origin.
 */
export function addQuoteRoute(app: FastifyInstance, quotes: QuoteDoor): void {
  const type = "application/octet-stream";
  app.addContentTypeParser(type, { parseAs: "buffer", bodyLimit: frameBytesMax }, (_, body, done) =>
    done(null, body),
  );
  const schema = { response: { 202: accepted, "4xx": errorAnswer, "5xx": errorAnswer } };
  app.post("/api/quotes", { schema, bodyLimit: frameBytesMax }, async (request, reply) => {
    const { body } = request;
    if (!(body instanceof Uint8Array)) {
      reply.code(415);
      const message = `expected the bytes of a signed frame as ${type}`;
      return { code: "portal.request", message };
    }
    const answer = await quotes(new Uint8Array(body));
    if (answer.ok) {
      reply.code(202);
      return { ref: answer.ref, state: answer.state };
    }
    reply.code(statusOf(answer.code));
    return { code: answer.code, message: answer.message };
  });
}

/** What trying again can help is told apart from what it cannot. */
function statusOf(code: string): number {
  if (code === "ingest.too-many") return 429;
  return code === "pool.full" ? 503 : 400;
}
