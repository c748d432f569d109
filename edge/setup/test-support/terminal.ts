import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";

/** What ends a line of a person, the process in front, and the input. */
export const keys = { enter: "\r", ctrlC: "\u0003", ctrlD: "\u0004" } as const;

/** A question that does not come is told with what came instead, sooner than the runner gives up. */
const patienceMs = 60_000;

/** A program on a terminal of its own, with a person before it: `script` makes the terminal. */
export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<unknown[]>;
  #said = "";
  #closed = false;
  #read = 0;
  #wake: (() => void) | undefined;
  #patience: NodeJS.Timeout | undefined;

  constructor(script: string, command: readonly string[], options: { readonly cwd: string }) {
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const env = { ...process.env, TERM: "vt100", COLUMNS: "80" };
    this.#child = spawn(script, ["-qec", `stty cols 80 rows 24; exec ${quoted}`, "/dev/null"], {
      ...options,
      env,
    });
    // Not at its exit: what it said last may come behind that.
    this.#ended = once(this.#child, "close");
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
      this.#wake?.();
    });
    this.#child.once("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  /** All that was on the screen. */
  get said(): string {
    return this.#said.replaceAll("\r\n", "\n");
  }

  /** Waits until the program has said it, behind what was waited for before. */
  async expect(text: RegExp): Promise<void> {
    for (;;) {
      const found = text.exec(this.#said.slice(this.#read));
      if (found !== null) {
        this.#read += found.index + found[0].length;
        return;
      }
      if (this.#closed) {
        throw new Error(`ended before it said ${text}:\n${this.#said.slice(this.#read)}`);
      }
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        this.#patience = setTimeout(() => {
          reject(new Error(`it does not say ${text}, but:\n${this.#said.slice(this.#read)}`));
        }, patienceMs);
      }).finally(() => clearTimeout(this.#patience));
    }
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Answers a question. */
  async answer(question: RegExp, text: string): Promise<void> {
    await this.expect(question);
    this.type(text + keys.enter);
  }

  /** The program's exit code, at its end. */
  async code(): Promise<unknown> {
    const [code] = await this.#ended;
    return code;
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}
