import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable, Writable } from "node:stream";
import { after, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { Failure } from "@busbar/protocol";
import fc from "fast-check";
import { program } from "../../test/support/programs.ts";
import { confirmDisk } from "./confirm.ts";
import { disksOf, problemOf } from "./disks.ts";
import { putFiles } from "./fat.ts";
import { bytesOf, examine } from "./image.ts";
import { numberOf } from "./target.ts";
import { headBytes, type Step, type Target, writeCard } from "./write.ts";

const scratch = mkdtempSync(join(tmpdir(), "busbar-flash-test-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const at = (name: string) => join(scratch, name);
const mib = 1024 * 1024;
const shaOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

const mkfs = program("mkfs.vfat", "dosfstools");
const mcopy = program("mcopy", "mtools");
const left = "skip" in mkfs ? mkfs.skip : "skip" in mcopy && mcopy.skip;

function put(name: string, content: string | Uint8Array): string {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), content);
  return at(name);
}

/** A card of 2 MiB, its first partition the second MiB. */
function cardOf(fat: Uint8Array = new Uint8Array(mib).fill(7)): Buffer {
  const card = Buffer.alloc(2 * mib, 3);
  card.fill(0, 0, 512);
  card[446 + 4] = 0x0c;
  card.writeUInt32LE(2048, 446 + 8);
  card.writeUInt32LE(2048, 446 + 12);
  card.writeUInt16LE(0xaa55, 510);
  card.set(fat, mib);
  return card;
}

/** An image with its checksums beside it. */
function imageOf(name: string, card: Buffer = cardOf()): string {
  const pressed = zstdCompressSync(card);
  put(`${name}.img`, card);
  put(`${name}.img.zst`, pressed);
  put(`${name}.sha256`, `${shaOf(card)}  ${name}.img\n${shaOf(pressed)}  ${name}.img.zst\n`);
  return at(`${name}.img`);
}

const hasCode =
  (code: string, words = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };

/** Folders as in /sys/block; a path that ends with "/" is a folder. */
function blockOf(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    if (path.endsWith("/")) mkdirSync(at(`${name}/${path}`), { recursive: true });
    else put(`${name}/${path}`, `${text}\n`);
  }
  return at(name);
}
const diskFiles = (name: string, number: string, more: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(
    Object.entries({
      dev: number,
      size: "8192",
      ro: "0",
      removable: "1",
      "device/vendor": "Maker ",
      "device/model": "Stick",
      ...more,
    }).map(([path, text]) => [`${name}/${path}`, text]),
  );
const part = (name: string, number: string) => ({
  [`${name}/partition`]: "1",
  [`${name}/dev`]: number,
});

test("a card and a stick may be written to; the system's disk, what is in use, fixed or too small may not", () => {
  const block = blockOf("block", {
    ...diskFiles("sda", "8:0", { removable: "0", ...part("sda2", "8:2") }),
    ...diskFiles("sdb", "8:16", part("sdb1", "8:17")),
    ...diskFiles("sdc", "8:32", part("sdc1", "8:33")),
    ...diskFiles("sdd", "8:48", { "sdd1/holders/dm-0/": "", ...part("sdd1", "8:49") }),
    ...diskFiles("sde", "8:64", part("sde1", "8:65")),
    ...diskFiles("sdf", "8:80", { size: "0" }),
    ...diskFiles("sdg", "8:96", { ro: "1" }),
    ...diskFiles("sdh", "8:112", part("sdh1", "8:113")),
    ...diskFiles("sdi", "8:128", part("sdi1", "8:129")),
    ...diskFiles("mmcblk0", "179:0", { removable: "0", "device/type": "SD" }),
    ...diskFiles("mmcblk2", "179:8", { removable: "0", "device/type": "MMC" }),
    ...diskFiles("sr0", "11:0", { "device/type": "5" }),
    "loop0/removable": "1",
    "loop0/dev": "7:0",
  });
  const disks = disksOf({
    block,
    mountinfo: [
      "29 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw",
      "40 29 8:33 / /media/my\\040card rw - vfat /dev/sdc1 rw",
      // A file system that has numbers of its own tells its disk by name.
      "41 29 0:44 / /media/b rw shared:2 - btrfs /dev/sdh1 rw",
      "42 29 8:129 / /boot/firmware rw - vfat /dev/sdi1 rw",
      "nonsense",
    ].join("\n"),
    swaps: "Filename Type Size Used Priority\n/dev/sde1 partition 1 0 -2\n",
  });
  const said = Object.fromEntries(disks.map((disk) => [disk.name, problemOf(disk, 4096 * 1024)]));
  assert.deepEqual(Object.keys(said).sort(), [
    ...["mmcblk0", "mmcblk2", "sda", "sdb", "sdc", "sdd", "sde", "sdf", "sdg", "sdh", "sdi"],
  ]);
  assert.deepEqual([said.sdb, said.mmcblk0], [undefined, undefined]);
  assert.match(said.sda ?? "", /a disk of this system \(mounted at \/\)/);
  assert.match(said.sdi ?? "", /a disk of this system/);
  assert.match(said.mmcblk2 ?? "", /no removable disk/);
  assert.match(said.sdc ?? "", /mounted at \/media\/my card; unmount it/);
  assert.match(said.sdh ?? "", /mounted at \/media\/b/);
  assert.match(said.sdd ?? "", /in use by dm-0/);
  assert.match(said.sde ?? "", /in use by swap on \/dev\/sde1/);
  assert.match(said.sdf ?? "", /no card in it/);
  assert.match(said.sdg ?? "", /write-protected/);
  const stick = disks.find(({ name }) => name === "sdb");
  assert.ok(stick !== undefined);
  assert.deepEqual([stick.number, stick.bytes, stick.model], ["8:16", 4 * mib, "Maker Stick"]);
  assert.match(problemOf(stick, 4 * mib + 1) ?? "", /room for 4\.2 MB/);
});

test("a kernel that says nonsense makes no disk fit, and nothing is thrown", () => {
  assert.deepEqual(disksOf({ block: at("nowhere"), mountinfo: "", swaps: "" }), []);
  const block = blockOf("odd", diskFiles("sdb", "", { size: "many", removable: "maybe", ro: "?" }));
  fc.assert(
    fc.property(fc.string(), fc.string(), (mountinfo, swaps) => {
      for (const disk of disksOf({ block, mountinfo, swaps })) assert.ok(problemOf(disk));
    }),
    { numRuns: 50 },
  );
  assert.deepEqual([0x810, 0xb300, 0x100310].map(numberOf), ["8:16", "179:0", "3:272"]);
});

test("only the disk's own name, typed or given, lets it be overwritten", async () => {
  const said: string[] = [];
  const output = new Writable({
    write: (chunk, _, done) => {
      said.push(String(chunk));
      done();
    },
  });
  const ask = (typed: string, given?: string) =>
    confirmDisk("sdb", { given, input: Readable.from(typed === "" ? [] : [typed]), output });
  await ask("sdb\n");
  assert.match(said.join(""), /Type the disk's name, sdb/);
  await ask("", "sdb");
  for (const typed of [
    "",
    "\n",
    "y\n",
    "sdc\n",
    "sdb1\n",
    "/dev/sdb\n",
    "x\nsdb\n",
    "\u0000".repeat(1e5),
  ]) {
    await assert.rejects(ask(typed), hasCode("flash.confirm", /^.{1,400}nothing was written$/));
  }
  await assert.rejects(ask("sdb\n", "sda"), hasCode("flash.confirm"));
});

test("an image is taken with the checksum that it should have, raw and pressed", async () => {
  const card = cardOf();
  const path = imageOf("good", card);
  const wanted = { bytes: card.length, sha256: shaOf(card), firstPartition: mib };
  assert.deepEqual(await examine(path), wanted);
  assert.deepEqual(await examine(`${path}.zst`), wanted);
  rmSync(at("good.sha256"));
  await assert.rejects(examine(path), hasCode("flash.checksum", /good\.sha256: expected a line/));
  assert.deepEqual(await examine(path, { wanted: shaOf(card).toUpperCase() }), wanted);
  await assert.rejects(examine(path, { wanted: "0".repeat(64) }), hasCode("flash.checksum"));
});

test("what is no image, is damaged, cut off or of another sum is refused in words", async () => {
  const path = imageOf("bad");
  const sums = readFileSync(at("bad.sha256"), "utf8");
  const pressed = readFileSync(`${path}.zst`);
  await assert.rejects(examine(put("bad.iso", "")), hasCode("flash.image", /\.img or \.img\.zst/));
  await assert.rejects(examine(at("none.img")), hasCode("flash.checksum", /none\.sha256/));
  await assert.rejects(examine(at("none.img"), { wanted: "0" }), hasCode("flash.image", /ENOENT/));
  // The pressed file is as it should be, what comes out of it is not.
  put(
    "bad.sha256",
    sums.replace(/^./, (digit) => (digit === "0" ? "1" : "0")),
  );
  await assert.rejects(examine(`${path}.zst`), hasCode("flash.checksum", /^bad\.img: /));
  const say = async (bytes: Uint8Array) => {
    put("bad.img.zst", bytes);
    return examine(at("bad.img.zst"), { wanted: shaOf(bytes) });
  };
  for (const cut of [0, 3, 20, pressed.length - 1]) {
    await assert.rejects(say(pressed.subarray(0, cut)), hasCode("flash.image"));
  }
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), async (bytes) => {
      await assert.rejects(say(bytes), hasCode("flash.image"));
      put("bad.img", bytes);
      await assert.rejects(examine(path, { wanted: shaOf(bytes) }), hasCode("flash.image"));
    }),
    { numRuns: 25 },
  );
  const beyond = cardOf();
  beyond.writeUInt32LE(2049, 446 + 12);
  const linux = cardOf();
  linux[446 + 4] = 0x83;
  for (const card of [beyond, linux]) {
    await assert.rejects(examine(imageOf("odd", card)), hasCode("flash.image", /is FAT/));
  }
});

/** A card in memory that fails, or loses its power, at its n-th call. */
class Memory implements Target {
  readonly bytes = Buffer.alloc(3 * mib, 0xee);
  calls = 0;
  isOpen = false;
  failAt = Number.POSITIVE_INFINITY;
  spoilAt = -1;
  #count() {
    assert.ok(this.isOpen);
    this.calls += 1;
    if (this.calls >= this.failAt) throw new Error("EIO: i/o error, write");
  }
  async open() {
    this.isOpen = true;
  }
  async close() {
    this.isOpen = false;
  }
  async sync() {
    this.#count();
  }
  async write(bytes: Uint8Array, place: number) {
    this.#count();
    this.bytes.set(bytes, place);
    if (this.spoilAt >= place && this.spoilAt < place + bytes.length)
      this.bytes[this.spoilAt] = 0x55;
  }
  async read(place: number, length: number) {
    this.#count();
    return this.bytes.subarray(place, place + length);
  }
}

const never = new AbortController().signal;
const path = imageOf("card");
const card = readFileSync(path);
const image = { bytes: card.length, sha256: shaOf(card), firstPartition: mib };
const flash = (
  target: Target,
  more: Partial<Parameters<typeof writeCard>[1]> = {},
): Promise<void> =>
  writeCard(target, { image, bytes: bytesOf(path), progress: () => {}, signal: never, ...more });
const isBlank = (target: Memory) => target.bytes.subarray(0, headBytes).every((byte) => byte === 0);

test("all of an image is on the card, its first bytes last, and nothing beyond it is touched", async () => {
  const target = new Memory();
  const steps = new Set<Step>();
  const fill = async () => {
    // What the site's files are put onto is written and compared, and does not start yet.
    assert.ok(isBlank(target) && !target.isOpen);
    assert.ok(target.bytes.subarray(headBytes, card.length).equals(card.subarray(headBytes)));
  };
  await flash(target, { bytes: bytesOf(`${path}.zst`), fill, progress: (step) => steps.add(step) });
  assert.ok(target.bytes.subarray(0, card.length).equals(card));
  assert.ok(target.bytes.subarray(card.length).every((byte) => byte === 0xee));
  assert.deepEqual([[...steps], target.isOpen], [["write", "compare", "site"], false]);
});

test("cut off at any instant it is a card that starts nothing, or a whole one", async () => {
  const whole = new Memory();
  await flash(whole);
  let blank = 0;
  for (let failAt = 2; failAt <= whole.calls; failAt += 1) {
    const target = new Memory();
    target.failAt = failAt;
    await assert.rejects(flash(target), hasCode("flash.write", /EIO.*flash it again/));
    const isWhole = target.bytes.subarray(0, card.length).equals(card);
    assert.ok(isBlank(target) || isWhole, `call ${failAt}`);
    if (isBlank(target)) blank += 1;
  }
  assert.ok(blank >= whole.calls - 4 && blank > 5);
});

test("stopped by hand in either half it says so, and leaves no card that starts", async () => {
  for (const step of ["write", "compare"] as const) {
    const target = new Memory();
    const by = new AbortController();
    const progress = (now: Step) => {
      if (now === step) by.abort();
    };
    const stopped = flash(target, { signal: by.signal, progress });
    await assert.rejects(stopped, hasCode("flash.stopped", /stopped at 1\.\d MB.*flash it again/));
    assert.ok(isBlank(target) && !target.isOpen);
  }
});

test("a card that keeps another byte is found out, wherever it is", async () => {
  for (const spoilAt of [0, 511, headBytes, mib + 5, card.length - 1]) {
    const target = new Memory();
    target.spoilAt = spoilAt;
    await assert.rejects(flash(target), hasCode("flash.differs", /worn out or a fake/));
  }
});

test("an image that changes after it was checked makes no card", async () => {
  const other = Buffer.from(card);
  other[mib + 9] = 0;
  for (const bytes of [other, card.subarray(0, mib), Buffer.concat([card, card])]) {
    const target = new Memory();
    const changed = flash(target, { bytes: bytesOf(put("changed.img", bytes)) });
    await assert.rejects(changed, hasCode("flash.changed"));
    assert.ok(isBlank(target));
    assert.ok(target.bytes.subarray(card.length).every((byte) => byte === 0xee));
  }
});

/** A card whose first partition is a real one, with a folder as in the image. */
function realCard(): Buffer {
  const fat = put("fat", "");
  rmSync(fat);
  const made = spawnSync("path" in mkfs ? mkfs.path : "", ["-C", fat, "1024"], {
    encoding: "utf8",
  });
  assert.equal(made.status, 0, made.stderr);
  assert.equal(spawnSync("mmd", ["-i", fat, "::site"]).status, 0);
  assert.equal(spawnSync("mcopy", ["-i", fat, put("README.txt", "old"), "::site"]).status, 0);
  return cardOf(readFileSync(fat));
}
const onCard = (disk: string, name: string) =>
  spawnSync("mtype", ["-i", `${disk}@@${mib}`, `::${name}`], { encoding: "utf8" }).stdout;

test("flash makes a card with the site's files on it; asked again it overwrites nothing", {
  skip: left,
}, () => {
  const path = imageOf("real", realCard());
  const site = put("real.yaml", `hostname: anna\ntime: { servers: [ntp.example.org] }\n`);
  const to = at("to.img");
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ["edge/cli.ts", "flash", ...args], { encoding: "utf8", input: "" });
  const args = ["--image", `${path}.zst`, "--config", site, "--to-file", to];
  const dry = run(...args, "--dry-run");
  assert.match(dry.stdout, /Nothing was written/);
  assert.ok(!existsSync(to));
  const { stdout, stderr, status } = run(...args);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /site\/ {2}hostname, timesyncd\.conf\.d\/site\.conf: in plain text/);
  assert.match(stdout, /2\.1 MB written, read back and the same/);
  assert.equal(onCard(to, "site/hostname"), "anna\n");
  assert.equal(onCard(to, "site/timesyncd.conf.d/site.conf"), "[Time]\nNTP=ntp.example.org\n");
  assert.equal(onCard(to, "site/README.txt"), "old");
  const made = readFileSync(to);
  assert.ok(made.subarray(0, mib).equals(readFileSync(path).subarray(0, mib)));

  const again = run(...args, "--json");
  assert.equal(again.status, 1);
  assert.equal(JSON.parse(again.stdout).code, "flash.file");
  assert.ok(readFileSync(to).equals(made));
  // Files may be put there a second time; a place without a file system is told.
  putFiles(new Map([["hostname", "bob\n"]]), { disk: to, at: mib, folder: "site" });
  assert.equal(onCard(to, "site/hostname"), "bob\n");
  const nowhere = { disk: to, at: 512, folder: "site" };
  assert.throws(() => putFiles(new Map([["a", "b"]]), nowhere), hasCode("flash.site-files"));

  const refused = run("--image", path, "--device", to, "--json");
  assert.deepEqual([refused.status, JSON.parse(refused.stdout).code], [1, "flash.disk"]);
  assert.equal(run("--image", path).status, 2);
});
