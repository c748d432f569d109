/** Most rows of one answer. */
export const limitMax = 500;

/** A parameter of a route, or a property of what is posted; its JSON Schema says exactly what is taken. */
export type Parameter = {
  readonly type: "integer" | "string";
  readonly description: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: number;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly maxLength?: number;
};

/** Parameters that a route takes; any other one is refused. */
export type Parameters = {
  readonly type: "object";
  readonly properties: Readonly<Record<string, Parameter>>;
  readonly required: readonly string[];
  readonly additionalProperties: false;
};

export function parameters(
  properties: Readonly<Record<string, Parameter>>,
  required: readonly string[] = [],
): Parameters {
  return { type: "object", properties, required, additionalProperties: false };
}

/** A request that asks for what there is not; codes `portal.query`, `portal.query-unknown`. */
export class QueryError extends Error {
  readonly statusCode = 400;
  readonly code: string;

  constructor(code: "portal.query" | "portal.query-unknown", message: string) {
    super(message);
    this.code = code;
  }
}

type Values = Readonly<Record<string, unknown>>;

/**
 * Reads parameters strictly, the same for query, path and body: Fastify's own reader would round, cut
 * and convert. Query and path carry integers as digits; in a JSON body they are numbers.
 */
export function readParameters(
  { properties, required }: Parameters,
  given: unknown,
  { digits }: { readonly digits: boolean },
): { readonly value: Record<string, string | number> } | { readonly error: QueryError } {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return refuse("portal.query", `expected a JSON object, got ${shown(given)}`);
  }
  const values = given as Values;
  const other = Object.keys(values).find((name) => !Object.hasOwn(properties, name));
  if (other !== undefined) {
    const known = Object.keys(properties);
    const expected = known.length === 0 ? "no parameters" : known.join(", ");
    const message = `expected ${expected}, got the parameter ${shown(other)}`;
    return refuse("portal.query-unknown", message);
  }
  const value: Record<string, string | number> = {};
  for (const [name, parameter] of Object.entries(properties)) {
    const raw = values[name];
    if (raw === undefined && !required.includes(name)) {
      if (parameter.default !== undefined) value[name] = parameter.default;
      continue;
    }
    const read = readOne(parameter, raw, digits);
    if (read === undefined) {
      const message = `${name}: expected ${expectedOf(parameter)}, got ${shown(raw)}`;
      return refuse("portal.query", message);
    }
    value[name] = read;
  }
  return { value };
}

function readOne(parameter: Parameter, raw: unknown, digits: boolean): string | number | undefined {
  if (parameter.type === "integer") {
    const isText = typeof raw === "string" && /^(0|[1-9]\d{0,15})$/.test(raw);
    const value = digits ? (isText ? Number(raw) : Number.NaN) : raw;
    const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = parameter;
    const fits = typeof value === "number" && Number.isSafeInteger(value);
    return fits && value >= minimum && value <= maximum ? value : undefined;
  }
  if (typeof raw !== "string" || raw.length > (parameter.maxLength ?? 100)) return undefined;
  if (parameter.enum !== undefined && !parameter.enum.includes(raw)) return undefined;
  const { pattern } = parameter;
  return pattern === undefined || new RegExp(pattern).test(raw) ? raw : undefined;
}

function expectedOf({ type, minimum = 0, maximum, ...rest }: Parameter): string {
  if (type === "integer") {
    return maximum === undefined
      ? `one whole number from ${minimum} on`
      : `one whole number from ${minimum} to ${maximum}`;
  }
  if (rest.enum !== undefined) return rest.enum.join(" or ");
  return rest.description;
}

function refuse(code: "portal.query" | "portal.query-unknown", message: string) {
  return { error: new QueryError(code, message) };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Parameters that several routes take. */
export const known = {
  limit: (fallback: number): Parameter => ({
    type: "integer",
    description: "how many rows",
    minimum: 1,
    maximum: limitMax,
    default: fallback,
  }),
  from: (what: string): Parameter => ({ type: "integer", description: what }),
  id: (what: string): Parameter => ({
    type: "string",
    description: `${what}: 1 to 32 lower-case letters, digits and inner hyphens`,
    pattern: "^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$",
    maxLength: 32,
  }),
  contract: {
    type: "string",
    description: "a contract's name, as 001780000000000-0001",
    pattern: "^[0-9]{15}-[0-9]{4,8}$",
    maxLength: 24,
  } satisfies Parameter,
  base64url: (what: string, maxLength: number): Parameter => ({
    type: "string",
    description: `${what} as base64url`,
    pattern: "^[A-Za-z0-9_-]+$",
    maxLength,
  }),
} as const;
