import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { schemaVersion } from "./migrations.ts";
import { Store } from "./store.ts";

/** A file as version 1 wrote it: three blocks of one reading each, and two frames that wait (gzip). */
const versionOne = gunzipSync(readFileSync(new URL("./store-version-1.bin", import.meta.url)));

function file(t: TestContext, content: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-migrations-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "ledger.sqlite");
  writeFileSync(path, content);
  return path;
}

function look(path: string) {
  const db = new DatabaseSync(path);
  const { user_version: version } = db.prepare("PRAGMA user_version").get() ?? {};
  const schema = db
    .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    .all()
    .map(({ sql }) => String(sql));
  db.close();
  return { version, schema };
}

test("a file of version 1 is upgraded when it is opened, and keeps all it holds", (t) => {
  const path = file(t, versionOne);
  assert.equal(look(path).version, 1);
  for (const _ of [1, 2]) {
    const store = new Store(path);
    assert.equal(store.height, 3);
    assert.deepEqual(
      [1, 2, 3].map((height) => store.block(height)?.frames.length),
      [1, 1, 1],
    );
    assert.equal(store.pending().length, 2);
    assert.deepEqual(store.votes(), []);
    store.close();
  }
  assert.equal(look(path).version, schemaVersion);
});

test("an upgraded file has the tables of a new one", (t) => {
  const [old, fresh] = [file(t, versionOne), file(t, new Uint8Array())];
  for (const path of [old, fresh]) new Store(path).close();
  assert.deepEqual(look(old), look(fresh));
});

test("an upgrade that cannot be finished leaves the file as it was", (t) => {
  const path = file(t, versionOne);
  const db = new DatabaseSync(path);
  db.exec("CREATE TABLE vote (mine TEXT)");
  db.close();
  const before = look(path);
  assert.throws(() => new Store(path));
  assert.deepEqual(look(path), before);
});

test("a file of a later version is refused", (t) => {
  const path = file(t, versionOne);
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA user_version=${schemaVersion + 1}`);
  db.close();
  assert.throws(() => new Store(path), { code: "store.newer" });
  assert.equal(look(path).version, schemaVersion + 1);
});
