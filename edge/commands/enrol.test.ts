import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseRequestText } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { FakeAggregator } from "../../test/support/fake-aggregator.ts";
import { testSigner } from "../../test/support/memory-registry.ts";
import { program } from "../../test/support/programs.ts";
import { loadConfig } from "../config/load.ts";
import { untilAdmitted } from "./enrol-wait.ts";
import { qrCode } from "./qr.ts";

const cli = fileURLToPath(new URL("../cli.ts", import.meta.url));
const [qrencode, zbarimg] = [program("qrencode", "qrencode"), program("zbarimg", "zbar-tools")];

function unitFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-enrol-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(
    join(folder, "edge.yaml"),
    `site: demo
device: { id: unit-1 }
owner: { id: anna, name: Anna, key: owner.key }
meters:
  - { id: anna-grid, profile: eastron-sdm630, connection: { kind: tcp, host: 127.0.0.1 } }
`,
  );
  return folder;
}

function enrol(folder: string, ...args: readonly string[]) {
  return new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [cli, "enrol", ...args], { cwd: folder }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());

test("the text says what the file says, and stays the same when enrol runs again", async (t) => {
  const folder = unitFolder(t);
  const { text } = JSON.parse((await enrol(folder, "--json")).out);
  const file = JSON.parse(readFileSync(join(folder, "request.json"), "utf8"));
  const parsed = parseRequestText(text, sha256);
  assert.ok(parsed.ok);
  assert.equal(Buffer.from(parsed.request.device.key).toString("base64url"), file.device.key);
  assert.equal(Buffer.from(parsed.request.owner.boxKey).toString("base64url"), file.owner.boxKey);
  const again = await enrol(folder);
  assert.ok(again.out.includes(text));
  assert.match(again.out, /admit --request/);
});

test("a membership file takes its place only when it is the site's", async (t) => {
  const folder = unitFolder(t);
  const good = {
    chain: "demo",
    site: "demo",
    members: [{ id: "m1", key: "A".repeat(43), voting: true }],
    brokers: [],
  };
  for (const [text, wanted] of [
    ["{", /membership\.other:1/],
    ["[]", /expected/],
    [JSON.stringify({ ...good, chain: "other" }), /expected the membership of demo/],
  ] as const) {
    writeFileSync(join(folder, "membership.other"), text);
    const { code, err } = await enrol(folder, "--membership", "membership.other");
    assert.equal(code, 1);
    assert.match(err, wanted);
    assert.equal(existsSync(join(folder, "membership.json")), false);
  }
  assert.match((await enrol(folder, "--membership", "none")).err, /no such file/);
  writeFileSync(join(folder, "membership.other"), JSON.stringify(good));
  const taken = await enrol(folder, "--membership", "membership.other");
  assert.equal(taken.code, 0);
  assert.match(taken.out, /^membership +.*membership\.json$/m);
  // Who brings it has handed the request over before.
  assert.doesNotMatch(taken.out, /BUSBAR-REQUEST/);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "membership.json"), "utf8")), good);
});

test("waiting tells what it waits for, and ends when a broker lets the unit in", async (t) => {
  const folder = unitFolder(t);
  await enrol(folder);
  const host = new FakeAggregator("demo", testSigner(1));
  await host.start();
  t.after(() => host.stop());
  const config = loadConfig(join(folder, "edge.yaml"));
  const signer = signerOf(readKeyFile(config.device.key));
  const said: string[] = [];
  const say = (text: string) => {
    said.push(text);
    const key = Buffer.from(host.member.publicKey).toString("base64url");
    const members = [{ id: "m1", key, voting: true }];
    const membership = { chain: "demo", site: "demo", members, brokers: [host.url] };
    if (said.length === 1) writeFileSync(config.membership, JSON.stringify(membership));
    else host.devices.set("unit-1", signer.publicKey);
  };
  assert.equal(await untilAdmitted(config, { signer, say, pauseMs: 5 }), host.url);
  assert.match(said[0] ?? "", /waits for the member's membership\.json/);
  assert.match(said[1] ?? "", /waits for the admission: .* does not know unit-1 yet/);
  assert.equal(said.length, 2);
});

test("Ctrl-C ends the waiting and leaves what was made", async (t) => {
  const folder = unitFolder(t);
  const child = execFile(process.execPath, [cli, "enrol", "--wait"], { cwd: folder });
  assert.ok(child.stderr !== null);
  await once(child.stderr, "data");
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [null, "SIGINT"]);
  assert.ok(existsSync(join(folder, "request.json")) && existsSync(join(folder, "device.key")));
});

test("the code on the terminal scans back to the text, within 80 columns", {
  skip: ("skip" in qrencode && qrencode.skip) || ("skip" in zbarimg && zbarimg.skip) || false,
}, async (t) => {
  const folder = unitFolder(t);
  const { text } = JSON.parse((await enrol(folder, "--json")).out);
  assert.equal(await qrCode(text, 20), undefined);
  const code = await qrCode(text, 80);
  assert.ok(code !== undefined && "path" in zbarimg);
  const image = join(folder, "code.pgm");
  writeFileSync(image, pictureOf(code));
  const out = execFileSync(zbarimg.path, ["--quiet", "--raw", image], { encoding: "utf8" });
  assert.equal(out.trim(), text);
});

/** Half blocks as a grey picture, eight points to a module; light is drawn, as on a dark terminal. */
function pictureOf(code: string): Buffer {
  const rows = code.split("\n").flatMap((line) => {
    const chars = [...line];
    const of = (lit: string) => chars.map((char) => (lit.includes(char) ? 255 : 0));
    return [of("█▀"), of("█▄")];
  });
  const wide = rows.map((row) => row.flatMap((value) => Array(8).fill(value)));
  const points = wide.flatMap((row) => Array(8).fill(row).flat());
  const head = `P5 ${wide[0]?.length} ${wide.length * 8} 255\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(points)]);
}
