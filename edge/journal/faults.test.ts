import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { program } from "../../test/support/programs.ts";
import { audit } from "./test-support/audit.ts";
import { countCalls, quickFolder, type Stage, tellUnder } from "./test-support/strace.ts";

/*
 * A fault at each system call by which the journal changes its files. Some of them in each run;
 * `npm run test:crash` (BUSBAR_EVERY=1) does all.
 */
const found = program("strace", "strace");
const skip = "skip" in found && found.skip;
const strace = "path" in found ? found.path : "";
const everyOne = process.env.BUSBAR_EVERY === "1";
const folder = mkdtempSync(join(quickFolder, "busbar-faults-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const key = join(folder, "device.key");
const signer = signerOf(openKeyFile(key));
const rounds = 13;
let counts: ReadonlyMap<string, number> = new Map();
let stages = 0;

function stage(): Stage {
  stages += 1;
  return { path: join(folder, `${stages}`, "journal.db"), strace, key, rounds };
}

before(async () => {
  if (skip === false) counts = await countCalls(stage(), join(folder, "calls"));
});

/** Each call with its number in the story; a sample of them, another one each time, unless all. */
function places(sample: number): { call: string; n: number }[] {
  const all = [...counts].flatMap(([call, count]) =>
    Array.from({ length: count }, (_, i) => ({ call, n: i + 1 })),
  );
  if (everyOne) return all;
  const step = all.length / sample;
  const from = Math.random() * step;
  return Array.from({ length: sample }, (_, i) => all[Math.floor(from + i * step)]).filter(
    (place) => place !== undefined,
  );
}

test("killed at any write, a unit has all that it promised and goes on", { skip }, async () => {
  assert.ok((counts.get("pwrite64") ?? 0) > 50 && (counts.get("fsync") ?? 0) > 20, "a whole life");
  for (const { call, n } of places(20)) {
    const here = stage();
    const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${n}`];
    const { killed, said, errors } = await tellUnder(here, inject);
    assert.ok(killed, `${call} ${n} came: ${errors}`);
    check(`SIGKILL at ${call} ${n}`, () => audit(here.path, signer, said));
  }
});

for (const error of ["EIO", "ENOSPC"]) {
  test(`${error} at any write is told, costs nothing that was promised, and recording goes on`, {
    skip,
  }, async () => {
    for (const { call, n } of places(8)) {
      // One call fails, or eight in a row: a disk that is gone for a while.
      for (const when of [`${n}`, `${n}..${n + 7}`]) {
        const here = stage();
        const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:error=${error}:when=${when}`];
        const { code, said, errors } = await tellUnder(here, inject);
        const where = `${error} at ${call} ${when}`;
        assert.equal(code, 0, `${where}: ${errors}`);
        const appended = said.filter(({ did }) => did === "append").length;
        assert.equal(appended, rounds, where);
        check(where, () => audit(here.path, signer, said));
      }
    }
  });
}

function check(where: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
