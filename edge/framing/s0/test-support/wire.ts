import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const standIn = fileURLToPath(
  new URL("../../../../hardware/virtual-site/meters/s0/gpiomon.ts", import.meta.url),
);

/** The wire of a pulse output: each gpiomon that listens to it is one connection. */
export class Wire {
  readonly #folder: string;
  readonly socket: string;
  readonly #server: Server;
  readonly #listeners: { readonly socket: Socket; readonly pid: number; readonly args: string }[] =
    [];
  #waiting: (() => void) | undefined;
  us = 5_000_000;

  constructor(folder: string) {
    this.#folder = folder;
    this.socket = join(folder, "wire");
    this.#server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      const lines = createInterface({ input: socket });
      // A killed gpiomon resets its connection.
      lines.on("error", () => socket.destroy());
      lines.once("line", (line) => {
        const [pid, ...args] = line.split(" ");
        this.#listeners.push({ socket, pid: Number(pid), args: args.join(" ") });
        this.#waiting?.();
      });
    });
  }

  async open(): Promise<void> {
    this.#server.listen(this.socket);
    await once(this.#server, "listening");
  }

  close(): void {
    for (const { socket } of this.#listeners) socket.destroy();
    this.#server.close();
  }

  /** The next gpiomon that begins to listen. */
  async listener(): Promise<{ readonly pid: number; readonly args: string }> {
    const seen = this.#listeners.length;
    if (seen === this.#taken) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    const listener = this.#listeners[this.#taken];
    this.#taken += 1;
    assert.ok(listener !== undefined);
    return listener;
  }
  #taken = 0;

  say(text: string): void {
    this.#listeners.at(-1)?.socket.write(`${text}\n`);
  }

  /** Pulses of 30 ms to ground, `everyMs` apart, on the wire's own clock. */
  pulses(count: number, everyMs: number): void {
    for (let i = 0; i < count; i += 1) {
      this.say(`0 ${this.us}`);
      this.say(`1 ${this.us + 30_000}`);
      this.us += everyMs * 1000;
    }
  }

  /** A program named gpiomon of the given version that listens to this wire. */
  program(version: string, name = `gpiomon-${version}`): string {
    const path = join(this.#folder, name);
    const run = `exec ${process.execPath} ${standIn} "$@"`;
    writeFileSync(
      path,
      `#!/bin/sh\nGPIOMON_SOCKET=${this.socket} GPIOMON_VERSION=${version} ${run}\n`,
    );
    chmodSync(path, 0o755);
    return path;
  }
}
