import { gunzipSync } from "node:zlib";
import { Failure } from "@busbar/protocol";
import type { FastifyInstance } from "fastify";
import type { WhatIf } from "../../settlement/what-if/what-if.ts";
import type { Guard } from "../access/guard.ts";
import type { MakeReport } from "../aside.ts";
import { parameters } from "../query.ts";
import { reportFor } from "../report.ts";
import { errorAnswer } from "../shape.ts";
import { refuseFailure } from "./bill-route.ts";
import { reportShape } from "./shapes-community.ts";

/** `GET /api/report`: the same meters under other rules; an owner sees the community's figures and its own. */
export function addReportRoute(
  app: FastifyInstance,
  { report, guard }: { readonly report: MakeReport; readonly guard: Guard },
): void {
  const schema = {
    summary:
      "What the newest days would have cost under retail alone, keys, auctions and bargaining",
    querystring: parameters({
      days: {
        type: "integer",
        description: "how many days back",
        minimum: 1,
        maximum: 62,
        default: 7,
      },
    }),
    response: { 200: reportShape, "4xx": errorAnswer, "5xx": errorAnswer },
  };
  app.get("/api/report", { schema }, async (request, reply) => {
    const { days } = request.query as { readonly days: number };
    const owner = guard.ownerOf(request, undefined);
    try {
      const packed = await report({ by: guard.personOf(request), days });
      const all = JSON.parse(gunzipSync(packed).toString()) as WhatIf;
      return reply.send(reportFor(all, owner));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return refuseFailure(reply, error);
    }
  });
}
