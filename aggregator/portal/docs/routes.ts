import type { FastifyInstance } from "fastify";
import type { OpenApi } from "./openapi.ts";
import { docsPage } from "./page.ts";

/** `/docs` for people and `/docs/openapi.json` for programs. */
export function addDocs(app: FastifyInstance, document: () => OpenApi): void {
  app.get("/docs", (_request, reply) =>
    reply.type("text/html; charset=utf-8").send(docsPage(document())),
  );
  app.get("/docs/openapi.json", (_request, reply) => reply.send(document()));
}
