import type { Refusal } from "@busbar/protocol";

/** Most rows of one answer. */
export const limitMax = 500;

type Query = Readonly<Record<string, unknown>>;

/**
 * How many rows are asked for. Codes: `portal.query-unknown` for a parameter that the route has not,
 * `portal.query` for anything but one whole number from 1 to 500.
 */
export function limitOf(
  query: Query,
  fallback: number,
  known: readonly string[] = ["limit"],
): { readonly ok: true; readonly limit: number } | Refusal {
  const other = noOther(query, known);
  if (other !== undefined) return other;
  const { limit } = query;
  if (limit === undefined) return { ok: true, limit: fallback };
  const wanted = typeof limit === "string" && /^[1-9]\d{0,2}$/.test(limit) ? Number(limit) : 0;
  if (wanted >= 1 && wanted <= limitMax) return { ok: true, limit: wanted };
  return {
    ok: false,
    code: "portal.query",
    message: `limit: expected one whole number from 1 to ${limitMax}, got ${shown(limit)}`,
  };
}

/** Behind which epoch council steps are asked for; all of them without it. Codes as in `limitOf`. */
export function afterOf(
  query: Query,
  fallback: number,
): { readonly ok: true; readonly after: number; readonly limit: number } | Refusal {
  const asked = limitOf(query, fallback, ["after", "limit"]);
  if (!asked.ok) return asked;
  const { after } = query;
  if (after === undefined) return { ...asked, after: 0 };
  if (typeof after === "string" && /^(0|[1-9]\d{0,14})$/.test(after)) {
    return { ...asked, after: Number(after) };
  }
  return {
    ok: false,
    code: "portal.query",
    message: `after: expected the number of an epoch, from 0 on, got ${shown(after)}`,
  };
}

/** Refuses parameters that a route does not know; code `portal.query-unknown`. */
export function noOther(query: Query, known: readonly string[]): Refusal | undefined {
  const other = Object.keys(query).find((name) => !known.includes(name));
  if (other === undefined) return undefined;
  const expected = known.length === 0 ? "no parameters" : known.join(", ");
  return {
    ok: false,
    code: "portal.query-unknown",
    message: `expected ${expected}, got the parameter ${shown(other)}`,
  };
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
