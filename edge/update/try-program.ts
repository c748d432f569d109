import { execFile } from "node:child_process";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";

/** Of a self-test, on the slowest board there is. */
const patienceMs = 300_000;

/**
 * Lets a program that lies in a slot test itself on this machine, by its own Node.
 * Throws: `Failure` `update.self-test` with what it found.
 */
export function tryProgram(program: string): Promise<void> {
  const args = [join(program, "edge/cli.ts"), "self-test"];
  const options = { timeout: patienceMs, killSignal: "SIGKILL", encoding: "utf8" } as const;
  return new Promise((resolve, reject) => {
    execFile(join(program, "node_modules/.bin/node"), args, options, (error, stdout, stderr) => {
      if (error === null) return resolve();
      const said = `${stdout}${stderr}`.trim().split("\n").slice(-12).join("\n");
      const message = `the bundle does not work on this machine; nothing was changed:\n${said || error.message}`;
      reject(new Failure("update.self-test", message, { retry: "never", cause: error }));
    });
  });
}
