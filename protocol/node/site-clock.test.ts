import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../failure.ts";
import { openSiteClock } from "./site-clock.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-clock-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "clock.json");

function write(inMs: number, originSiteMs = 1_000): void {
  const file = { originWallMs: Date.now() + inMs, originSiteMs, speed: 100 };
  writeFileSync(`${path}.new`, JSON.stringify(file));
  renameSync(`${path}.new`, path);
}

test("a site that stands still begins when its file says so, and goes on from there", async () => {
  write(3_600_000);
  const clock = await openSiteClock({ kind: "file", path });
  assert.equal(clock.now(), 1_000);
  await sleep(120);
  assert.equal(clock.now(), 1_000, "still");
  write(0);
  while (clock.now() === 1_000) await sleep(10);
  const begun = clock.now();
  assert.ok(begun > 1_000);
  // Once time runs nobody sets it: another origin would make it run backwards.
  write(3_600_000, 0);
  await sleep(120);
  assert.ok(clock.now() > begun);
});

test("a file that is gone or half there while the site stands still changes nothing", async () => {
  write(3_600_000);
  const clock = await openSiteClock({ kind: "file", path });
  for (const text of ["", "{", '{"originWallMs":0}']) {
    writeFileSync(path, text);
    await sleep(60);
    assert.equal(clock.now(), 1_000);
  }
  rmSync(path);
  await sleep(60);
  assert.equal(clock.now(), 1_000);
});

test("a clock file of another shape is refused when it is opened", async () => {
  writeFileSync(path, '{"originWallMs":0,"originSiteMs":0,"speed":0}');
  await assert.rejects(
    openSiteClock({ kind: "file", path }),
    (error) => error instanceof Failure && error.code === "clock.malformed",
  );
});
