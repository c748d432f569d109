/** A message body as a JSON object, or undefined when it is anything else. */
export function parseObject(payload: Buffer): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    // No JSON is no object; the caller says what it expected and where.
    return undefined;
  }
  return isObject(value) ? value : undefined;
}

/** Whether a JSON value is an object and not an array or null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
