import { createInterface, type Interface } from "node:readline";
import { Failure } from "@busbar/protocol";
import { wrap } from "../commands/terminal.ts";

/** A question. `parse` gives its answer or throws a `Failure` that says what is wrong with it. */
export type Question<T> = {
  readonly text: string;
  /** What Enter means; none: Enter is no answer. */
  readonly fallback?: string | undefined;
  readonly help?: string | undefined;
  readonly parse: (answer: string) => T;
};

export type Choice<T> = { readonly label: string; readonly value: T };

const back = Symbol("back");
/** A pasted file is no answer. */
const answerCharsMax = 1000;

/**
 * Asks a person questions, line by line, on any terminal: no cursor is moved, so a serial console
 * will do. `b` goes back one question from anywhere: the conversation is held again from the start
 * with the answers given so far, so what follows from an answer is worked out anew.
 */
export class Interview {
  readonly #reader: Interface;
  readonly #output: NodeJS.WritableStream;
  readonly #width: number;
  readonly #lines: string[] = [];
  readonly #answers: string[] = [];
  readonly #done = new Map<string, unknown>();
  #next = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: {
    readonly input: NodeJS.ReadableStream;
    readonly output: NodeJS.WritableStream;
    readonly width: number;
  }) {
    this.#output = options.output;
    this.#width = options.width;
    this.#reader = createInterface({ input: options.input, terminal: false });
    this.#reader.on("line", (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    this.#reader.on("close", () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  /** Holds a conversation to its end. Throws: `Failure` `setup.ended` when the person leaves it. */
  async hold<T>(talk: (interview: Interview) => Promise<T>): Promise<T> {
    for (;;) {
      this.#next = 0;
      try {
        return await talk(this);
      } catch (error) {
        if (error !== back) throw error;
        this.#answers.pop();
      }
    }
  }

  close(): void {
    this.#reader.close();
  }

  /** Tells something; not again when the conversation is gone through anew. */
  say(text = ""): void {
    if (this.#next < this.#answers.length) return;
    const lines = text.split("\n").map((line) => wrap(line, this.#width, indentOf(line)));
    this.#output.write(`${lines.join("\n")}\n`);
  }

  /** Tells lines as they are, such as a file's. */
  show(text: string): void {
    if (this.#next >= this.#answers.length) this.#output.write(`${text}\n`);
  }

  async ask<T>(question: Question<T>): Promise<T> {
    const { text, fallback, help = "no more is known about this question", parse } = question;
    const before = this.#answers[this.#next];
    if (before !== undefined) {
      this.#next += 1;
      return parse(before);
    }
    const shown = fallback === undefined ? "" : ` [${fallback}]`;
    for (;;) {
      const typed = await this.#line(`${wrap(`${text}${shown}`, this.#width - 2, "  ")}: `);
      if (typed === "?") this.say(`  ${help}`);
      else if (typed === "b") {
        if (this.#answers.length > 0) throw back;
        this.say("  This is the first question; q quits.");
      } else {
        const answer = typed === "" ? fallback : typed;
        const taken = this.#taken(answer, parse);
        if (taken.ok) {
          this.#answers.push(answer ?? "");
          this.#next += 1;
          return taken.value;
        }
        this.say(`  ${taken.message}`);
      }
    }
  }

  async choose<T>(
    text: string,
    choices: readonly Choice<T>[],
    { fallback = 1, help }: { readonly fallback?: number; readonly help?: string } = {},
  ): Promise<T> {
    this.say(choices.map(({ label }, i) => `  ${String(i + 1).padStart(2)}  ${label}`).join("\n"));
    const parse = (answer: string): T => {
      const choice = /^\d{1,3}$/.test(answer) ? choices[Number(answer) - 1] : undefined;
      if (choice === undefined) throw wrong(`type a number from 1 to ${choices.length}`);
      return choice.value;
    };
    return this.ask({ text, fallback: String(fallback), help, parse });
  }

  confirm(text: string, fallback: boolean, help?: string): Promise<boolean> {
    const parse = (answer: string): boolean => {
      if (/^(y|yes)$/i.test(answer)) return true;
      if (/^(n|no)$/i.test(answer)) return false;
      throw wrong("type y or n");
    };
    return this.ask({ text, fallback: fallback ? "y" : "n", help, parse });
  }

  /** Does something once, however often the conversation is gone through; `key` names it. */
  async once<T>(key: string, act: () => Promise<T>): Promise<T> {
    if (!this.#done.has(key)) {
      this.#done.set(key, await act());
      // Keys hit while waiting are no answers.
      this.#lines.length = 0;
    }
    return this.#done.get(key) as T;
  }

  #taken<T>(
    answer: string | undefined,
    parse: (answer: string) => T,
  ): { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string } {
    if (answer === undefined) return { ok: false, message: "this needs an answer; ? explains" };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: arrow keys and the like send them
    if (/[\u0000-\u001f\u007f]/.test(answer)) {
      return { ok: false, message: "that has keys in it that are no text; type it again" };
    }
    if (answer.length > answerCharsMax) return { ok: false, message: "that is too long" };
    try {
      return { ok: true, value: parse(answer) };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return { ok: false, message: error.message };
    }
  }

  /** The next line, trimmed. Ctrl-C and the end of the input leave the conversation. */
  async #line(prompt: string): Promise<string> {
    let interrupted = false;
    const stop = () => {
      interrupted = true;
      this.#wake?.();
    };
    process.on("SIGINT", stop);
    try {
      // Whoever sees the question may interrupt it at once.
      this.#output.write(prompt);
      while (this.#lines.length === 0 && !this.#ended && !interrupted) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      process.off("SIGINT", stop);
      this.#wake = undefined;
    }
    const line = interrupted ? undefined : this.#lines.shift()?.trim();
    if (line === undefined || line === "q") {
      if (line === undefined) this.#output.write("\n");
      throw new Failure("setup.ended", "ended; nothing was written", { retry: "now" });
    }
    return line;
  }
}

/** An answer that cannot be taken. */
export function wrong(message: string): Failure {
  return new Failure("setup.answer", message, { retry: "now" });
}

const indentOf = (line: string): string =>
  `${/^ */.exec(line)?.[0] ?? ""}${/^ *\d+ {2}/.test(line) ? "    " : "  "}`;
