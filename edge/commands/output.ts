import { Failure } from "@busbar/protocol";
import { columnsOf, wrap } from "./terminal.ts";

/** Exit codes of every command. */
export const exitCode = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Ends the process once all that was printed is out. */
export async function exitWith(code: number): Promise<never> {
  // Behind the "^C" that a terminal shows.
  const text = code === exitCode.interrupted && process.stdout.isTTY ? "\n" : "";
  await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
  process.exit(code);
}

/**
 * What becomes of a command whose reader has had enough (`| head`): it ends, without a word. A unit
 * that runs goes on; nobody need listen to it.
 */
export function withoutReader({ goOn }: { readonly goOn: boolean }): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (!goOn) process.exit();
    });
  }
}

/** Prints one JSON document, or the text made for people. */
export function print(json: boolean, value: unknown, text: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text()}\n`);
}

/** What the operating system says of a file, and what to do; undefined of other errors. */
export function fileFault(error: unknown): Failure | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  const remedy = fileRemedies[code ?? ""];
  if (path === undefined || remedy === undefined) return undefined;
  const message = `${path}: ${remedy} (${code}, ${syscall})`;
  return new Failure("file.unusable", message, { retry: "never", cause: error });
}

const denied =
  "this user has no permission; run it as the user to whom the folder belongs, or change its owner";
const fileRemedies: Readonly<Record<string, string>> = {
  EACCES: denied,
  EPERM: denied,
  EROFS: "the file system is read-only; name another place, or see why it is (dmesg)",
  ENOSPC: "the disk is full; make room",
  EDQUOT: "this user's share of the disk is full; make room",
  ENOENT: "no such file or folder",
  ENOTDIR: "a part of the path is no folder",
  EISDIR: "is a folder; name a file",
  EIO: "the disk cannot be read or written; look at dmesg, and at the card",
};

/** One readable message for what went wrong, and the exit code for it. */
export function fail(thrown: unknown, json: boolean): void {
  const error = fileFault(thrown) ?? thrown;
  // What is no Failure is a fault of ours: its stack is what we want to be told.
  const known = error instanceof Failure;
  const code = known ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, code, message })}\n`);
  else process.stderr.write(`${failureText(message, code)}\n`);
  if (!known && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = code.startsWith("usage.") ? exitCode.usage : exitCode.failed;
}

/** Whole words in each line of a terminal; elsewhere as it is, for other programs. */
function failureText(message: string, code: string): string {
  const text = `busbar-edge: ${message} [${code}]`;
  if (process.stderr.isTTY !== true) return text;
  const width = columnsOf(process.stderr);
  return text
    .split("\n")
    .map((line) => wrap(line, width, "  "))
    .join("\n");
}

/** A table with aligned columns; columns of numbers stand right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) =>
    Math.max(name.length, ...rows.map((row) => (row[i] ?? "").length)),
  );
  const right = head.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^[-\d.,…]*$/.test(row[i] ?? "")),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (right[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)].join("\n");
}
