import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Guard } from "./access/guard.ts";
import type { PortalEvent, PortalSource } from "./api.ts";
import type { EventStreams } from "./event-stream.ts";
import { securityHeaders } from "./headers.ts";
import { metricsText, metricsType } from "./metrics.ts";
import { known, type Parameter, parameters } from "./query.ts";
import { answers, healthAnswer } from "./schemas.ts";
import { errorAnswer } from "./shape.ts";

type Asked = {
  readonly limit: number;
  readonly before?: number;
  readonly after?: number;
  readonly owner?: string;
  readonly slot?: number;
};

/** The routes of people's tools and of the site's page; all read. */
export function addRoutes(
  app: FastifyInstance,
  {
    source,
    streams,
    guard,
  }: { readonly source: PortalSource; readonly streams: EventStreams; readonly guard: Guard },
): void {
  const add = (
    name: string,
    about: {
      readonly summary: string;
      readonly answer: object;
      readonly query?: Readonly<Record<string, Parameter>>;
    },
    read: (asked: Asked, request: FastifyRequest) => unknown,
  ) => {
    const { summary, answer, query = {} } = about;
    const response = { 200: answer, "4xx": errorAnswer, "5xx": errorAnswer };
    const schema = { summary, querystring: parameters(query), response };
    app.get(`/api/${name}`, { schema }, async (request, reply) =>
      reply.send(await read(request.query as Asked, request)),
    );
  };
  const before = known.from("the last row's number of the page before; the newest without it");
  const owner = known.id("whose; an owner sees its own alone");

  add(
    "status",
    { summary: "How the chain, its books and its members stand", answer: answers.status },
    () => source.status(),
  );
  add(
    "slots",
    { summary: "Slots, newest first", answer: answers.slots, query: { limit: known.limit(24) } },
    ({ limit }) => source.slots(limit),
  );
  add("gates", { summary: "Every gate that takes quotes now", answer: answers.gates }, () =>
    source.gates(),
  );
  add(
    "trades",
    {
      summary: "Contracts, newest first; an owner's own",
      answer: answers.trades,
      query: {
        limit: known.limit(50),
        before,
        owner,
        slot: known.from("start of the slot that they are for"),
      },
    },
    ({ owner: asked, ...page }, request) => {
      const whose = guard.ownerOf(request, asked);
      return source.trades({ ...page, ...(whose === undefined ? {} : { owner: whose }) });
    },
  );
  add(
    "meters",
    { summary: "Each meter's newest reading; an owner's own", answer: answers.meters },
    async (_asked, request) => {
      const whose = guard.ownerOf(request, undefined);
      const meters = await source.meters();
      return meters.filter((meter) => whose === undefined || meter.owner === whose);
    },
  );
  add(
    "blocks",
    {
      summary: "Blocks, newest first",
      answer: answers.blocks,
      query: { limit: known.limit(20), before },
    },
    (asked) => source.blocks(asked),
  );
  add(
    "membership",
    { summary: "Whom proofs are checked against", answer: answers.membership },
    () => source.membership(),
  );
  add(
    "council-steps",
    {
      summary: "Proofs of who votes since when, the oldest first",
      answer: answers.councilSteps,
      query: {
        after: { ...known.from("the number of an epoch"), default: 0 },
        limit: known.limit(100),
      },
    },
    ({ after = 0, limit }) => source.councilSteps(after, limit),
  );
  addStream(app, streams, guard);
  addForMachines(app, source, streams);
}

function addForMachines(app: FastifyInstance, source: PortalSource, streams: EventStreams): void {
  const health = { summary: "Whether the portal answers", response: { 200: healthAnswer } };
  app.get("/health", { schema: health }, () => ({ ok: true }));
  const config = { gives: "text/plain" };
  app.get("/metrics", { config, schema: { summary: "For Prometheus" } }, async (_request, reply) =>
    reply.type(metricsType).send(
      metricsText(await source.status(), {
        eventClients: streams.clients,
        eventClientsRefused: streams.refused,
        eventClientsDisplaced: streams.displaced,
        eventClientsSlow: streams.slow,
      }),
    ),
  );
}

function addStream(app: FastifyInstance, streams: EventStreams, guard: Guard): void {
  const schema = {
    summary:
      "What each block brings, as Server-Sent Events; of owners' affairs what the viewer may see",
    querystring: parameters({}),
    response: { "4xx": errorAnswer, "5xx": errorAnswer },
  };
  const config = { gives: "text/event-stream" };
  app.get("/api/events", { schema, config }, (request, reply) => {
    if (request.method === "HEAD") return reply.type("text/event-stream").send();
    const reader = guard.readerOf(request);
    const room = streams.admits(reader);
    if (room !== "yes") return full(reply, room);
    reply.hijack();
    const seen = guard.watch(request);
    const sees = (event: PortalEvent) => isShown(event, seen());
    streams.add(reply.raw, { headers: securityHeaders, ...reader, sees });
    return reply;
  });
}

/** Whether somebody who sees this much is told of an event. */
function isShown({ event, data }: PortalEvent, scope: ReturnType<Guard["scopeOf"]>): boolean {
  if (event !== "trade" && event !== "reading") return true;
  if (scope === undefined) return false;
  if (scope.of === "all") return true;
  if (event === "reading") return data.owner === scope.owner;
  return data.seller === scope.owner || data.buyer === scope.owner;
}

function full(reply: FastifyReply, why: "own-full" | "full") {
  const whose = why === "full" ? "too many pages" : "too many pages of this browser or address";
  reply.code(503).header("retry-after", "10");
  return reply.send({
    code: "portal.streams-full",
    message: `${whose} follow the site; close some or try again later`,
  });
}
