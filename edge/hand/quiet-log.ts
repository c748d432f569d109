import type { Logger } from "pino";

type Levels = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** A log that tells a person what is wrong, each trouble once, and keeps the rest to itself. */
export function quietLog(report: (text: string) => void): Levels {
  let said = "";
  const tell = (fields: unknown, words?: string) => {
    const { code, message } = (fields ?? {}) as { code?: string; message?: string };
    const text = [words ?? (typeof fields === "string" ? fields : undefined), message, code]
      .filter((part) => part !== undefined)
      .join(": ");
    if (text === said) return;
    said = text;
    report(text);
  };
  const nothing = () => {};
  return { debug: nothing, info: nothing, warn: tell, error: tell } as Levels;
}
