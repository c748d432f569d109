import { gunzipSync } from "node:zlib";
import { Failure } from "@busbar/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AccessError } from "../access/codes.ts";
import type { Guard } from "../access/guard.ts";
import type { MakeBill } from "../aside.ts";
import { known, parameters } from "../query.ts";
import { errorAnswer } from "../shape.ts";

const month = {
  type: "string",
  description: "a month of the site's clock, as 2026-06",
  pattern: "^\\d{4}-(0[1-9]|1[0-2])$",
  maxLength: 7,
} as const;

/** `GET /api/bill`: an owner's bill of a month with all that proves it. */
export function addBillRoute(
  app: FastifyInstance,
  { bill, guard }: { readonly bill: MakeBill; readonly guard: Guard },
): void {
  const schema = {
    summary:
      "An owner's bill of a month with its evidence, as busbar-aggregator bill --json writes it",
    querystring: parameters({ month, owner: known.id("whose; an owner's own") }, ["month"]),
    response: { "4xx": errorAnswer, "5xx": errorAnswer },
  };
  app.get("/api/bill", { schema }, async (request, reply) => {
    const asked = request.query as { readonly month: string; readonly owner?: string };
    const owner = guard.householdOf(request, asked.owner);
    if (owner === undefined) {
      throw new AccessError("access.other-owner", "say whose, as ?owner=<id>");
    }
    try {
      const packed = await bill({ by: guard.personOf(request), owner, month: asked.month });
      reply.type("application/json; charset=utf-8").header("vary", "accept-encoding");
      if (!takesGzip(request)) return reply.send(gunzipSync(packed));
      return reply.header("content-encoding", "gzip").send(Buffer.from(packed));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return refuseFailure(reply, error);
    }
  });
}

/** RFC 9110 §12.5.3; all browsers take it. `q=0` says the contrary. */
function takesGzip({ headers }: FastifyRequest): boolean {
  const said = String(headers["accept-encoding"] ?? "").split(",");
  return said.some((one) => {
    const [coding = "", weight = "q=1"] = one.toLowerCase().split(";");
    return coding.trim() === "gzip" && Number(weight.trim().slice("q=".length)) > 0;
  });
}

/** What trying again can help is told apart from a time of which there is nothing to tell. */
export function refuseFailure(reply: FastifyReply, { code, message, retry }: Failure) {
  return reply.code(retry === "later" ? 503 : 404).send({ code, message });
}
