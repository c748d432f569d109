import { frameBytesMax, type Refusal } from "@busbar/protocol";
import type { FastifyInstance, FastifyReply } from "fastify";
import { addressKey } from "../broker/token-bucket.ts";
import type { MessageDoor } from "../ingest/message-door.ts";
import type { QuoteAnswer, QuoteDoor } from "../ingest/quote-door.ts";
import type { Guard } from "./access/guard.ts";
import { known, parameters } from "./query.ts";
import { errorAnswer, list, record, text } from "./shape.ts";
import type { Mailbox } from "./views/mailbox.ts";

const accepted = record({ ref: text, state: text });
const errors = { "4xx": errorAnswer, "5xx": errorAnswer };
const frames = "application/octet-stream";

/** What is handed in as the bytes of a signed frame. */
export function takeFrames(app: FastifyInstance): void {
  app.addContentTypeParser(
    frames,
    { parseAs: "buffer", bodyLimit: frameBytesMax },
    (_, body, done) => done(null, body),
  );
}

/**
 * `POST /api/quotes`: a sealed or an opened quote, signed by its owner; who signed in does not matter. A
 * page of somebody else's site cannot send it: the content type is none that browsers send without asking,
 * and the answer names no origin.
 */
export function addQuoteRoute(
  app: FastifyInstance,
  { quotes, guard }: { readonly quotes: QuoteDoor; readonly guard: Guard },
): void {
  const schema = {
    summary: "Hand in a sealed or an opened quote, as the bytes of its signed frame",
    querystring: parameters({}),
    response: { 202: accepted, ...errors },
  };
  const options = { schema, bodyLimit: frameBytesMax, config: { takes: frames } };
  app.post("/api/quotes", options, async (request, reply) => {
    const { body } = request;
    if (!(body instanceof Uint8Array)) return noFrame(reply);
    guard.countFrame(request);
    return answered(reply, await quotes(new Uint8Array(body)));
  });
}

/** `POST /api/messages`: anything else that owners and members sign, by whoever is signed in. */
export function addMessageRoute(
  app: FastifyInstance,
  { messages, guard }: { readonly messages: MessageDoor; readonly guard: Guard },
): void {
  const schema = {
    summary:
      "Hand in a message that the signed-in owner, operator or member signed, as the bytes of its frame",
    querystring: parameters({}),
    response: { 202: accepted, ...errors },
  };
  const options = { schema, bodyLimit: frameBytesMax, config: { takes: frames } };
  app.post("/api/messages", options, async (request, reply) => {
    const { body } = request;
    if (!(body instanceof Uint8Array)) return noFrame(reply);
    const { role, id } = guard.viewerOf(request);
    // The table lets nobody else through.
    if (role !== "owner" && role !== "operator" && role !== "member") return noFrame(reply);
    guard.countMessage(request);
    const as = role === "member" ? role : "owner";
    return answered(reply, await messages(new Uint8Array(body), { role: as, id }));
  });
}

/** Where units ask to be admitted, and a member takes a request off the list. */
export function addRequestRoutes(
  app: FastifyInstance,
  { mailbox, guard }: { readonly mailbox: Mailbox; readonly guard: Guard },
): void {
  const taken = record({ request: text });
  const body = parameters(
    { text: { type: "string", description: "what busbar-edge enrol printed", maxLength: 8_000 } },
    ["text"],
  );
  app.post(
    "/api/requests",
    {
      bodyLimit: 16_384,
      schema: {
        summary: "Ask a member to admit a unit; it waits until a member looks",
        querystring: parameters({}),
        body,
        response: { 202: taken, ...errors },
      },
    },
    (request, reply) => {
      guard.countSignIn(request);
      const { text: word } = request.body as { readonly text: string };
      return reply.code(202).send(mailbox.put(word, addressKey(request.ip)));
    },
  );
  const path = {
    request: { ...known.from("its name"), type: "string", pattern: "^[0-9a-f]{16}$" },
  } as const;
  app.delete(
    "/api/requests/:request",
    {
      schema: {
        summary: "Take a request off the list",
        querystring: parameters({}),
        params: parameters(path, ["request"]),
        response: { 200: taken, ...errors },
      },
    },
    (request, reply) => {
      const { request: name } = request.params as { readonly request: string };
      if (mailbox.drop(name)) return reply.send({ request: name });
      return noneWaits(reply, name);
    },
  );
  const from = {
    type: "string",
    description: "an address as the list of requests has it",
    pattern: "^[0-9a-fA-F.:/]{1,64}$",
    maxLength: 64,
  } as const;
  app.delete(
    "/api/requests",
    {
      schema: {
        summary: "Take all requests of an address off the list",
        querystring: parameters({ from }, ["from"]),
        response: { 200: record({ from: text, requests: list(text) }), ...errors },
      },
    },
    (request, reply) => {
      const { from: address } = request.query as { readonly from: string };
      const requests = mailbox.dropFrom(address);
      if (requests.length > 0) return reply.send({ from: address, requests });
      return noneWaits(reply, `of ${address}`);
    },
  );
}

function noneWaits(reply: FastifyReply, which: string) {
  const message = `no request ${which} waits`;
  return reply.code(404).send({ code: "portal.not-found", message });
}

function answered(reply: FastifyReply, answer: QuoteAnswer) {
  if (answer.ok) return reply.code(202).send({ ref: answer.ref, state: answer.state });
  const { code, message } = answer satisfies Refusal;
  return reply.code(statusOf(code)).send({ code, message });
}

/** What trying again can help is told apart from what it cannot. */
function statusOf(code: string): number {
  if (code === "ingest.too-many") return 429;
  return code === "pool.full" ? 503 : 400;
}

function noFrame(reply: FastifyReply) {
  const message = `expected the bytes of a signed frame as ${frames}`;
  return reply.code(415).send({ code: "portal.request", message });
}
