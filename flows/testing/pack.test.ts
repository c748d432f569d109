import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { freshPalette } from "../build.ts";
import manifest from "../package.json" with { type: "json" };
import { FlowsProcess } from "./flows-process.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "busbar-pack-"));
after(() => rmSync(folder, { recursive: true }));

/** The folder of an installed package. */
function installed(name: string): string {
  const require = createRequire(import.meta.url);
  const [found] = (require.resolve.paths(name) ?? []).filter((path) =>
    existsSync(join(path, name)),
  );
  assert.ok(found !== undefined, name);
  return join(found, name);
}

test("what is packed runs by itself: command, palette, drivers and examples, with what it depends on", async () => {
  await freshPalette();
  const packed = execFileSync(
    "npm",
    ["pack", "--json", "--ignore-scripts", "--pack-destination", folder],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  const [{ filename, files }] = JSON.parse(packed) as [
    { filename: string; files: { path: string }[] },
  ];
  const paths = files.map(({ path }) => path);
  assert.deepEqual(
    paths.filter((path) => /\.ts$|\.test\./.test(path)),
    [],
  );
  for (const path of [
    "busbar-flows.js",
    "dist/cli.mjs",
    "dist/LICENCES.txt",
    "README.md",
    "LICENSE",
    "pictures/feeder-board.png",
    "dist/nodes/meter/icons/meter.svg",
  ]) {
    assert.ok(paths.includes(path), path);
  }
  execFileSync("tar", ["-xzf", filename], { cwd: folder });
  // As npm would install it: beside what its manifest names, and nothing else of ours.
  const at = join(folder, "node_modules");
  for (const name of [...Object.keys(manifest.dependencies), "node-red"]) {
    mkdirSync(dirname(join(at, name)), { recursive: true });
    symlinkSync(installed(name), join(at, name));
  }
  const home = join(at, "@busbar", "node-red-busbar");
  mkdirSync(dirname(home), { recursive: true });
  symlinkSync(join(folder, "package"), home);
  const flows = await FlowsProcess.start(
    ["--port", "0", "-u", join(folder, "user")],
    { BUSBAR_FLOWS_PASSWORD: "a long enough one" },
    { program: join(folder, "package", "busbar-flows.js") },
  );
  try {
    assert.equal(await flows.signIn("admin", "a long enough one"), 200);
    const sets = (await (await flows.admin("nodes")).json()) as {
      types: string[];
      err?: string;
      module: string;
    }[];
    const ours = sets.filter(({ module }) => module === manifest.name);
    assert.deepEqual(
      ours.flatMap(({ err }) => err ?? []),
      [],
    );
    assert.deepEqual(
      ours.flatMap(({ types }) => types).sort(),
      Object.keys(manifest["node-red"].nodes).sort(),
    );
    const ports = await flows.admin("busbar/ports", { method: "POST", body: {} });
    assert.ok((await ports.json()).profiles.length > 20, "drivers find their profiles");
    const list = await (await flows.admin(`library/examples/flows/${manifest.name}`)).json();
    // Those that need a further palette stand in a folder of the menu.
    assert.equal(list.length, readdirSync(join(root, "examples")).length);
  } finally {
    await flows.stop();
  }
});
