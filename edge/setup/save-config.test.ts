import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { saveConfig } from "./save-config.ts";

const folders: string[] = [];
let folder: string;
const file = (name = "edge.yaml") => join(folder, name);
const code = (name: string) => ({ code: name });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-save-"));
  folders.push(folder);
});
after(() => {
  for (const each of folders) rmSync(each, { recursive: true, force: true });
});

test("a new file is written with its folder, an old one is kept as a backup with its mode", () => {
  assert.equal(saveConfig(file("new/edge.yaml"), "a\n", undefined), undefined);
  writeFileSync(file(), "a\n", { mode: 0o640 });
  const backup = saveConfig(file(), "b\n", "a\n");
  assert.deepEqual([readFileSync(file(), "utf8"), statSync(file()).mode & 0o777], ["b\n", 0o640]);
  assert.equal(readFileSync(backup ?? "", "utf8"), "a\n");
  const second = saveConfig(file(), "c\n", "b\n");
  assert.notEqual(second, backup);
});

test("a file that somebody else changed meanwhile is not written over", () => {
  writeFileSync(file(), "theirs\n");
  assert.throws(() => saveConfig(file(), "ours\n", "before\n"), code("setup.changed"));
  assert.throws(() => saveConfig(file(), "ours\n", undefined), code("setup.changed"));
  assert.equal(readFileSync(file(), "utf8"), "theirs\n");
});

test("a link to the file stays a link, and what cannot be written leaves nothing behind", () => {
  writeFileSync(file("real.yaml"), "a\n");
  symlinkSync("real.yaml", file());
  saveConfig(file(), "b\n", "a\n");
  assert.equal(readFileSync(file("real.yaml"), "utf8"), "b\n");
  writeFileSync(file("plain"), "");
  assert.throws(() => saveConfig(file("plain/edge.yaml"), "a\n", undefined), code("setup.file"));
  assert.ok(readdirSync(folder).every((name) => !name.endsWith(".new")));
});

test("killed at any moment there is one whole file, the old or the new", async () => {
  const [a, b] = ["a", "b"].map((letter) => `${letter.repeat(200_000)}\n`);
  writeFileSync(file(), a ?? "");
  const writer = fileURLToPath(new URL("test-support/restless-writer.ts", import.meta.url));
  for (let round = 0; round < 8; round += 1) {
    const child = fork(writer, [file()]);
    await once(child, "message");
    for (let turn = 0; turn < round; turn += 1) await new Promise((go) => setImmediate(go));
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok([a, b].includes(readFileSync(file(), "utf8")));
  }
});
