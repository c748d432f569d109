import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { program } from "../../test/support/programs.ts";
import { audit } from "./test-support/audit.ts";
import { Disk, type Fate, type Left } from "./test-support/power.ts";
import { type Change, changesIn } from "./test-support/recording.ts";
import type { Said } from "./test-support/story.ts";
import { quickFolder, tellRecorded } from "./test-support/strace.ts";

/*
 * SIGKILL leaves the kernel's cache as it is; a power cut does not. So the writes and fsyncs of a
 * real run are recorded, and every disk that a cut at any of them can leave is built and opened.
 * Some of them in each run; `npm run test:crash` (BUSBAR_EVERY=1) does all.
 */
const found = program("strace", "strace");
const skip = "skip" in found && found.skip;
const strace = "path" in found ? found.path : "";
const everyOne = process.env.BUSBAR_EVERY === "1";
const folder = mkdtempSync(join(quickFolder, "busbar-power-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const key = join(folder, "device.key");
const signer = signerOf(openKeyFile(key));
const home = join(folder, "unit");
const file = "journal.db";

let recorded: Promise<readonly Change[]> | undefined;
/** The changes of one run, recorded once. */
function changes(): Promise<readonly Change[]> {
  recorded ??= (async () => {
    const trace = join(folder, "trace");
    const { code, errors } = await tellRecorded(
      { strace, path: join(home, file), key, rounds: 13 },
      trace,
    );
    assert.equal(code, 0, errors);
    return changesIn(readFileSync(trace, "utf8"), home);
  })();
  return recorded;
}

test("the recording is the run: played to its end it gives the files that the run left", {
  skip,
}, async () => {
  const disk = new Disk();
  for (const change of await changes()) disk.apply(change);
  const left = disk.cut(() => "done", disk.unconfirmed.names, Math.random);
  assert.deepEqual([...left.keys()], [file]);
  assert.deepEqual(left.get(file), new Uint8Array(readFileSync(join(home, file))));
});

test("a folder made for the journal is synced where it stands", { skip }, async () => {
  await changes();
  const calls = readFileSync(join(folder, "trace"), "utf8");
  const hex = (path: string) => path.replace(/./g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  const made = calls.indexOf(`mkdir("${hex(home)}"`);
  assert.ok(made > 0 && calls.indexOf(`<${hex(folder)}>)`, made) > 0);
});

test("whatever a power cut leaves of the last writes, all that was promised is there", {
  skip,
}, async (context) => {
  const seed = Number(process.env.BUSBAR_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const random = randomOf(seed);
  const share = everyOne ? 1 : 0.05;
  let count = 0;
  for (const { at, said, left } of lefts(await changes(), random, share)) {
    count += 1;
    const cut = join(folder, "unit");
    rmSync(cut, { recursive: true, force: true });
    mkdirSync(cut);
    for (const [name, content] of left) writeFileSync(join(cut, name), content);
    try {
      audit(join(cut, file), signer, said);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : cause;
      throw new Error(`cut after change ${at}, BUSBAR_SEED=${seed}: ${message}`, { cause });
    }
  }
  assert.ok(count > 2_000 * share, `only ${count} disks`);
  context.diagnostic(`${count} disks, BUSBAR_SEED=${seed}`);
});

type Cut = { readonly at: number; readonly said: readonly Said[]; readonly left: Left };

/** Every cut: nothing of what is unconfirmed, all of it, all but one, one only, one torn, and mixed. */
function* lefts(all: readonly Change[], random: () => number, share: number): Generator<Cut> {
  const disk = new Disk();
  const said: Said[] = [];
  const seen = new Set<string>();
  for (const [at, change] of all.entries()) {
    disk.apply(change);
    if (change.kind === "said") said.push(change.said);
    const { contents, names } = disk.unconfirmed;
    for (const { fate, kept } of fates(contents, names, random)) {
      if (random() >= share) continue;
      const left = disk.cut(fate, kept, random);
      const print = printOf(left, said.length);
      if (seen.has(print)) continue;
      seen.add(print);
      yield { at, said: [...said], left };
    }
  }
}

function* fates(
  count: number,
  names: number,
  random: () => number,
): Generator<{ fate: (i: number) => Fate; kept: number }> {
  const some = () => Math.floor(random() * (names + 1));
  yield { fate: () => "lost", kept: 0 };
  yield { fate: () => "done", kept: names };
  yield { fate: () => "lost", kept: names };
  for (let one = 0; one < count; one++) {
    yield { fate: (i) => (i === one ? "lost" : "done"), kept: some() };
    yield { fate: (i) => (i === one ? "done" : "lost"), kept: some() };
    yield { fate: (i) => (i === one ? "torn" : i < one ? "done" : "lost"), kept: some() };
    yield { fate: (i) => (i === one ? "torn" : "done"), kept: some() };
  }
  for (let mixed = 0; mixed < Math.min(6, count); mixed++) {
    yield {
      fate: () => (["done", "lost", "torn"] as const)[Math.floor(random() * 3)] ?? "lost",
      kept: some(),
    };
  }
}

function printOf(left: Left, said: number): string {
  const hash = createHash("sha256").update(String(said));
  for (const [name, content] of left) hash.update(`${name} ${content.length}\n`).update(content);
  return hash.digest("hex");
}

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
