import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { meters } from "../../ledger/tables.ts";
import { AccessError } from "../access/codes.ts";
import type { Guard } from "../access/guard.ts";
import type { Desk } from "../desk.ts";
import { known, parameters } from "../query.ts";
import { errorAnswer } from "../shape.ts";
import { linkShape } from "./shapes.ts";

/** A proof with the steps to its voters, as `busbar-aggregator verify-proof` and the page check it. */
export const proofType = "application/cbor";

const response = { "4xx": errorAnswer, "5xx": errorAnswer };
const config = { gives: proofType };

/** Proofs that are checked where they are read. */
export function addProofRoutes(
  app: FastifyInstance,
  { desk, guard }: { readonly desk: Desk; readonly guard: Guard },
): void {
  const key = {
    type: "string",
    description:
      "a key of the state: contract/<id>, settlement/<hour>/<owner>, account/<owner>, reading/<meter>, credit/<id>, bill/<owner>/<yyyy-mm>, demand/<order>, green/<slot>/<owner>/<form>, corrected/<slot>/<meter>, device-status/<unit>, slot/<slot>, feeder-sale/<trade>, feeder-purchase/<trade>",
    maxLength: 120,
  } as const;
  app.get(
    "/api/proofs/state",
    {
      config,
      schema: {
        summary: "Proof of what the newest certified state holds under a key",
        querystring: parameters({ key }, ["key"]),
        response,
      },
    },
    (request, reply) => {
      const { key: asked } = request.query as { readonly key: string };
      const owners = desk.ownersOfKey(asked);
      if (owners === undefined) return notThere(reply, asked);
      checkOwners(request, owners);
      return handOut(reply, asked, desk.stateProof(asked));
    },
  );
  app.get(
    "/api/proofs/reading",
    {
      config,
      schema: {
        summary: "Receipt of the signed batch that holds a reading",
        querystring: parameters(
          {
            meter: known.id("the meter"),
            sequence: { ...known.from("the reading's number"), minimum: 1 },
          },
          ["meter", "sequence"],
        ),
        response,
      },
    },
    (request, reply) => {
      const reading = request.query as { readonly meter: string; readonly sequence: number };
      const owner = meters.get(desk.state, reading.meter)?.owner;
      checkOwners(request, owner === undefined ? [] : [owner]);
      const name = `reading ${reading.sequence} of ${reading.meter}`;
      return handOut(reply, name, desk.readingProof(reading));
    },
  );
  app.get(
    "/api/proofs/event",
    {
      config,
      schema: {
        summary:
          "Proof of a block's event, with all that the same transaction brought; an owner's where all of it is about this owner",
        querystring: parameters(
          {
            height: { ...known.from("the block's height"), minimum: 1 },
            event: known.from("the event's place in the block, from 0"),
          },
          ["height", "event"],
        ),
        response,
      },
    },
    (request, reply) => {
      const { height, event } = request.query as {
        readonly height: number;
        readonly event: number;
      };
      const name = `event ${event} of block ${height}`;
      checkOwners(request, desk.readersOfResult({ height, index: event }));
      return handOut(reply, name, desk.eventProof({ height, index: event }));
    },
  );
  app.get(
    "/api/proofs/link",
    {
      schema: {
        summary: "What a notice's proof link leads to: its notices, and where their proofs are",
        querystring: parameters(
          {
            path: {
              type: "string",
              description:
                "the arguments of busbar-aggregator prove joined by /, as result/42/block",
              pattern: "^(reading|state|result|payment)(/[A-Za-z0-9~-]{1,64}){1,5}$",
              maxLength: 200,
            },
          },
          ["path"],
        ),
        response: { 200: linkShape, ...response },
      },
    },
    (request, reply) => {
      const { path } = request.query as { readonly path: string };
      const whole = guard.scopeOf(request)?.of === "all";
      const found = desk.link(path, guard.householdOf(request, undefined), { whole });
      return found === undefined ? notThere(reply, path) : reply.send(found);
    },
  );

  function checkOwners(request: FastifyRequest, owners: readonly string[] | "everybody"): void {
    const scope = guard.scopeOf(request);
    if (scope?.of === "all" || owners === "everybody") return;
    if (scope !== undefined && owners.includes(scope.owner)) return;
    throw new AccessError("access.other-owner", "this is not yours, or there is none");
  }
}

function handOut(reply: FastifyReply, what: string, proof: Uint8Array | undefined) {
  if (proof === undefined) return notThere(reply, what);
  return reply.type(proofType).send(Buffer.from(proof.buffer, proof.byteOffset, proof.length));
}

function notThere(reply: FastifyReply, what: string) {
  const message = `there is no proof of ${what.slice(0, 120)} here: it never was, is older than what is kept, or lies in an archive`;
  return reply.code(404).send({ code: "portal.not-found", message });
}
