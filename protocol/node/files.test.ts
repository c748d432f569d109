import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { verify } from "./ed25519.ts";
import { openKeyFile, publicKeysOf, readKeyFile, signerOf } from "./key-file.ts";
import { openSiteClock } from "./site-clock.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-files-"));
after(() => rmSync(folder, { recursive: true }));

test("a key file is made once, for its owner's eyes only, and signs", () => {
  const path = join(folder, "device.key");
  const made = openKeyFile(path);
  assert.deepEqual(openKeyFile(path), made);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ["device.key"]);
  const signer = signerOf(made);
  const message = Uint8Array.of(1);
  assert.ok(verify(signer.sign(message), message, publicKeysOf(made).key));
});

test("a damaged or missing key file is told apart, and never replaced", () => {
  const path = join(folder, "bad.key");
  for (const text of ["", "{}", "null", "[]", '{"seed":"AA","box":"AA"}']) {
    writeFileSync(path, text);
    assert.throws(() => openKeyFile(path), { code: "key.malformed" });
  }
  assert.throws(() => readKeyFile(join(folder, "none.key")), { code: "key.missing" });
});

test("a virtual site's clock runs at its speed and stands still before its origin", async () => {
  const path = join(folder, "clock.json");
  const soon = Date.now() + 3_600_000;
  const opening = openSiteClock({ kind: "file", path });
  // Renamed into place, as the virtual site does: a reader sees the whole file or none.
  writeFileSync(
    `${path}.new`,
    JSON.stringify({ originWallMs: soon, originSiteMs: 5_000, speed: 360 }),
  );
  renameSync(`${path}.new`, path);
  const clock = await opening;
  assert.equal(clock.now(), 5_000);
  assert.equal(clock.delay(3_600_000), 10_000);
  writeFileSync(
    path,
    JSON.stringify({ originWallMs: Date.now() - 10_000, originSiteMs: 0, speed: 360 }),
  );
  const later = await openSiteClock({ kind: "file", path });
  assert.ok(later.now() >= 3_600_000);
});

test("a clock file of another shape is refused", async () => {
  const path = join(folder, "other.json");
  for (const text of ["", "{}", "null", '{"originWallMs":0,"originSiteMs":0,"speed":0}']) {
    writeFileSync(path, text);
    await assert.rejects(openSiteClock({ kind: "file", path }), { code: "clock.malformed" });
  }
});
