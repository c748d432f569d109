/**
 * `npm run test:node-red`: packs the palette, installs it with npm into clean folders beside each
 * Node-RED that it says it serves, looks whether every node loads there, and runs all examples in it;
 * the one that needs FlowFuse Dashboard 2 with that palette beside ours.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPalette } from "../build.ts";

const versions = process.argv.length > 2 ? process.argv.slice(2) : ["4", "5"];
/** A palette that one example needs and nothing of ours depends on. */
const dashboard = "@flowfuse/node-red-dashboard@1";
const root = join(import.meta.dirname, "..");

await buildPalette();
for (const version of versions) {
  const folder = mkdtempSync(join(tmpdir(), `busbar-node-red-${version}-`));
  try {
    const npm = (...args: string[]) => execFileSync("npm", args, { cwd: root, encoding: "utf8" });
    const packed = npm("pack", "--json", "--ignore-scripts", "--pack-destination", folder);
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    const install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder];
    npm(...install, `node-red@${version}`, dashboard, join(folder, filename));
    const command = join(folder, "node_modules", "@busbar", "node-red-busbar", "busbar-flows.js");
    const files = [
      "testing/examples.test.ts",
      "../test/flows/portal-sign-in.test.ts",
      "../test/flows/editor-session.ts",
      "../test/flows/dashboard.ts",
    ].map((file) => join(root, file));
    const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...files], {
      stdio: "inherit",
      env: { ...process.env, BUSBAR_FLOWS_COMMAND: command },
    });
    console.log(`Node-RED ${version}: ${status === 0 ? "good" : "failed"}`);
    if (status !== 0) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
