import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AccessError } from "../access/codes.ts";
import type { Guard } from "../access/guard.ts";
import type { Desk } from "../desk.ts";
import { known, parameters } from "../query.ts";
import { errorAnswer, list, record, text } from "../shape.ts";
import {
  type DeliveriesAsked,
  deliveryChannels,
  deliveryShape,
  deliveryStates,
} from "./deliveries.ts";

const errors = { "4xx": errorAnswer, "5xx": errorAnswer };

/** What became of notices, and another try: a member's of all owners, an owner's of its own. */
export function addDeliveryRoutes(
  app: FastifyInstance,
  { desk, guard }: { readonly desk: Desk; readonly guard: Guard },
): void {
  app.get(
    "/api/deliveries",
    {
      schema: {
        summary:
          "How notices fare on their way, newest first; state=dead: those that were given up",
        querystring: parameters({
          owner: known.id("whose; an owner sees its own alone"),
          state: { type: "string", description: "where they stand", enum: deliveryStates },
          before: known.from("the last row's number of the page before; the newest without it"),
          limit: known.limit(50),
        }),
        response: { 200: list(deliveryShape), ...errors },
      },
    },
    (request: FastifyRequest, reply: FastifyReply) => {
      const { owner, ...asked } = request.query as DeliveriesAsked;
      return reply.send(desk.deliveries({ ...asked, owner: guard.householdOf(request, owner) }));
    },
  );
  app.post(
    "/api/deliveries/resend",
    {
      schema: {
        summary: "Send a notice again: by the channels that gave it up, or by one",
        querystring: parameters({}),
        body: parameters(
          {
            notice: { type: "string", description: "its id", maxLength: 200 },
            channel: { type: "string", description: "by this one alone", enum: deliveryChannels },
          },
          ["notice"],
        ),
        response: { 200: record({ notice: text, channels: list(text) }), ...errors },
      },
    },
    (request: FastifyRequest, reply: FastifyReply) => {
      const asked = request.body as { readonly notice: string; readonly channel?: string };
      guard.countMessage(request);
      const sent = desk.resend({ ...asked, owner: guard.householdOf(request, undefined) });
      if (sent === "lately") throw tooSoon();
      if (sent !== undefined) return reply.send({ notice: asked.notice, channels: sent });
      const message = `there is no notice ${asked.notice.slice(0, 100)}`;
      return reply.code(404).send({ code: "portal.not-found", message });
    },
  );
}

function tooSoon(): AccessError {
  const message =
    "a notice that was not given up goes out again once an hour at most, and ten of them in an hour";
  return new AccessError("portal.sent-lately", message);
}
