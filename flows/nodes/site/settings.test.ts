import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openKeyFile } from "@busbar/protocol/node";
import { readSiteSettings, type SiteForm } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-site-node-"));
after(() => rmSync(folder, { recursive: true }));
const keyFile = join(folder, "house.json");
openKeyFile(keyFile);
const form: SiteForm = {
  broker: "mqtt://127.0.0.1:1883",
  site: "demo",
  identity: "house",
  keyFile,
};

function refused(changes: SiteForm): { code: string; message: string } {
  const read = readSiteSettings({ ...form, ...changes });
  assert.ok(!read.ok);
  return read;
}

test("a second connection of an identity has a name of its own", () => {
  const read = readSiteSettings({ ...form, connection: "kitchen", member: "bureau-1" });
  assert.ok(read.ok);
  assert.equal(read.settings.client, "house:kitchen");
  assert.equal(read.settings.broker, "bureau-1");
});

test("an optional environment variable that is not set counts as nothing", () => {
  const variable = (name: string) => ["$", "{", name, "}"].join("");
  const read = readSiteSettings({
    ...form,
    member: variable("MEMBER"),
    portal: variable("PORTAL"),
  });
  assert.ok(read.ok);
  assert.equal(read.settings.broker, "demo");
  assert.equal(read.settings.portal, undefined);
  assert.equal(refused({ broker: variable("BROKER") }).code, "flows.variable-unset");
  assert.match(refused({ keyFile: variable("KEY") }).message, /variable KEY is not set/);
});

test("a mistyped scheme or id is refused by name, never guessed", () => {
  assert.equal(refused({ broker: "http://127.0.0.1" }).code, "flows.broker-url");
  assert.match(refused({ site: "Demo/#" }).message, /^site: expected/);
  assert.equal(refused({ connection: "no blanks" }).code, "flows.connection");
  assert.equal(refused({ identity: "" }).code, "flows.field-missing");
  assert.equal(refused({ keyFile: `${keyFile}.gone` }).code, "key.missing");
});

test("a pasted key serves in place of a file, and no message repeats it", () => {
  const key = readFileSync(keyFile, "utf8");
  const byFile = readSiteSettings(form);
  const byKey = readSiteSettings({ ...form, keyFile: "", key });
  assert.ok(byFile.ok && byKey.ok);
  assert.deepEqual(byKey.settings.signer.publicKey, byFile.settings.signer.publicKey);
  const { code, message } = refused({ key: key.replace("seed", "sead") });
  assert.equal(code, "key.malformed");
  assert.ok(!message.includes(JSON.parse(key).seed));
});
