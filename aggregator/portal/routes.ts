import type { Refusal } from "@busbar/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { PortalSource } from "./api.ts";
import type { EventStreams } from "./event-stream.ts";
import { securityHeaders } from "./headers.ts";
import { metricsText, metricsType } from "./metrics.ts";
import { afterOf, limitOf, noOther } from "./query.ts";
import { answers, errorAnswer, healthAnswer } from "./schemas.ts";

type Query = Readonly<Record<string, unknown>>;

/** The routes of people's tools and of the page; all read. */
export function addRoutes(app: FastifyInstance, source: PortalSource, streams: EventStreams): void {
  plain(app, "status", answers.status, () => source.status());
  plain(app, "meters", answers.meters, () => source.meters());
  plain(app, "gates", answers.gates, () => source.gates());
  listed(app, "slots", { answer: answers.slots, fallback: 24 }, (limit) => source.slots(limit));
  listed(app, "trades", { answer: answers.trades, fallback: 50 }, (limit) => source.trades(limit));
  listed(app, "blocks", { answer: answers.blocks, fallback: 20 }, (limit) => source.blocks(limit));
  plain(app, "membership", answers.membership, () => source.membership());
  steps(app, (after, limit) => source.councilSteps(after, limit));
  app.get("/api/events", (request, reply) => openStream(request, reply, streams));
  app.get("/health", { schema: { response: { 200: healthAnswer } } }, () => ({ ok: true }));
  app.get("/metrics", (_request, reply) =>
    reply.type(metricsType).send(
      metricsText(source.status(), {
        eventClients: streams.clients,
        eventClientsRefused: streams.refused,
        eventClientsSlow: streams.slow,
      }),
    ),
  );
}

/** A route without parameters. */
function plain(app: FastifyInstance, name: string, answer: object, read: () => unknown): void {
  const schema = { response: { 200: answer, "4xx": errorAnswer } };
  app.get(`/api/${name}`, { schema }, (request, reply) => {
    const refusal = noOther(request.query as Query, []);
    return reply.send(refusal === undefined ? read() : refused(reply, refusal));
  });
}

/** A route with `limit`. */
function listed(
  app: FastifyInstance,
  name: string,
  { answer, fallback }: { readonly answer: object; readonly fallback: number },
  read: (limit: number) => unknown,
): void {
  const schema = { response: { 200: answer, "4xx": errorAnswer } };
  app.get(`/api/${name}`, { schema }, (request, reply) => {
    const asked = limitOf(request.query as Query, fallback);
    return reply.send(asked.ok ? read(asked.limit) : refused(reply, asked));
  });
}

/** Who votes since when, for units and checkers that follow from an older membership. */
function steps(app: FastifyInstance, read: (after: number, limit: number) => unknown): void {
  const schema = { response: { 200: answers.councilSteps, "4xx": errorAnswer } };
  app.get("/api/council-steps", { schema }, (request, reply) => {
    const asked = afterOf(request.query as Query, 100);
    return reply.send(asked.ok ? read(asked.after, asked.limit) : refused(reply, asked));
  });
}

function openStream(request: FastifyRequest, reply: FastifyReply, streams: EventStreams) {
  const refusal = noOther(request.query as Query, []);
  if (refusal !== undefined) return reply.send(refused(reply, refusal));
  if (request.method === "HEAD") return reply.type("text/event-stream").send();
  if (!streams.admits()) {
    reply.code(503).header("retry-after", "10");
    return reply.send({
      code: "portal.streams-full",
      message: "too many pages follow the site; close some or try again later",
    });
  }
  reply.hijack();
  streams.add(reply.raw, securityHeaders);
  return reply;
}

function refused(reply: FastifyReply, { code, message }: Refusal) {
  reply.code(400);
  return { code, message };
}
