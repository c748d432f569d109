import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** How the edge's system service starts the unit, by the service file that is shipped. */
export type ServiceStart = {
  /** Options of Node, before the program. */
  readonly nodeArgs: readonly string[];
  /** The program in this tree. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
};

/** Reads `hardware/systemd/busbar-edge.service`. Throws where it has not the shape that it had. */
export function serviceStart(): ServiceStart {
  const text = readFileSync(join(root, "hardware/systemd/busbar-edge.service"), "utf8");
  const values = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map((match) => match[1] ?? "");
  const [node, ...args] = values("ExecStart")[0]?.split(" ") ?? [];
  const at = args.findIndex((arg) => !arg.startsWith("-"));
  const installed = args[at] ?? "";
  if (!node?.endsWith("/node") || !installed.startsWith("/opt/busbar/")) {
    throw new Error(`ExecStart of the service is not understood: ${node} ${args.join(" ")}`);
  }
  const pairs = values("Environment").flatMap((line) => line.split(" "));
  return {
    nodeArgs: args.slice(0, at),
    program: join(root, installed.slice("/opt/busbar/".length)),
    env: Object.fromEntries(pairs.map((pair) => pair.split("=", 2) as [string, string])),
  };
}
