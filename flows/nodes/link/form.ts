/** A `${NAME}` that Node-RED left as it was, because no such environment variable is set. */
const unset = /^\$\{([^}]+)\}$/;

/** What a person entered in a text field, trimmed. */
export function entered(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}

/** As `entered`, where an environment variable that is not set counts as nothing entered. */
export function optional(value: unknown): string {
  const text = entered(value);
  return unset.test(text) ? "" : text;
}

/** The environment variable that a field asks for in vain, if it is so. */
export function unsetVariable(value: unknown): string | undefined {
  return unset.exec(entered(value))?.[1];
}
