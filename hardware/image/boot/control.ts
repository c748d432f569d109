import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { Failure } from "@busbar/protocol";

type Answer = { readonly error?: { readonly desc: string } };

/** QEMU's machine protocol, as far as it is needed: a question, its answer. */
export class Control {
  readonly #socket: Socket;
  readonly #answers: ((answer: Answer) => void)[] = [];
  readonly #ended: (() => void)[] = [];
  #deleted: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    const lines = createInterface(socket);
    lines.on("error", () => {});
    lines.on("line", (line) => {
      const value = JSON.parse(line) as Record<string, unknown>;
      if ("return" in value || "error" in value) this.#answers.shift()?.(value);
      if (value.event === "DEVICE_DELETED") for (const tell of this.#deleted.splice(0)) tell();
    });
    // A machine whose plug is pulled says no goodbye.
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const tell of this.#ended) tell();
    });
  }

  /** Throws: `Failure` `boot.machine` where none listens within half a minute. */
  static async open(path: string): Promise<Control> {
    for (let tries = 0; ; tries += 1) {
      const socket = connect(path);
      try {
        await once(socket, "connect");
        const control = new Control(socket);
        await control.ask("qmp_capabilities", {});
        return control;
      } catch (cause) {
        // The socket is there a moment after the process is.
        if (tries < 300) await setTimeout(100);
        else throw new Failure("boot.machine", `no machine at ${path}`, { retry: "later", cause });
      }
    }
  }

  /** Throws: `Failure` `boot.machine` where the machine refuses, or ends before it answers. */
  async ask(execute: string, args: object): Promise<void> {
    const answer = new Promise<Answer>((resolve) => {
      this.#answers.push(resolve);
      this.#ended.push(() => resolve({ error: { desc: "the machine ended" } }));
    });
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    const { error } = await answer;
    if (error === undefined) return;
    throw new Failure("boot.machine", `${execute}: ${error.desc}`, { retry: "never" });
  }

  /** Takes a device out, and comes back when it is gone. */
  async remove(id: string): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#deleted.push(resolve);
      this.#ended.push(resolve);
    });
    await this.ask("device_del", { id });
    await gone;
  }

  close(): void {
    this.#socket.destroy();
  }
}
