/**
 * What this browser keeps between two visits. Any page of this address, an extension or a person may have written what
 * lies there, and a browser may refuse to keep anything: none of that ends this page.
 */

/** What lies at a place, as JSON says it; undefined where there is nothing, or nothing that can be read. */
export function recall(place: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "null") ?? undefined;
  } catch {
    // No storage here (or a test without a browser), or no JSON: as if nothing was kept.
    return undefined;
  }
}

/** Those of a list that are what they should be. */
export function recallAll<T>(place: string, fits: (one: unknown) => one is T): readonly T[] {
  const found = recall(place);
  return Array.isArray(found) ? found.filter(fits) : [];
}

/** Keeps a value; false where this browser does not. */
export function remember(place: string, value: unknown): boolean {
  try {
    localStorage.setItem(place, JSON.stringify(value));
    return true;
  } catch {
    // It is full, or its user allows none.
    return false;
  }
}

/** Whether something is an object with fields of these types. */
export function hasFields<K extends string>(
  value: unknown,
  fields: Readonly<Record<K, "string" | "number">>,
): value is Readonly<Record<K, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(fields).every(
    ([name, type]) => typeof (value as Readonly<Record<string, unknown>>)[name] === type,
  );
}
