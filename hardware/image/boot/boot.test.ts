import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { commandLine } from "../partitions.ts";
import { bootFilesOf } from "./firmware.ts";
import { Pace, type Waits, waitsOf } from "./pace.ts";
import { partsAsked } from "./parts.ts";
import { patientCommandLine, patientInitrd } from "./patience.ts";
import { reportPage } from "./report-page.ts";

const scratch = mkdtempSync(join(tmpdir(), "busbar-boot-test-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

test("an emulated board is given time and a console, and the card's own system", () => {
  const line = patientCommandLine(`${commandLine("a")}\n`);
  const start = /^console=ttyAMA0 busbar\.disk=\S+ busbar\.slot=a .*default_timeout_start_sec/;
  assert.match(line, start);
  const path = join(scratch, "initrd");
  writeFileSync(path, "of the card");
  const made = patientInitrd(path);
  assert.equal(made.subarray(0, 11).toString(), "of the card");
  const more = gunzipSync(made.subarray(11)).toString("latin1");
  assert.match(more, /more\/run\/systemd\/system\/busbar-edge\.service\.d\/emulated\.conf/);
  const [, conf = ""] =
    /busbar-edge\.service\.d\/emulated\.conf\0+(.*?)\0*070701/s.exec(more) ?? [];
  assert.match(conf, /^WatchdogSec=\d+$/m);
  assert.doesNotMatch(conf, /Exec|Environment|Device|Capab/);
});

test("the emulated board starts what the card's config.txt says, and nothing where it says nothing", () => {
  const ours = readFileSync(join(import.meta.dirname, "../root/config.txt"), "utf8");
  const of = (slot: string) => ({
    kernel: `${slot}/vmlinuz`,
    initrd: `${slot}/initrd`,
    commandLine: `${slot}/cmdline.txt`,
  });
  assert.deepEqual(bootFilesOf(ours), of("a"));
  assert.deepEqual(bootFilesOf(ours.replace("os_prefix=a/", "os_prefix=b/")), of("b"));
  assert.deepEqual(bootFilesOf(`${ours}\r\nos_prefix=b/\r\n`), of("b"));
  const code = { code: "boot.config" };
  for (const text of ["", "kernel=x", "initramfs x followkernel", `[pi4]\n${ours}`]) {
    assert.throws(() => bootFilesOf(text), code, text);
  }
  fc.assert(
    fc.property(fc.string(), (garbage) => {
      assert.throws(() => bootFilesOf(garbage), code);
    }),
  );
});

test("a board's time goes by as its processors run, and never stands still", () => {
  let [now, waits]: [number, Waits] = [0, new Map()];
  const pace = new Pace({ now: () => now, waits: () => waits });
  const step = (ms: number, more: Readonly<Record<string, number>>) => {
    const before = pace.passedMs();
    now += ms;
    waits = new Map(Object.entries(more));
    return pace.passedMs() - before;
  };
  assert.equal(step(1000, {}), 1000);
  assert.equal(step(1000, { "1/1": 0, "1/2": 250 }), 750);
  // What counts is the one that waited longest since the last look.
  assert.equal(step(1000, { "1/1": 600, "1/2": 300 }), 400);
  assert.equal(step(1000, { "1/1": 600, "1/2": 300 }), 1000);
  assert.equal(step(1000, { "1/1": 1600, "1/2": 300 }), 20);
  // Another process, whose threads had waited before it was looked at.
  assert.equal(step(1000, { "2/1": 50_000 }), 20);
  assert.equal(step(1000, {}), 1000);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(10_000), fc.nat())), (steps) => {
      for (const [ms, waited] of steps) {
        const passed = step(ms, { "1/1": waited });
        assert.ok(passed >= ms * 0.0199 && passed <= ms + 1e-6, `${passed} of ${ms}`);
      }
    }),
  );
  // Of this very process the kernel tells, or nothing is known; of none that is no more.
  for (const ms of waitsOf(process.pid).values()) assert.ok(ms >= 0);
  assert.equal(waitsOf(undefined).size + waitsOf(2 ** 30).size, 0);
});

test("parts are done in their order, the first start among them; one that is none is named", () => {
  const life = { root: false, label: false, parts: ["first", "plug", "journal"] };
  assert.deepEqual(partsAsked("journal,plug"), life);
  assert.deepEqual(partsAsked("journal,root,plug"), { ...life, root: true });
  assert.deepEqual(partsAsked("root"), { root: true, label: false, parts: [] });
  assert.deepEqual(partsAsked("label"), { root: false, label: true, parts: [] });
  assert.equal(partsAsked(undefined).parts.length, 11);
  for (const names of ["", "plug,frist", "constructor", "plug,"]) {
    assert.throws(() => partsAsked(names), /expected parts among root,label,refusal,first,/, names);
  }
});

test("the report shows each part, and nothing of what a console said can act in it", () => {
  const evil = '<script>alert(1)</script>\u0027&"';
  const facts = {
    image: evil,
    sha256: "00",
    commit: "0123",
    seed: 7,
    emulator: evil,
    begun: "2026-01-01T00:00:00Z",
    boardSeconds: 61.4,
    picture: new Uint8Array([1, 2, 3]),
  };
  const results = [
    { name: "a", outcome: "ok", said: "b", seconds: 60 },
    { name: evil, outcome: "failed", said: evil, seconds: 30 },
    { name: "c", outcome: "not tried", said: "", seconds: 0 },
  ] as const;
  const page = reportPage(results, facts);
  assert.match(page, /1 of 3 parts held/);
  assert.equal(page.match(/did not hold/g)?.length, 1);
  assert.equal(page.match(/<rect /g)?.length, 3);
  assert.match(page, /data:image\/png;base64,AQID/);
  assert.doesNotMatch(page, /<script|alert\(1\)<\/script/);
  assert.doesNotMatch(reportPage([], { ...facts, picture: undefined }), /<svg|NaN|<img/);
});
