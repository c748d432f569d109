import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { Failure } from "@busbar/protocol";
import { recordingHead } from "../framing/capture-bytes.ts";
import type { Trace } from "../framing/line.ts";
import { hex } from "../framing/modbus/capture.ts";

type Frame = Parameters<Trace>[0];

/**
 * A recording of all frames for a bug report: one line each, as `busbar-edge decode` reads them,
 * `HH:MM:SS.mmm > 01 04 …` for what was sent and `<` for what came, in UTC. Each line is with the
 * operating system before the next frame: a killed process loses none.
 */
export class CaptureFile {
  readonly #file: string;
  readonly #descriptor: number;
  #failure: Failure | undefined;

  /** Throws: `Failure` `usage.capture-exists`, `capture.file`. */
  constructor(file: string, about: readonly string[]) {
    this.#file = file;
    this.#descriptor = openNew(file);
    const now = new Date().toISOString();
    for (const line of [`${recordingHead}, begun ${now}, times are UTC`, ...about.map(comment)]) {
      this.#append(line);
    }
  }

  frame({ direction, bytes }: Frame): void {
    this.#append(`${timeText(new Date())} ${direction === "sent" ? ">" : "<"} ${hex(bytes)}`);
  }

  /** A remark between the frames. */
  remark(text: string): void {
    this.#append(comment(`${timeText(new Date())} ${text}`));
  }

  /** Throws: `Failure` `capture.file` when a line could not be written. */
  close(): void {
    if (this.#failure === undefined) fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #append(line: string): void {
    if (this.#failure !== undefined) return;
    try {
      writeSync(this.#descriptor, `${line}\n`);
    } catch (cause) {
      // The bus is being read: it must not suffer for a full disk.
      const message = `${this.#file}: the recording ends here (${reasonOf(cause)})`;
      this.#failure = new Failure("capture.file", message, { retry: "never", cause });
    }
  }
}

/** "19:50:12.345", UTC. */
export const timeText = (time: Date): string => time.toISOString().slice(11, 23);

const comment = (text: string): string => `# ${text.replaceAll("\n", " ")}`;

function openNew(file: string): number {
  try {
    return openSync(file, "wx");
  } catch (cause) {
    if (Reflect.get(Object(cause), "code") === "EEXIST") {
      const message = `${file} is there already and is not overwritten; name another file`;
      throw new Failure("usage.capture-exists", message, { retry: "never", cause });
    }
    const message = `${file}: cannot be written (${reasonOf(cause)})`;
    throw new Failure("capture.file", message, { retry: "never", cause });
  }
}

const reasonOf = (cause: unknown): string =>
  cause instanceof Error ? (cause.message.split(",")[0] ?? "") : String(cause);
