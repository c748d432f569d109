/**
 * JSON Schemas of what the portal says and takes, with their TypeScript types: one description checks,
 * serialises, documents and types. What is not named does not leave.
 */
export type Shape<T> = {
  readonly type?: string | readonly string[];
  /** For the type alone; no value has it. */
  readonly of?: T;
};

export type Of<S> = S extends Shape<infer T> ? T : never;

type Shapes = Readonly<Record<string, Shape<unknown>>>;

function shape<T>(schema: object): Shape<T> {
  return schema;
}

export const integer = shape<number>({ type: "integer" });
export const real = shape<number>({ type: "number" });
export const text = shape<string>({ type: "string" });
export const flag = shape<boolean>({ type: "boolean" });

export function words<const W extends readonly string[]>(...all: W): Shape<W[number]> {
  return shape({ type: "string", enum: all });
}

export function list<T>(items: Shape<T>): Shape<readonly T[]> {
  return shape({ type: "array", items });
}

export function orNull<T>(inner: Shape<T>): Shape<T | null> {
  const { type } = inner;
  return shape({ ...inner, type: [type, "null"] });
}

export function counts(): Shape<Readonly<Record<string, number>>> {
  return shape({ type: "object", additionalProperties: integer });
}

export function record<P extends Shapes>(
  properties: P,
): Shape<{ readonly [K in keyof P]: Of<P[K]> }> & { readonly properties: P } {
  const required = Object.keys(properties);
  return { type: "object", properties, required, additionalProperties: false } as never;
}

/** With properties that may be left out. */
export function partial<P extends Shapes, Q extends Shapes>(
  properties: P,
  optional: Q,
): Shape<{ readonly [K in keyof P]: Of<P[K]> } & { readonly [K in keyof Q]?: Of<Q[K]> }> {
  const required = Object.keys(properties);
  const all = { ...properties, ...optional };
  return shape({ type: "object", properties: all, required, additionalProperties: false });
}

export const errorAnswer = record({ code: text, message: text });
