/** A part of what a node sees: of the message, or of what flows remember. */
export type Part = {
  readonly root: "msg" | "context" | "flow" | "global";
  readonly keys: readonly string[];
};

/** A multiple of a part. */
export type Term = { readonly part: Part; readonly factor: number };

/** A number as the sum of multiples of parts and a constant. */
export type Amount = {
  readonly kind: "amount";
  readonly terms: readonly Term[];
  readonly constant: number;
  /** A duration from the environment is in it, such as the slot's hours. */
  readonly timed: boolean;
  /** Its sign was taken away. */
  readonly sized: boolean;
};

/** What an expression gives, as far as its text tells. */
export type Value =
  | Amount
  /** Fields, and what all others are parts of. */
  | {
      readonly kind: "object";
      readonly fields: ReadonlyMap<string, Value>;
      readonly rest: Part | undefined;
    }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  /** A text, a truth, nothing: no number that came from outside. */
  | { readonly kind: "fixed"; readonly value: unknown }
  | { readonly kind: "one-of"; readonly values: readonly Value[] }
  /** A function, by its place in the syntax tree. */
  | { readonly kind: "function"; readonly node: unknown }
  | { readonly kind: "unknown" };

export const unknown: Value = { kind: "unknown" };
export const nothing: Value = { kind: "fixed", value: undefined };
/** Values that one place is followed for. */
const choicesMax = 12;

export const fixed = (value: unknown): Value => ({ kind: "fixed", value });
export const object = (fields: Iterable<readonly [string, Value]>, rest?: Part): Value => ({
  kind: "object",
  fields: new Map(fields),
  rest,
});

export function constant(value: number, timed = false): Amount {
  return { kind: "amount", terms: [], constant: value, timed, sized: false };
}

export function partOf(root: Part["root"], keys: readonly string[]): Amount {
  return { ...constant(0), terms: [{ part: { root, keys }, factor: 1 }] };
}

/** The part that a value is, where it is nothing else. */
export function barePart(value: Value): Part | undefined {
  if (value.kind === "object") return value.fields.size === 0 ? value.rest : undefined;
  if (value.kind !== "amount" || value.terms.length !== 1 || value.constant !== 0) return undefined;
  const [term] = value.terms;
  return term?.factor === 1 && !value.sized ? term.part : undefined;
}

export const isConstant = (value: Value): value is Amount =>
  value.kind === "amount" && value.terms.length === 0;

export function oneOf(values: readonly Value[]): Value {
  const flat = values.flatMap((value) => (value.kind === "one-of" ? value.values : [value]));
  const [first, ...others] = new Set(flat);
  if (first === undefined) return nothing;
  if (others.length === 0) return first;
  return others.length < choicesMax ? { kind: "one-of", values: [first, ...others] } : unknown;
}

/** What each of a value's choices makes. */
export function each(value: Value, of: (one: Value) => Value): Value {
  return value.kind === "one-of" ? oneOf(value.values.map(of)) : of(value);
}

/** What stands at some keys of a value. */
export function select(value: Value, keys: readonly string[]): Value {
  const [key, ...others] = keys;
  if (key === undefined) return value;
  switch (value.kind) {
    case "object": {
      const field = value.fields.get(key);
      if (field !== undefined) return select(field, others);
      return value.rest === undefined
        ? nothing
        : partOf(value.rest.root, [...value.rest.keys, ...keys]);
    }
    case "amount": {
      const part = barePart(value);
      return part === undefined ? nothing : partOf(part.root, [...part.keys, ...keys]);
    }
    case "list":
      return select(value.items[Number(key)] ?? unknown, others);
    case "one-of":
      return each(value, (one) => select(one, keys));
    case "fixed":
      return nothing;
    case "function":
    case "unknown":
      return unknown;
    default:
      return value satisfies never;
  }
}

/** A value with another at some keys. */
export function put(value: Value, keys: readonly string[], what: Value): Value {
  const [key, ...others] = keys;
  if (key === undefined) return what;
  if (value.kind === "one-of") return each(value, (one) => put(one, keys, what));
  if (value.kind === "unknown" || value.kind === "list" || value.kind === "function")
    return unknown;
  const rest = value.kind === "object" ? value.rest : barePart(value);
  const fields = value.kind === "object" ? value.fields : [];
  return object([...fields, [key, put(select(value, [key]), others, what)]], rest);
}

/** All fields of one and, where it lacks them, of another: `{ ...under, ...over }`. */
export function spread(under: Value, over: Value): Value {
  if (over.kind === "one-of") return each(over, (one) => spread(under, one));
  if (under.kind === "one-of") return each(under, (one) => spread(one, over));
  if (over.kind === "fixed") return under;
  if (over.kind !== "object" && barePart(over) === undefined) return unknown;
  // A message that is spread last stands over all that was there.
  if (over.kind !== "object" || over.rest !== undefined) return over;
  if (under.kind !== "object" && barePart(under) === undefined) return unknown;
  let made: Value = under;
  for (const [key, field] of over.fields) made = put(made, [key], field);
  return made;
}

/** `left` + `sign` × `right`. */
export function sum(left: Value, right: Value, sign: 1 | -1): Value {
  return pairs(left, right, (a, b) => {
    const terms = new Map<string, Term>();
    for (const { part, factor } of [...a.terms, ...scaled(b, sign).terms]) {
      const key = keyOf(part);
      terms.set(key, { part, factor: factor + (terms.get(key)?.factor ?? 0) });
    }
    return {
      kind: "amount",
      terms: [...terms.values()].filter(({ factor }) => factor !== 0),
      constant: a.constant + sign * b.constant,
      timed: a.timed || b.timed,
      sized: a.sized || b.sized,
    };
  });
}

export function product(left: Value, right: Value): Value {
  return pairs(left, right, (a, b) => {
    if (a.terms.length > 0 && b.terms.length > 0) return unknown;
    const [line, by] = a.terms.length > 0 ? [a, b] : [b, a];
    return { ...scaled(line, by.constant), timed: a.timed || b.timed };
  });
}

export function quotient(left: Value, right: Value): Value {
  return pairs(left, right, (a, b) =>
    b.terms.length > 0 ? unknown : { ...scaled(a, 1 / b.constant), timed: a.timed || b.timed },
  );
}

/** A value without its sign. */
export const sizeOf = (value: Value): Value =>
  each(value, (one) => (one.kind === "amount" ? { ...one, sized: true } : unknown));

export const keyOf = ({ root, keys }: Part): string => [root, ...keys].join("\u0001");

function scaled(amount: Amount, by: number): Amount {
  const terms = amount.terms.map(({ part, factor }) => ({ part, factor: factor * by }));
  return { ...amount, terms, constant: amount.constant * by };
}

function pairs(left: Value, right: Value, of: (a: Amount, b: Amount) => Value): Value {
  return each(left, (a) =>
    each(right, (b) => {
      if (a.kind === "amount" && b.kind === "amount") return finite(of(a, b));
      const [x, y] = [asAmount(a), asAmount(b)];
      return x === undefined || y === undefined ? unknown : finite(of(x, y));
    }),
  );
}

function asAmount(value: Value): Amount | undefined {
  if (value.kind === "amount") return value;
  const part = barePart(value);
  if (part !== undefined) return partOf(part.root, part.keys);
  const number = value.kind === "fixed" && value.value !== undefined ? Number(value.value) : NaN;
  return Number.isFinite(number) ? constant(number) : undefined;
}

function finite(value: Value): Value {
  if (value.kind !== "amount") return value;
  const numbers = [value.constant, ...value.terms.map(({ factor }) => factor)];
  return numbers.every(Number.isFinite) ? value : unknown;
}

/** The keys of a written path: `payload.values["1-0:1.8.0"]`, `a[0].b`. */
export function keysIn(written: string): readonly string[] {
  const found = written.matchAll(/\[\s*(?:"([^"]*)"|'([^']*)'|(\d+))\s*\]|([^.[\]]+)/g);
  return Array.from(
    found,
    ([, double, single, index, bare]) => double ?? single ?? index ?? bare ?? "",
  );
}
