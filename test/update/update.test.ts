import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Failure } from "@busbar/protocol";
import { openKeyFile, signerOf, verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { journalVersion } from "../../edge/journal/database.ts";
import { readBundleHead, writeBundle } from "../../edge/update/bundle-file.ts";
import { checkProgram } from "../../edge/update/check-slot.ts";
import { type InstallOptions, install } from "../../edge/update/install.ts";
import { expectedOf, judge, type Seen } from "../../edge/update/judge.ts";
import { readKeys } from "../../edge/update/keys.ts";
import { inspectPackage, unpressed } from "../../edge/update/make.ts";
import {
  manifestBytes,
  openManifest,
  parseManifest,
  readManifest,
  signManifest,
} from "../../edge/update/manifest.ts";
import { manifestOf, programOf } from "../../edge/update/place.ts";
import { type Decision, decide } from "../../edge/update/start.ts";
import {
  beginTrial,
  commit,
  goBack,
  onStart,
  parseState,
  rollBack,
  type State,
  stateBytes,
  trialStarts,
} from "../../edge/update/state.ts";
import { readState, writeState } from "../../edge/update/store.ts";
import { untar } from "../../edge/update/untar.ts";
import { compareVersions } from "../../edge/update/version-order.ts";
import { UpdateWatch, type WatchOptions } from "../../edge/update/watch.ts";
import type { Release } from "../../hardware/package/control.ts";
import { tarOf } from "../../hardware/package/tar.ts";
import { type Entry, file, type Tree } from "../../hardware/package/tree.ts";
import { program } from "../support/programs.ts";
import { PowerCut, PowerDisk } from "./power-disk.ts";
import { smallProgram, smallTarball } from "./small-bundle.ts";

const scratch = mkdtempSync(join(tmpdir(), "busbar-update-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const at = (name: string) => join(scratch, name);

const signer = signerOf(openKeyFile(at("update.key")));
const stranger = signerOf(openKeyFile(at("stranger.key")));
const keys = [signer.publicKey];
const installation = "0.1.0-1";
const releaseOf = (revision: number): Release => ({
  version: "0.1.0",
  revision,
  arch: "amd64",
  node: "24.21.0",
  commit: undefined,
  journal: journalVersion,
});

/** A signed bundle of a program of two files and their folders, and what it is made of. */
async function bundleOf(revision: number, by = signer): Promise<{ path: string; program: Tree }> {
  const tree = smallProgram(releaseOf(revision), [
    ["edge/cli.ts", file(`// ${revision}\n`)],
    ["edge/a/empty", file("")],
  ]);
  const tarball = at(`${revision}-${by === signer}.tar.gz`);
  smallTarball(tarball, tree);
  const path = tarball.replace("tar.gz", "bundle");
  rmSync(path, { force: true });
  const manifest = await inspectPackage(tarball);
  await writeBundle(path, signManifest(manifest, by), { from: tarball, at: 0 });
  return { path, program: tree };
}

const expected = { meters: [{ id: "m", serial: "1" }], clock: true, receipts: true };
const home = "/unit";
const folder = "/unit/update";

function optionsOf(disk: PowerDisk, bundle: string, more: Partial<InstallOptions> = {}) {
  const options: InstallOptions = {
    disk,
    folder,
    bundle,
    installation,
    running: installation,
    keys,
    verify,
    arch: "amd64",
    journal: journalVersion,
    allowOlder: false,
    minutes: 30,
    expected,
    freeBytes: () => 1e12,
    tryProgram: async () => {},
    say: () => {},
    ...more,
  };
  return options;
}

function freshDisk(): PowerDisk {
  const disk = new PowerDisk();
  disk.makeFolder(home);
  disk.sync("/");
  return disk;
}

/** What a start on this disk runs. */
function start(disk: PowerDisk, more: Partial<Parameters<typeof decide>[1]> = {}): Decision {
  const state = readState(disk, folder, installation);
  const unfit = () => undefined;
  return decide(disk, { folder, state, installation, keys, arch: "amd64", verify, unfit, ...more });
}

const failsWith = (code: string) => (error: unknown) =>
  error instanceof Failure && error.code === code;

/** Whether a slot holds exactly this program. */
function holds(disk: PowerDisk, slot: "a" | "b", path: string): boolean {
  const manifest = readManifest(readBundleHead(path).manifest);
  try {
    checkProgram(disk, programOf(folder, slot), manifest);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

test("a bundle is tried, kept, and followed by the next in the other slot", async () => {
  const disk = freshDisk();
  const [two, three] = [await bundleOf(2), await bundleOf(3)];
  assert.equal((await install(optionsOf(disk, two.path))).version, "0.1.0-2");
  assert.equal(start(disk).slot, "a");
  const state = readState(disk, folder, installation);
  writeState(disk, folder, commit(state));
  assert.equal(start(disk).slot, "a");
  await install(optionsOf(disk, three.path, { running: "0.1.0-2" }));
  assert.equal(start(disk).slot, "b");
  assert.ok(holds(disk, "a", two.path) && holds(disk, "b", three.path));
  writeState(disk, folder, rollBack(readState(disk, folder, installation), "no receipt"));
  const back = start(disk);
  assert.equal(back.slot, "a");
  assert.deepEqual(back.state.last, {
    version: "0.1.0-3",
    outcome: "rolled-back",
    reason: "no receipt",
  });
});

test("whenever the power goes, a start finds a whole program: the old one, or the new one", async () => {
  const [two, three] = [await bundleOf(2), await bundleOf(3)];
  /** Two runs as the unit's life goes: the third revision is tried, started, and kept. */
  const life = async (disk: PowerDisk) => {
    await install(optionsOf(disk, three.path, { running: "0.1.0-2" }));
    const { slot, state } = start(disk);
    assert.equal(slot, "b");
    writeState(disk, folder, commit(state));
  };
  const begin = async () => {
    const disk = freshDisk();
    await install(optionsOf(disk, two.path));
    writeState(disk, folder, commit(start(disk).state));
    // There was another bundle in the slot that is used next.
    await install(optionsOf(disk, three.path, { running: "0.1.0-2" }));
    writeState(disk, folder, rollBack(start(disk).state, "by hand"));
    disk.writes = 0;
    return disk;
  };
  const whole = await begin();
  await life(whole);
  assert.ok(whole.writes > 50, `${whole.writes} writes`);

  let seed = 1;
  const chance = () => {
    // Park and Miller's generator: each run looks at the same disks.
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const fates = [() => 0, () => 0.999_999, chance, chance, chance, chance];
  const found = { a: 0, b: 0 };
  for (let cutAt = 0; cutAt <= whole.writes; cutAt += 1) {
    const disk = await begin();
    disk.cutAt = cutAt;
    let isCut = false;
    await life(disk).catch((error) => {
      if (!(error instanceof PowerCut)) throw error;
      isCut = true;
    });
    assert.equal(isCut, cutAt < whole.writes);
    for (const fate of fates) {
      const left = disk.after(fate);
      const { slot, state } = start(left);
      assert.ok(slot !== undefined, `cut ${cutAt}: nothing but the installation is left`);
      assert.ok(
        holds(left, slot, slot === "a" ? two.path : three.path),
        `cut ${cutAt}: slot ${slot}`,
      );
      found[slot] += 1;
      if (!isCut) assert.equal(slot, "b", "what was kept is lost");
      // The work can be begun again, whatever is left of the first time.
      if (state.trial === undefined && slot === "a") await life(left);
      assert.ok(holds(left, "b", three.path));
    }
  }
  assert.ok(found.a > 100 && found.b > 10, JSON.stringify(found));
});

test("a bundle that does not stay up is given up, and the one before it is not", async () => {
  const disk = freshDisk();
  const { path } = await bundleOf(2);
  await install(optionsOf(disk, path));
  for (let i = 0; i < trialStarts; i += 1) assert.equal(start(disk).slot, "a");
  const { slot, state } = start(disk);
  assert.equal(slot, undefined);
  assert.match(state.last?.reason ?? "", /2 times/);
  assert.equal(start(disk).slot, undefined);
});

test("a spoilt, forged or foreign program is not run, whatever was kept before", async () => {
  const { path } = await bundleOf(2);
  const spoil: Readonly<Record<string, (disk: PowerDisk) => void>> = {
    "a changed file": (disk) =>
      disk.append(`${programOf(folder, "a")}/edge/cli.ts`, Buffer.from("x")),
    "a file too many": (disk) => disk.create(`${programOf(folder, "a")}/edge/more.ts`),
    "a lost file": (disk) => disk.remove(`${programOf(folder, "a")}/edge/a/empty`),
    "a lost link": (disk) => disk.remove(`${programOf(folder, "a")}/node_modules/.bin/node`),
    "a link that leads elsewhere": (disk) => {
      disk.remove(`${programOf(folder, "a")}/node_modules/.bin/node`);
      disk.link(`${programOf(folder, "a")}/node_modules/.bin/node`, "/bin/sh");
    },
    "a lost list": (disk) => disk.remove(`${programOf(folder, "a")}/SHA256SUMS`),
    "a lost manifest": (disk) => disk.remove(manifestOf(folder, "a")),
    "a manifest of somebody else": (disk) => {
      const manifest = readManifest(readBundleHead(path).manifest);
      disk.remove(manifestOf(folder, "a"));
      disk.create(manifestOf(folder, "a"));
      disk.append(manifestOf(folder, "a"), signManifest(manifest, stranger));
    },
    "a lost slot": (disk) => disk.remove(`${folder}/a`),
  };
  for (const [what, work] of Object.entries(spoil)) {
    const disk = freshDisk();
    await install(optionsOf(disk, path));
    writeState(disk, folder, commit(start(disk).state));
    assert.equal(start(disk).slot, "a");
    work(disk);
    const { slot, reason } = start(disk);
    assert.equal(slot, undefined, what);
    assert.ok(reason !== undefined, what);
    const { last } = readState(disk, folder, installation);
    assert.deepEqual([last?.version, last?.outcome], ["0.1.0-2", "rolled-back"], what);
  }
  const disk = freshDisk();
  await install(optionsOf(disk, path));
  assert.equal(start(disk, { arch: "arm64" }).slot, undefined);
  const other = freshDisk();
  await install(optionsOf(other, path));
  assert.equal(start(other, { unfit: () => "noexec" }).reason, "noexec");
});

test("an installation that was exchanged by hand is what runs", async () => {
  const disk = freshDisk();
  await install(optionsOf(disk, (await bundleOf(2)).path));
  writeState(disk, folder, commit(start(disk).state));
  const { slot, state } = start(disk, { installation: "0.1.0-9" });
  assert.equal(slot, undefined);
  assert.equal(state.last?.outcome, "superseded");
  assert.deepEqual(onStart(state, "0.1.0-9"), { state, run: undefined });
});

test("what does not fit is refused before anything is changed", async () => {
  const { path } = await bundleOf(2);
  const forged = await bundleOf(2, stranger);
  const unsigned = at("unsigned.bundle");
  const manifest = readManifest(readBundleHead(path).manifest);
  await writeBundle(unsigned, manifestBytes(manifest), { from: at("2-true.tar.gz"), at: 0 });
  const cut = at("cut.bundle");
  writeFileSync(cut, readFileSync(path).subarray(0, -1));
  const damaged = at("damaged.bundle");
  const bytes = readFileSync(path);
  bytes[bytes.length - 9] = (bytes.at(-9) ?? 0) ^ 1;
  writeFileSync(damaged, bytes);
  const cases: [string, string, Partial<InstallOptions>][] = [
    ["update.signature", forged.path, {}],
    ["update.signature", path, { keys: [] }],
    ["update.unsigned", unsigned, {}],
    ["update.other-machine", path, { arch: "arm64" }],
    ["update.other-journal", path, { journal: journalVersion + 1 }],
    ["update.same", path, { running: "0.1.0-2" }],
    ["update.older", path, { running: "0.1.0-10" }],
    ["update.no-room", path, { freeBytes: () => 1e6 }],
    ["update.spoilt", cut, {}],
    ["update.no-bundle", at("update.key"), {}],
  ];
  for (const [code, bundle, more] of cases) {
    const disk = freshDisk();
    await assert.rejects(install(optionsOf(disk, bundle, more)), failsWith(code), code);
    assert.deepEqual(disk.list(folder), [], code);
  }
  const disk = freshDisk();
  await assert.rejects(install(optionsOf(disk, damaged)), (error) => error instanceof Failure);
  assert.equal(readState(disk, folder, installation).trial, undefined);
  const failing = async () => {
    throw new Failure("update.self-test", "no", { retry: "never" });
  };
  await assert.rejects(install(optionsOf(disk, path, { tryProgram: failing })), /no/);
  assert.equal(readState(disk, folder, installation).trial, undefined);
  await install(optionsOf(disk, path, { running: "0.1.0-10", allowOlder: true }));
  await assert.rejects(install(optionsOf(disk, path)), failsWith("update.on-trial"));
});

const seenOf = (more: Partial<Seen> = {}): Seen => ({
  meters: [
    { id: "m", serial: "1", readings: 3, error: undefined },
    { id: "silent", serial: undefined, readings: 0, error: "no answer" },
  ],
  clock: { known: true },
  link: { lastReceiptAt: 5 },
  disk: { state: "ok" },
  ...more,
});

test("a bundle is kept when all that held before holds again, and on nothing less", () => {
  const before = expectedOf(seenOf());
  assert.deepEqual(before, expected);
  const verdict = (more: Partial<Seen>, ranMs = 0) =>
    judge(before, seenOf(more), { ranMs, limitMs: 60_000 });
  assert.deepEqual(verdict({}), { kind: "commit" });
  const lacking: [Partial<Seen>, RegExp][] = [
    [{ meters: [] }, /meter m, which is no longer/],
    [{ meters: [{ id: "m", serial: "1", readings: 0, error: undefined }] }, /meter m/],
    [{ meters: [{ id: "m", serial: "1", readings: 3, error: "CRC" }] }, /CRC/],
    [{ clock: { known: false } }, /the time/],
    [{ link: undefined }, /a receipt/],
    [{ link: { lastReceiptAt: undefined } }, /a receipt/],
    [{ disk: { state: "full" } }, /disk full/],
    [{ disk: { state: "failed" } }, /disk failed/],
  ];
  for (const [more, what] of lacking) {
    const waits = verdict(more);
    assert.ok(waits.kind === "wait");
    assert.match(waits.for.join(), what);
    const ended = verdict(more, 60_000);
    assert.ok(ended.kind === "roll-back");
    assert.match(ended.reason, what);
  }
  const other = verdict({ meters: [{ id: "m", serial: "2", readings: 1, error: undefined }] });
  assert.ok(other.kind === "roll-back");
  assert.match(other.reason, /expected serial number 1, and 2 answers/);
  const nothing = expectedOf(seenOf({ meters: [], clock: { known: false }, link: undefined }));
  const poor = seenOf({ meters: [], clock: { known: false }, link: undefined });
  assert.equal(judge(nothing, poor, { ranMs: 0, limitMs: 1 }).kind, "commit");
});

const trial = { id: "t", slot: "a", version: "2", minutes: 30, expected } as const;

test("by hand the unit goes back one step, and then another", () => {
  const first = commit(beginTrial({ installation }, trial));
  const second = commit(beginTrial(first, { ...trial, slot: "b", version: "3" }));
  assert.deepEqual([second.active, second.before], ["b", "a"]);
  const back = goBack(second, "by hand");
  assert.deepEqual([back.active, back.before, back.last?.version], ["a", undefined, "3"]);
  const home = goBack(back, "by hand");
  assert.equal(home.active, undefined);
  assert.equal(goBack(home, "by hand"), home);
  const tried = beginTrial(second, { ...trial, version: "4" });
  assert.equal(tried.before, undefined, "its slot is overwritten");
  assert.equal(goBack(tried, "by hand").active, "b");
});

test("a state is read as it was written; garbage is refused in words", () => {
  const states: State[] = [
    { installation },
    beginTrial(commit(beginTrial({ installation }, trial)), { ...trial, slot: "b" }),
    rollBack(beginTrial({ installation }, trial), "why"),
  ];
  for (const state of states) assert.deepEqual(parseState(stateBytes(state)), state);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          parseState(bytes);
        } catch (error) {
          assert.ok(failsWith("update.state")(error), String(error));
        }
      },
    ),
  );
  const text = (value: object) => Buffer.from(JSON.stringify({ installation, ...value }));
  for (const value of [
    { active: "c" },
    { before: 1 },
    { versions: [] },
    { trial: { ...trial, startsLeft: -1 } },
    { trial: { ...trial, startsLeft: 1, minutes: 0 } },
    { trial: { ...trial, startsLeft: 1, slot: "../a" } },
    { trial: { ...trial, startsLeft: 1, expected: { meters: [{}] } } },
    { last: { version: "1", outcome: "kept", reason: "" } },
  ]) {
    assert.throws(() => parseState(text(value)), failsWith("update.state"), JSON.stringify(value));
  }
});

test("a manifest is taken from who is trusted, as it was signed; garbage is refused in words", async () => {
  const { path } = await bundleOf(2);
  const signed = readBundleHead(path).manifest;
  const manifest = openManifest(signed, [stranger.publicKey, ...keys], verify);
  assert.equal(manifest.version, "0.1.0-2");
  for (let i = 0; i < signed.length; i += 1) {
    const changed = signed.slice();
    changed[i] = (changed[i] ?? 0) ^ 1;
    assert.throws(() => openManifest(changed, keys, verify), Failure, `byte ${i}`);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(() => openManifest(bytes, keys, verify), Failure);
    }),
  );
  const change = (more: object) => Buffer.from(JSON.stringify({ ...manifest, ...more }));
  assert.deepEqual(parseManifest(change({})), manifest);
  for (const more of [
    { name: "other" },
    { version: "../../etc" },
    { version: 1 },
    { arch: "riscv64" },
    { journal: 1.5 },
    { sums: "00" },
    { payload: null },
    { payload: { bytes: -1, sha256: manifest.sums } },
  ]) {
    assert.throws(() => parseManifest(change(more)), failsWith("update.manifest"));
  }
});

test("keys are read with their comments, and a mistake is told with its line", () => {
  const disk = freshDisk();
  const put = (text: string) => {
    disk.remove("/unit/update-keys");
    disk.create("/unit/update-keys");
    disk.append("/unit/update-keys", Buffer.from(text));
    return () => readKeys(disk, "/unit/update-keys");
  };
  assert.deepEqual(readKeys(disk, "/unit/none"), []);
  const key = Buffer.from(signer.publicKey).toString("base64url");
  assert.deepEqual(put(`# ours\n\n${key} release key\n`)(), [signer.publicKey]);
  assert.throws(put(`${key}\n${key.slice(1)}\n`), /update-keys:2/);
  assert.throws(put("A".repeat(43)), failsWith("update.keys"));
  assert.throws(put(`${key}\n`.repeat(17)), /at most 16/);
});

async function parts(tar: Uint8Array, chunk = 700) {
  async function* chunks() {
    for (let i = 0; i < tar.length; i += chunk) yield tar.subarray(i, i + chunk);
  }
  const found: string[] = [];
  for await (const part of untar(chunks())) {
    if (part.kind !== "chunk") found.push(`${part.kind} ${part.path}`);
    else found.push(`${found.pop()}${Buffer.from(part.bytes)}`);
  }
  return found;
}

test("an archive is read in whatever chunks it comes", async () => {
  const tree = new Map<string, Entry>([
    ["a/x", file("12345")],
    ["a/y", { kind: "link", target: "x" }],
  ]);
  const tar = tarOf(tree, 1);
  for (const size of [1, 7, 511, 512, 513, 10_000]) {
    assert.deepEqual(await parts(tar, size), ["folder a", "file a/x12345", "link a/y"]);
  }
  await assert.rejects(parts(tar.subarray(0, 1400)), failsWith("update.archive"));
});

test("an archive that would write elsewhere is refused", async () => {
  const fit = tarOf(new Map([["aaaa/bbbb", file("x")]]), 1);
  const resummed = (work: (head: Buffer) => void) => {
    const tar = Buffer.from(fit);
    const head = tar.subarray(1024, 1536);
    work(head);
    head.write(" ".repeat(8), 148);
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return tar;
  };
  assert.deepEqual(await parts(resummed(() => {})), ["folder aaaa", "file aaaa/bbbbx"]);
  const names = ["/etc/passwd", "./../up", "a/../../b", "a//b", "a\\b"];
  for (const name of names) {
    const tar = resummed((head) => head.fill(0, 0, 100).write(name, 0));
    await assert.rejects(parts(tar), failsWith("update.archive"), name);
  }
  for (const type of ["1", "3", "6", "L", "x"]) {
    await assert.rejects(parts(resummed((head) => head.write(type, 156))), /neither file/);
  }
  for (const target of ["/bin/sh", "../../out", "x/../../../out"]) {
    const tar = resummed((head) => {
      head.write("2", 156);
      head.write(target, 157);
      head.write("00000000000\0", 124);
    });
    await assert.rejects(parts(tar), /leads out/, target);
  }
  const huge = resummed((head) => head.write("77777777777\0", 124));
  await assert.rejects(parts(huge), /larger than/);
  const changed = Buffer.from(fit);
  changed[1024] = 65;
  await assert.rejects(parts(changed), /a head that is none/);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2000 }), async (bytes) => {
      await assert.rejects(parts(bytes), failsWith("update.archive"));
    }),
  );
  const path = at("not-pressed");
  writeFileSync(path, "not pressed at all");
  await assert.rejects(async () => {
    for await (const _ of unpressed(createReadStream(path)));
  }, failsWith("update.archive"));
  await assert.rejects(inspectPackage(path), failsWith("update.archive"));
});

test("versions are ordered as dpkg orders them", () => {
  const some = [
    "0.1.0-1",
    "0.1.0-2",
    "0.1.0-10",
    "0.1.0~rc.1-1",
    "0.1.0",
    "0.10-1",
    "0.9-1",
    "1.0a-1",
    "1.0+b-1",
    "1.0-1",
    "1.00-1",
    "1.0~-1",
    "1.0~~-1",
  ];
  const found = program("dpkg", "dpkg");
  assert.ok("path" in found);
  const script = some
    .flatMap((a) => some.map((b) => `dpkg --compare-versions ${a} lt ${b} && echo '${a} ${b}'`))
    .join("\n");
  const { stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  const less = some.flatMap((a) =>
    some.filter((b) => compareVersions(a, b) < 0).map((b) => `${a} ${b}`),
  );
  assert.deepEqual(less, stdout.trim().split("\n"));
  for (const a of some) {
    for (const b of some) assert.equal(compareVersions(a, b), -compareVersions(b, a) || 0);
  }
});

test("a unit that runs judges its trial, and gives way to the program that is to run", () => {
  const disk = freshDisk();
  disk.makeFolder(folder);
  const said: string[] = [];
  const log = {
    info: (_: object, text: string) => said.push(text),
    error: (_: object, text: string) => said.push(text),
  } as unknown as WatchOptions["log"];
  let [over, ranMs, seen] = [0, 0, seenOf({ link: undefined })];
  const watch = (slot: "a" | undefined) =>
    new UpdateWatch({
      ...{ disk, folder, installation, slot, log, seen: () => seen, ranMs: () => ranMs },
      startOver: () => {
        over += 1;
      },
    });
  const stateNow = () => readState(disk, folder, installation);
  const home = watch(undefined);
  const tried = watch("a");
  try {
    home.look();
    assert.equal(over, 0);
    writeState(disk, folder, beginTrial({ installation }, trial));
    home.look();
    assert.equal(over, 1, "the bundle on trial is to run");
    tried.look();
    assert.deepEqual(tried.status().trial, { version: "2", waitsFor: ["a receipt"] });
    seen = seenOf();
    tried.look();
    assert.equal(stateNow().active, "a");
    assert.equal(tried.status().last?.outcome, "committed");
    tried.look();
    assert.equal(over, 1);

    writeState(disk, folder, beginTrial({ installation }, trial));
    seen = seenOf({ clock: { known: false } });
    ranMs = 30 * 60_000;
    tried.look();
    assert.equal(over, 2);
    assert.deepEqual(stateNow().last, {
      version: "2",
      outcome: "rolled-back",
      reason: "after 30 min without the time",
    });
    assert.ok(said.includes("the bundle is rolled back"));
  } finally {
    home.stop();
    tried.stop();
  }
});

test("a package says the journal's form that its program writes", () => {
  const { config } = JSON.parse(readFileSync("edge/package.json", "utf8"));
  assert.equal(config.journal, journalVersion);
});
