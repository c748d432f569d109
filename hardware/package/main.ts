/** `npm run package`: the edge unit as a Debian package and as a tarball. */
import { Failure } from "@busbar/protocol";
import { buildPackage, needsOfPackage, plannedFiles } from "./build.ts";
import { needsText } from "./needs.ts";
import { help, type Options, optionsOf } from "./options.ts";

const root = new URL("../..", import.meta.url).pathname;

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) return console.log(help);
  const needs = needsOfPackage(options.out);
  const missing = needs.filter(({ missing }) => missing !== undefined);
  if (options.dryRun) return tellPlan(options, needs);
  if (missing.length > 0) {
    throw new Failure(
      "package.missing",
      `not begun, something is missing:\n${needsText(missing)}`,
      {
        retry: "never",
      },
    );
  }
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const made = await buildPackage(root, options, say);
  if (options.json) return console.log(JSON.stringify({ ok: true, files: made }));
  for (const { path, bytes, sha256 } of made) {
    console.log(`${(bytes / 1e6).toFixed(1).padStart(6)} MB  ${path}\n           sha256 ${sha256}`);
  }
  console.log(`
On the unit:  sudo apt install ./${made[0]?.path.split("/").at(-1)}
hardware/package/README.md says the rest.`);
}

function tellPlan(options: Options, needs: Parameters<typeof needsText>[0]): void {
  const ok = needs.every(({ missing }) => missing === undefined);
  if (!ok) process.exitCode = 1;
  const files = plannedFiles(root, options);
  if (options.json) return console.log(JSON.stringify({ ok, dryRun: true, needs, files }));
  console.log(`Would be made:\n${files.map((path) => `  ${path}`).join("\n")}`);
  console.log(`What it needs:\n${needsText(needs)}`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  const { code, message } = error;
  if (process.argv.includes("--json")) console.log(JSON.stringify({ ok: false, code, message }));
  else console.error(`package: ${message} [${code}]`);
  process.exitCode = code.startsWith("usage.") ? 2 : 1;
}
