import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The line of CometBFT that is spoken with, and where its source is. */
const module = "github.com/cometbft/cometbft/cmd/cometbft@v0.38.25";

/** The real engine: the one on the PATH, the one that Go installed, or one that Go installs now. Throws
 * where there is neither, with what is missing. */
export function cometbftProgram(): string {
  if (run("cometbft", "version").status === 0) return "cometbft";
  const go = run("go", "env", "GOPATH");
  if (go.status !== 0) {
    throw new Error(
      `neither cometbft nor go is on the PATH: install Go 1.22 or newer (apt-get install golang-go), or CometBFT v0.38 itself`,
    );
  }
  const installed = join(go.stdout.trim(), "bin", "cometbft");
  if (existsSync(installed)) return installed;
  console.log(`installing ${module}, which takes some minutes …`);
  const made = spawnSync("go", ["install", module], { stdio: "inherit" });
  if (made.status === 0) return installed;
  throw new Error(`go install ${module} ended with ${made.status}: see above`);
}

const run = (command: string, ...args: readonly string[]) =>
  spawnSync(command, args, { encoding: "utf8" });
