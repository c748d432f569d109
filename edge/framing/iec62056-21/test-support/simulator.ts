import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A simulated meter that runs as a process of its own. */
export type Simulator = {
  /** Port number, or path of the pseudo-terminal. */
  readonly at: string | number;
  end(): Promise<void>;
};

/** Starts `hardware/virtual-site/meters/<protocol>/main.ts` and waits until it is ready. */
export async function simulate(
  protocol: string,
  ...options: readonly string[]
): Promise<Simulator> {
  const main = new URL(
    `../../../../hardware/virtual-site/meters/${protocol}/main.ts`,
    import.meta.url,
  );
  const child = spawn(process.execPath, [fileURLToPath(main), ...options], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const said: unknown = JSON.parse(await firstLine(child.stdout, child));
  const at = typeof said === "object" && said !== null ? Reflect.get(said, "at") : undefined;
  if (typeof at !== "string" && typeof at !== "number")
    throw new Error("the simulator says no place");
  return {
    at,
    end: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function firstLine(stream: NodeJS.ReadableStream, child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface(stream).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`the simulator ended with ${code}`)));
  });
}
