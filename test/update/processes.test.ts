import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { journalVersion } from "../../edge/journal/database.ts";
import { writeBundle } from "../../edge/update/bundle-file.ts";
import { systemDisk } from "../../edge/update/disk.ts";
import { archOf } from "../../edge/update/enter.ts";
import { install } from "../../edge/update/install.ts";
import { inspectPackage } from "../../edge/update/make.ts";
import { signManifest } from "../../edge/update/manifest.ts";
import { readState, updateFolder } from "../../edge/update/store.ts";
import { tryProgram } from "../../edge/update/try-program.ts";
import { version as installation } from "../../edge/version.ts";
import { architectures } from "../../hardware/package/control.ts";
import { file } from "../../hardware/package/tree.ts";
import { smallProgram, smallTarball } from "./small-bundle.ts";

const home = mkdtempSync(join(tmpdir(), "busbar-update-run-"));
const at = (name: string) => join(home, name);
const running: ChildProcess[] = [];
after(() => {
  for (const child of running) if (child.exitCode === null) child.kill("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

/** A program that says how it was started, and ends; its self-test finds nothing wrong. */
const stub = `
const { BUSBAR_EDGE_SLOT: slot, BUSBAR_EDGE_INSTALLATION: installation } = process.env;
const { NODE_COMPILE_CACHE: cache } = process.env;
if (process.argv[2] === "run") {
  console.log(JSON.stringify({ pid: process.pid, slot, installation, cache, args: process.argv.slice(2) }));
}
`;

const arch = architectures.find((name) => name === archOf(process.arch)) ?? "amd64";
const folder = updateFolder(home);

/** Starts the installation's program; its first line, and the process. */
async function start(
  more: Readonly<Record<string, string>> = {},
): Promise<{ child: ChildProcess; said: Record<string, unknown> }> {
  const args = [join(import.meta.dirname, "../../edge/cli.ts"), "run", "--config", at("edge.yaml")];
  const { NODE_COMPILE_CACHE: _, ...own } = process.env;
  const env = { ...own, PATH: `${at("bin")}:${own.PATH}`, NOTIFY_SOCKET: at("none"), ...more };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "ignore"] });
  running.push(child);
  let text = "";
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return { child, said: JSON.parse(text.split("\n")[0] ?? "") };
}

mkdirSync(at("bin"));
writeFileSync(at("bin/systemd-notify"), `#!/bin/sh\necho "$@" >>"${at("told")}"\n`, {
  mode: 0o755,
});

test("a bundle on trial takes over the process, and one that does not stay up is given up", async () => {
  writeFileSync(
    at("edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna }
status: { host: 127.0.0.1, port: 0 }
meters:
  - { id: m, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1, port: 1 } }
`,
  );
  openKeyFile(at("device.key"));
  const signer = signerOf(openKeyFile(at("update.key")));
  writeFileSync(at("update-keys"), `${Buffer.from(signer.publicKey).toString("base64url")}\n`);
  const release = { version: "9.0.0", revision: 1, arch, node: "24.21.0", commit: undefined };
  const program = smallProgram({ ...release, journal: journalVersion }, [
    ["edge/cli.ts", file(stub)],
  ]);
  smallTarball(at("small.tar.gz"), program);
  const manifest = await inspectPackage(at("small.tar.gz"));
  const bundle = at("small.bundle");
  await writeBundle(bundle, signManifest(manifest, signer), { from: at("small.tar.gz"), at: 0 });
  await install({
    ...{ disk: systemDisk, folder, bundle, installation, running: installation, arch, verify },
    ...{ keys: [signer.publicKey], journal: journalVersion, allowOlder: false, minutes: 30 },
    expected: { meters: [], clock: false, receipts: true },
    ...{ freeBytes: () => 1e12, tryProgram, say: () => {} },
  });

  for (let i = 0; i < 2; i += 1) {
    const { child, said } = await start(i === 0 ? { BUSBAR_EDGE_OVER: "1" } : {});
    assert.equal(said.pid, child.pid, "systemd would lose a unit under another number");
    assert.equal(said.slot, "a");
    // Below the program it would be a file that nobody signed.
    assert.equal(said.cache, join(folder, "compiled"));
    assert.deepEqual(said.args, ["run", "--config", at("edge.yaml")]);
    assert.equal(JSON.parse(String(said.installation)).version, installation);
    // To a watchdog that runs each step to another program is one of its own; at a start none is to begin.
    assert.equal(readFileSync(at("told"), "utf8"), "WATCHDOG=1\nWATCHDOG=1\n");
    if (child.exitCode === null) await once(child, "exit");
  }
  const { child, said } = await start();
  assert.equal(said.event, "ready", "the installation's own unit runs again");
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
  const { active, last } = readState(systemDisk, folder, installation);
  assert.equal(active, undefined);
  assert.deepEqual([last?.version, last?.outcome], ["9.0.0-1", "rolled-back"]);
});
