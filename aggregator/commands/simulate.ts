import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";

/** The simulation, which is made of the members' own sources. */
const simulation = join(import.meta.dirname, "../../test/simulation/main.ts");

/**
 * Lives of a consortium under faults, by the rules that this member has; ends as the simulation does.
 * Throws: `Failure` `simulate.source` where the project's tree is not there.
 */
export async function simulateCommand(args: readonly string[], main = simulation): Promise<void> {
  if (!existsSync(main)) {
    const text = `the simulation is in the project's tree, and ${main} is not there; get the tree of this version and run npm run simulate in it`;
    throw new Failure("simulate.source", text, { retry: "never" });
  }
  const child = spawn(process.execPath, [main, ...args], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  process.exitCode = code ?? 1;
}
