/**
 * `npm run package:smoke`: what the package installs tests itself, on the package's own Node; that of
 * another processor by qemu.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { releaseOf } from "./build.ts";
import { type Architecture, cpuOf } from "./control.ts";
import { programOf } from "./layout.ts";
import { modulesOf } from "./modules.ts";
import { type Need, needProgram, needsText } from "./needs.ts";
import { optionsOf } from "./options.ts";
import { unpack } from "./unpack.ts";

const root = new URL("../..", import.meta.url).pathname;

/** Where Debian's libc6-arm64-cross and libstdc++6-arm64-cross put the other processor's libraries. */
const sysroots: Readonly<Record<Architecture, string>> = {
  arm64: "/usr/aarch64-linux-gnu",
  amd64: "/usr/x86_64-linux-gnu",
};
const emulators: Readonly<Record<Architecture, string>> = {
  arm64: "qemu-aarch64-static",
  amd64: "qemu-x86_64-static",
};
/** Of the self-test: half a minute of processor time under emulation. */
const patienceMs = 300_000;

/** How a program of a processor is begun here, and what that needs. */
function runnerOf(arch: Architecture): { readonly command: string[]; readonly needs: Need[] } {
  if (cpuOf[arch] === process.arch) return { command: [], needs: [] };
  const libraries = {
    name: `libraries for ${arch}`,
    missing: existsSync(join(sysroots[arch], "lib/libstdc++.so.6"))
      ? undefined
      : `sudo apt-get install libc6-${arch}-cross libstdc++6-${arch}-cross`,
  };
  return {
    command: [emulators[arch], "-L", sysroots[arch]],
    needs: [needProgram(emulators[arch], "qemu-user-static"), libraries],
  };
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) return console.log("npm run package:smoke -- --arch arm64|amd64");
  const { arch, revision } = options;
  const { command, needs } = runnerOf(arch);
  const missing = [...needs, needProgram("npm", "npm")].filter(
    (need) => need.missing !== undefined,
  );
  if (missing.length > 0) {
    const message = `not begun, something is missing:\n${needsText(missing)}`;
    throw new Failure("package.missing", message, { retry: "never" });
  }
  const modules = await modulesOf(root, { arch, say: (line) => console.error(line) });
  const folder = mkdtempSync(join(tmpdir(), "busbar-smoke-"));
  try {
    unpack(programOf(root, releaseOf(root, { arch, revision }), modules), folder);
    const [program = "", ...args] = [
      ...command,
      join(folder, "node_modules/.bin/node"),
      join(folder, "edge/cli.ts"),
      "self-test",
    ];
    const { status, signal, error } = spawnSync(program, args, {
      stdio: "inherit",
      timeout: patienceMs,
      killSignal: "SIGKILL",
    });
    if (status === 0) return console.log(`The ${arch} bundle works.`);
    const why = error?.message ?? (signal === null ? `exit code ${status}` : signal);
    throw new Failure("package.smoke", `the ${arch} bundle's self-test failed: ${why}`, {
      retry: "never",
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`package: ${error.message} [${error.code}]`);
  process.exitCode = error.code.startsWith("usage.") ? 2 : 1;
}
