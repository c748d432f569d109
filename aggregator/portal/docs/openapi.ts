import type { FastifyInstance, RouteOptions } from "fastify";
import { rolesOf } from "../access/roles.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a body is, where it is not JSON. */
    takes?: string;
    /** What the answer is, where it is not JSON. */
    gives?: string;
  }
  interface FastifySchema {
    summary?: string;
  }
}

/** A schema as OpenAPI 3.1 has them: JSON Schema 2020-12. */
type Schema = Readonly<Record<string, unknown>>;

export type Operation = {
  readonly summary: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: "query" | "path";
    readonly required: boolean;
    readonly description: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: {
    readonly required: true;
    readonly content: Record<string, { schema: Schema }>;
  };
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly content?: Record<string, { schema: Schema }> }
    >
  >;
  /** Who may use it; `guest` is everybody. */
  readonly "x-roles": readonly string[];
};

export type OpenApi = {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
};

const description =
  "Integers throughout: money and prices in 10⁻⁶ of the site's currency, energy in Wh, times in ms of the site's " +
  'clock since 1970 UTC; null is "not known", for a price "not traded". Every answer that is not 2xx is ' +
  "`{ code, message }`. What changes something for whoever is signed in carries the session's token in " +
  "`x-busbar-csrf`.";

/** Writes down each route that is added from now on; what the server checks by is what stands here. */
export function describeRoutes(app: FastifyInstance): () => OpenApi {
  const paths: Record<string, Record<string, Operation>> = {};
  app.addHook("onRoute", (route) => {
    const isData = route.url.startsWith("/api/") || route.schema?.summary !== undefined;
    if (!isData) return;
    for (const method of [route.method].flat()) {
      if (method === "HEAD") continue;
      const path = route.url.replace(/:(\w+)/g, "{$1}");
      paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(method, route) };
    }
  });
  const info = { title: "Busbar portal", version: "1", description };
  return () => ({ openapi: "3.1.0", info, paths: sorted(paths) });
}

function operationOf(method: string, { url, schema = {}, config }: RouteOptions): Operation {
  const { summary = "", body, querystring, params, response } = schema;
  const takes = config?.takes ?? (body === undefined ? undefined : "application/json");
  const content = (type: string, of: unknown) => ({ [type]: { schema: (of ?? {}) as Schema } });
  const gives = config?.gives ?? "application/json";
  return {
    summary,
    parameters: [...parametersOf("path", params), ...parametersOf("query", querystring)],
    ...(takes === undefined
      ? {}
      : { requestBody: { required: true, content: content(takes, body) } as const }),
    responses: Object.fromEntries(
      Object.entries((response ?? { 200: undefined }) as Record<string, unknown>).map(
        ([status, of]) => [
          status.replace(/xx$/, "XX"),
          {
            description: /^2/.test(status) ? "what was asked for" : "why not",
            content: content(/^2/.test(status) ? gives : "application/json", of),
          },
        ],
      ),
    ),
    "x-roles": rolesOf(`${method} ${url}`) ?? ["guest"],
  };
}

function parametersOf(place: "query" | "path", schema: unknown): Operation["parameters"] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description: about = "", ...rest }]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    description: String(about),
    schema: rest,
  }));
}

function sorted<T>(all: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
}
