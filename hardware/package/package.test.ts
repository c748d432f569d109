import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { program } from "../../test/support/programs.ts";
import { closureOf, type Lock } from "./closure.ts";
import { controlText, debianVersion, type Release } from "./control.ts";
import { debOf, gzip, md5sums, sha256sums } from "./deb.ts";
import { keptOfMeters, keptOfModule, keptOfRoom } from "./kept.ts";
import { layoutOf, maintainerScripts } from "./layout.ts";
import { needFolder, needProgram, needsText } from "./needs.ts";
import { optionsOf } from "./options.ts";
import { tarOf } from "./tar.ts";
import { type Entry, file, inOrder, type Tree } from "./tree.ts";
import { unpack } from "./unpack.ts";

const root = join(import.meta.dirname, "../..");
const scratch = mkdtempSync(join(tmpdir(), "busbar-package-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const mtime = 1_700_000_000;
const release: Release = {
  version: "0.1.0",
  revision: 3,
  arch: "arm64",
  node: "24.21.0",
  commit: "0123abc",
  journal: 5,
};
const long = `${"a".repeat(90)}/${"b".repeat(90)}`;
const tiny: Tree = new Map<string, Entry>([
  ["opt/x/run", file("#!/bin/sh\n", { executable: true })],
  ["opt/x/empty", file("")],
  ["opt/x/block", file(new Uint8Array(512).fill(65))],
  [`opt/${long}`, file("long")],
  ["opt/x/link", { kind: "link", target: "../x/run" }],
]);

/** What a program of this machine says of a file. */
function said(name: string, debianPackage: string, ...args: string[]): string {
  const found = program(name, debianPackage);
  assert.ok("path" in found);
  const { status, stdout, stderr } = spawnSync(found.path, args, { encoding: "utf8" });
  assert.equal(status, 0, `${name} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

test("an archive is read by tar as it was meant", () => {
  const path = join(scratch, "tiny.tar");
  writeFileSync(path, tarOf(tiny, mtime));
  const lines = said("tar", "tar", "--numeric-owner", "--full-time", "-tvf", path).split("\n");
  const shown = lines.filter((line) => line !== "").map((line) => line.replace(/\s+/g, " "));
  const time = new Date(mtime * 1000);
  for (const line of shown) assert.match(line, / 0\/0 /);
  assert.ok(shown.every((line) => line.includes(String(time.getUTCFullYear()))));
  const brief = shown.map((line) => [line.slice(0, 10), line.split(" ")[2], line.split(" ")[5]]);
  assert.deepEqual(brief, [
    ["drwxr-xr-x", "0", "./"],
    ["drwxr-xr-x", "0", "./opt/"],
    ["drwxr-xr-x", "0", `./opt/${"a".repeat(90)}/`],
    ["-rw-r--r--", "4", `./opt/${long}`],
    ["drwxr-xr-x", "0", "./opt/x/"],
    ["-rw-r--r--", "512", "./opt/x/block"],
    ["-rw-r--r--", "0", "./opt/x/empty"],
    ["lrwxrwxrwx", "0", "./opt/x/link"],
    ["-rwxr-xr-x", "10", "./opt/x/run"],
  ]);
});

const name = fc.stringMatching(/^[a-z]{1,40}$/);
const path = fc.array(name, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
const content = fc.uint8Array({ maxLength: 1500 });

test("equal trees give equal bytes in whatever order they were gathered, and no two unequal ones do", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(path, content), { selector: ([at]) => at, maxLength: 8 }),
      (all) => {
        const isBelow = ([at]: (typeof all)[number]) =>
          all.some(([other]) => other.startsWith(`${at}/`));
        const found = all.filter((one) => !isBelow(one));
        const entries = found.map(([at, bytes]): [string, Entry] => [at, file(bytes)]);
        const bytes = tarOf(new Map(entries), mtime);
        assert.equal(bytes.length % 512, 0);
        assert.deepEqual(tarOf(new Map(entries.toReversed()), mtime), bytes);
        const [first] = entries;
        if (first === undefined) return;
        const other = new Map(entries).set(first[0], file("another content than any"));
        assert.notDeepEqual(tarOf(other, mtime), bytes);
      },
    ),
    { numRuns: 50 },
  );
});

test("what an archive cannot hold is refused, not cut", () => {
  const one = (at: string, entry: Entry = file("")) => tarOf(new Map([[at, entry]]), mtime);
  assert.throws(() => one("a".repeat(300)), /ustar/);
  assert.throws(() => one(`${"a/".repeat(150)}b`), /ustar/);
  assert.throws(() => one("x", { kind: "link", target: "y".repeat(101) }), /target/);
  for (const at of ["", "/etc/x", "../x", "a//b", "a/./b", "a/"])
    assert.throws(() => one(at), /plain path/);
  const twice = new Map([
    ["a", file("")],
    ["a/b", file("")],
  ]);
  assert.throws(() => tarOf(twice, mtime), /no folder/);
});

test("a package is read by dpkg as it was meant, and is the same the next time", () => {
  const control = new Map([
    ["control", file(controlText(release, tiny))],
    ["md5sums", file(md5sums(tiny))],
    ...maintainerScripts(),
  ]);
  const make = () => debOf(control, gzip(tarOf(tiny, mtime)), mtime);
  const at = join(scratch, "tiny.deb");
  writeFileSync(at, make());
  assert.deepEqual(make(), readFileSync(at));
  const fields = said("dpkg-deb", "dpkg", "--field", at);
  assert.match(fields, /^Package: busbar-edge\nVersion: 0\.1\.0-3\nArchitecture: arm64$/m);
  assert.match(fields, /^Installed-Size: 8$/m);
  assert.match(said("dpkg-deb", "dpkg", "--contents", at), /\.\/opt\/x\/link -> \.\.\/x\/run/);
  const out = join(scratch, "out");
  said("dpkg-deb", "dpkg", "--control", at, out);
  for (const script of ["postinst", "prerm", "postrm"]) {
    assert.equal(statSync(join(out, script)).mode & 0o777, 0o755, script);
  }
});

test("pressed bytes carry neither time nor system", () => {
  const bytes = gzip(Buffer.from("x"));
  assert.deepEqual([...bytes.subarray(4, 10)], [0, 0, 0, 0, 2, 3]);
  assert.equal(gunzipSync(bytes).toString(), "x");
});

test("a preliminary version sorts before the version itself", () => {
  assert.equal(debianVersion({ ...release, version: "0.2.0-rc.1" }), "0.2.0~rc.1-3");
  const later = ["--compare-versions", "0.2.0-1", "gt", "0.2.0~rc.1-3"];
  said("dpkg", "dpkg", ...later);
});

test("checksums are those that md5sum and sha256sum check", () => {
  const folder = mkdtempSync(join(scratch, "sums-"));
  unpack(tiny, folder);
  const list = join(scratch, "list");
  for (const [sums, tool] of [
    [md5sums(tiny), "md5sum"],
    [sha256sums(tiny), "sha256sum"],
  ] as const) {
    writeFileSync(list, sums);
    const { status, stderr } = spawnSync(tool, ["--check", "--strict", list], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  }
});

/** The layout with one module, as far as the project's own files go. */
const layout = layoutOf(root, release, [
  ["node_modules/.bin/node", { kind: "link", target: "../n/bin/node" }],
]);

test("all that the unit imports is in the package, and none of its tests", () => {
  const paths = new Set(inOrder(layout).map(([at]) => at));
  assert.ok(
    [...paths].every(
      (at) => !/\.test\.ts$|test-support|\.md$/.test(at) || at.endsWith("systemd/README.md"),
    ),
  );
  let imports = 0;
  for (const [at, entry] of layout) {
    if (entry.kind !== "file" || !at.endsWith(".ts")) continue;
    const text = new TextDecoder().decode(entry.content);
    for (const [, specifier = ""] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
      imports += 1;
      assert.ok(paths.has(join(at, "..", specifier)), `${at} imports ${specifier}`);
    }
  }
  assert.ok(imports > 500, `${imports} imports`);
  assert.ok(paths.has("opt/busbar/hardware/meters/eastron-sdm630.yaml"));
});

test("what the service names is where the package puts it", () => {
  const text = (at: string) => {
    const entry = layout.get(at);
    assert.ok(entry?.kind === "file", at);
    return new TextDecoder().decode(entry.content);
  };
  const service = text("usr/lib/systemd/system/busbar-edge.service");
  for (const [at] of service.matchAll(/(?<=[ =])\/opt\/busbar\/\S+/g))
    assert.ok(layout.has(at.slice(1)), at);
  const documentation = /^Documentation=file:\/\/\/(.*)$/m.exec(service)?.[1];
  assert.ok(layout.has(documentation ?? ""), documentation);
  const user = /^User=(.*)$/m.exec(service)?.[1];
  assert.match(text("usr/lib/sysusers.d/busbar.conf"), new RegExp(`^u ${user} `, "m"));
  const groups = [...text("usr/lib/sysusers.d/busbar.conf").matchAll(/^m busbar (\S+)$/gm)].map(
    (match) => match[1],
  );
  assert.deepEqual(groups, ["dialout", "gpio"]);
});

test("the list of checksums names all files of the program and spoilt ones are noticed", () => {
  const sums = layout.get("opt/busbar/SHA256SUMS");
  assert.ok(sums?.kind === "file");
  const lines = new TextDecoder().decode(sums.content).trim().split("\n");
  const program = [...layout].filter(
    ([at, entry]) => at.startsWith("opt/busbar/") && entry.kind === "file",
  );
  assert.equal(lines.length, program.length - 1);
  const cli = program.find(([at]) => at === "opt/busbar/edge/cli.ts")?.[1];
  assert.ok(cli?.kind === "file");
  const sum = createHash("sha256").update(cli.content).digest("hex");
  assert.ok(lines.includes(`${sum}  edge/cli.ts`));
});

test("each script is one that a shell takes", () => {
  const scripts = globSync(join(import.meta.dirname, "{scripts,system}/*"));
  assert.equal(scripts.length, 6);
  for (const script of scripts) {
    said("sh", "dash", "-n", script);
    assert.match(readFileSync(script, "utf8"), /^#!\/bin\/sh\n/);
  }
});

test("of modules the unit keeps code of its processor and licences", () => {
  const kept = (paths: string[]) => paths.filter((at) => keptOfModule(at, "arm64"));
  assert.deepEqual(
    kept([
      "package.json",
      "dist/doc/anchors.js",
      "LICENSE.md",
      "README.md",
      "index.d.ts",
      "src/index.ts",
      "dist/index.js.map",
      "test/run.js",
      "bin/node",
      "include/node/v8.h",
      "prebuilds/linux-arm64/x.armv8.glibc.node",
      "prebuilds/linux-arm64/x.armv8.musl.node",
      "prebuilds/linux-x64/x.glibc.node",
    ]),
    [
      "package.json",
      "dist/doc/anchors.js",
      "LICENSE.md",
      "bin/node",
      "prebuilds/linux-arm64/x.armv8.glibc.node",
    ],
  );
  assert.deepEqual(["cli.ts", "a/b.test.ts", "test-support/x.ts", "README.md"].filter(keptOfRoom), [
    "cli.ts",
  ]);
  assert.deepEqual(
    ["a.yaml", "profile.schema.json", "x/a.yaml", "README.md"].filter(keptOfMeters),
    ["a.yaml", "profile.schema.json"],
  );
});

test("what a room needs is found where Node finds it", () => {
  const lock: Lock = {
    edge: { dependencies: { a: "1", own: "1" } },
    own: { dependencies: { b: "1" } },
    "node_modules/own": { link: true, resolved: "own" },
    "node_modules/a": { dependencies: { b: "2", "@types/node": "1" } },
    "node_modules/a/node_modules/b": {},
    "node_modules/b": { dependencies: { a: "1" } },
    "node_modules/@types/node": {},
    "node_modules/other": {},
  };
  assert.deepEqual(closureOf(lock, ["edge"]), [
    "node_modules/a",
    "node_modules/a/node_modules/b",
    "node_modules/b",
  ]);
  assert.throws(() => closureOf({ edge: { dependencies: { gone: "1" } } }, ["edge"]), /gone/);
  const real = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Lock;
  };
  const places = closureOf(real.packages, ["edge", "protocol"]);
  for (const needed of ["mqtt", "serialport", "zod", "@noble/curves"]) {
    assert.ok(places.includes(`node_modules/${needed}`), needed);
  }
  assert.ok(!places.includes("node_modules/fastify"), "the aggregator's own are not the unit's");
});

test("the command's options are read, and what is wrong is said", () => {
  assert.deepEqual(optionsOf(["--arch", "arm64", "--revision", "7", "--dry-run"]), {
    arch: "arm64",
    out: "dist",
    revision: 7,
    dryRun: true,
    json: false,
  });
  assert.equal(optionsOf(["--help"]), undefined);
  for (const [args, message] of [
    [[], /--arch arm64 or amd64/],
    [["--arch", "riscv64"], /riscv64/],
    [["--arch"], /--arch/],
    [["--arch", "arm64", "--revision", "0"], /--revision/],
    [["--arch", "arm64", "--revision", "1e9"], /--revision/],
    [["--arch", "arm64", "--out="], /--out/],
    [["--arch", "arm64", "--dryrun"], /did you mean --dry-run/],
    [["--arch", "arm64", "more"], /more/],
  ] as const) {
    assert.throws(() => optionsOf(args), message, args.join(" "));
  }
});

test("what is missing is named with what to do, before anything is begun", () => {
  assert.equal(needProgram("sh", "dash").missing, undefined);
  const none = needProgram("no-such-program", "some-package");
  assert.match(needsText([none]), /MISSING {2}no-such-program: sudo apt-get install some-package/);
  assert.equal(needFolder(join(scratch, "not/there/yet"), 1).missing, undefined);
  assert.match(needFolder(scratch, 10 ** 9).missing ?? "", /MB are free/);
});
