import type { FastifyInstance, FastifyReply } from "fastify";
import type { Guard } from "../access/guard.ts";
import type { Desk } from "../desk.ts";
import { known, parameters } from "../query.ts";
import { errorAnswer } from "../shape.ts";
import { proofType } from "./proof-routes.ts";
import { feedersShape } from "./shapes-feeders.ts";

const errors = { "4xx": errorAnswer, "5xx": errorAnswer };

const trade = {
  type: "string",
  description: "the trade: SHA-256 of its terms, hex",
  pattern: "^[0-9a-f]{64}$",
} as const;

/**
 * What the other feeder's members and buyers fetch, who are strangers here: offers, and the proof of a trade for whoever knows
 * its name, which follows from 16 random bytes. Rows of trades that somebody took are its own people's.
 */
export function addFeederRoutes(
  app: FastifyInstance,
  { desk, guard }: { readonly desk: Desk; readonly guard: Guard },
): void {
  app.get(
    "/api/feeders",
    {
      schema: {
        summary: "Other feeders' chains that the members trust, and the trades with them",
        querystring: parameters({ with: known.id("the chain: its trades alone") }),
        response: { 200: feedersShape, ...errors },
      },
    },
    (request) => {
      const scope = guard.scopeOf(request);
      const owner = scope?.of === "owner" ? scope.owner : undefined;
      const reader = scope?.of === "all" ? "all" : { owner };
      return desk.feeders({ ...(request.query as { readonly with?: string }), reader });
    },
  );
  app.get(
    "/api/feeders/proof",
    {
      config: { gives: proofType },
      schema: {
        summary: "Proof of what this chain, or with of=other the other one, holds of a trade",
        querystring: parameters(
          {
            trade,
            way: {
              type: "string",
              description: "whose entry: the seller's or the buyer's",
              enum: ["sale", "purchase"],
            },
            epoch: known.from("steps from this epoch of the voters on; 0 without it"),
            of: { type: "string", description: "which chain's", enum: ["here", "other"] },
          },
          ["trade", "way"],
        ),
        response: errors,
      },
    },
    (request, reply) => {
      const asked = request.query as {
        readonly trade: string;
        readonly way: "sale" | "purchase";
        readonly epoch?: number;
        readonly of?: "here" | "other";
      };
      const proof = desk.feederProof({ epoch: 0, of: "here", ...asked });
      if (proof === undefined) return notThere(reply, asked.trade);
      return reply.type(proofType).send(Buffer.from(proof.buffer, proof.byteOffset, proof.length));
    },
  );
}

function notThere(reply: FastifyReply, which: string) {
  const message = `there is no proof of trade ${which} here: it is not known, or lies too far back`;
  return reply.code(404).send({ code: "portal.not-found", message });
}
