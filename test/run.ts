/**
 * `npm test`: every `*.test.ts` of the tree by node:test, then the list of what was left out because a
 * program is missing on this machine. With CI=true a missing program is a failure (`support/programs.ts`).
 */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

const folders = ["protocol", "edge", "aggregator", "flows", "hardware", "test"];
const asked = process.argv.slice(2);
const files = asked.length > 0 ? asked : folders.flatMap((folder) => testsIn(folder));

const scratch = mkdtempSync(join(tmpdir(), "busbar-test-"));
const leftOutFile = join(scratch, "left-out.jsonl");
// Hundreds of processes load the same sources: each is stripped and compiled once.
const compiled = join(import.meta.dirname, "../node_modules/.cache/busbar-test");
// Many tests wait for lines, disks and timers: Node's own choice, a core fewer than there are, idles.
const concurrency = Math.max(2, availableParallelism());
const options = ["--test", `--test-concurrency=${concurrency}`, "--test-timeout=240000"];
const runner = spawn(process.execPath, [...options, ...files], {
  stdio: "inherit",
  env: { NODE_COMPILE_CACHE: compiled, ...process.env, BUSBAR_LEFT_OUT: leftOutFile },
});
runner.on("close", (code, signal) => {
  report(leftOutFile);
  rmSync(scratch, { recursive: true, force: true });
  process.exitCode = signal === null ? (code ?? 1) : 1;
});

function testsIn(folder: string): string[] {
  return globSync(`${folder}/**/*.test.ts`, {
    exclude: (name) => name.includes("node_modules"),
  }).sort();
}

function report(file: string): void {
  if (!existsSync(file)) return;
  const lines = readFileSync(file, "utf8").trim().split("\n");
  const missing = new Map(
    lines.map((line) => {
      const { program, debianPackage } = JSON.parse(line) as Record<string, string>;
      return [program, debianPackage] as const;
    }),
  );
  console.log("\nLeft out, because a program is missing on this machine:");
  for (const [program, debianPackage] of missing) {
    console.log(`  tests against ${program}    (apt-get install ${debianPackage})`);
  }
}
