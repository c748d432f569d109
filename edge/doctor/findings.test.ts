import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { problem } from "../link/problem.ts";
import { meterOf, now, statusOfTest } from "../status/test-support/status.ts";
import { type ClockFacts, clockFinding } from "./clock.ts";
import { type DiskFacts, diskFindings, mountOf } from "./disk.ts";
import type { Finding } from "./finding.ts";
import { certificateFileEnd } from "./machine.ts";
import { meterFinding, watchedMeter } from "./meter.ts";
import { type PortFacts, portFindings } from "./port.ts";
import {
  certificateFinding,
  identityFindings,
  ownCertificateFinding,
  receiptFinding,
  serviceFinding,
} from "./unit.ts";

/** A finding in one line; each that is not well must say what to do. */
function said({ check, state, message, remedy }: Finding): string {
  if (state !== "ok") assert.ok((remedy ?? "").length > 10, `${check}: no remedy`);
  return `${state}: ${message}`;
}

const clock: ClockFacts = {
  evidence: { synchronised: true, boundMs: 12.3, by: "chrony" },
  hasBattery: true,
  boundMs: 1000,
  trusted: false,
};

test("a clock is well only when somebody vouches for it, within the bound", () => {
  const of = (more: Partial<ClockFacts>) => said(clockFinding({ ...clock, ...more }));
  assert.equal(of({}), "ok: synchronised, says chrony, within 12 ms");
  assert.match(
    of({ evidence: { synchronised: true, boundMs: 5000, by: "chrony" } }),
    /^warning: .*5000 ms/,
  );
  assert.match(
    of({ evidence: { synchronised: false, by: "timedatectl" } }),
    /^warning: not synchronised, says timedatectl$/,
  );
  const nobody = { synchronised: undefined, by: "no time service" };
  assert.match(
    of({ evidence: nobody, hasBattery: false }),
    /^warning: no time service vouches.*no clock chip/,
  );
  assert.match(of({ evidence: nobody, trusted: true }), /^ok: /);
});

const disk: DiskFacts = {
  folder: "/var/lib/busbar",
  freeBytes: 10 * 2 ** 30,
  type: "ext4",
  device: "/dev/mmcblk0p2",
  writtenPerDay: 200 * 2 ** 20,
};

test("a disk is told of by its room, its kind and its wear", () => {
  const of = (more: Partial<DiskFacts>) => diskFindings({ ...disk, ...more }).map(said);
  assert.deepEqual(of({}), [
    "ok: /var/lib/busbar, 10240 MB free, ext4 on /dev/mmcblk0p2",
    "ok: the unit writes 200 MB a day to a card",
  ]);
  assert.match(of({ freeBytes: 100 * 2 ** 20 })[0] ?? "", /^fault: .*100 MB free/);
  assert.match(of({ type: "tmpfs" })[1] ?? "", /^fault: .*in memory/);
  assert.match(of({ type: "overlay" })[1] ?? "", /^warning: /);
  assert.match(of({ type: "vfat" })[1] ?? "", /^warning: .*vfat/);
  assert.match(of({ writtenPerDay: 5 * 2 ** 30 })[1] ?? "", /^warning: .*5120 MB a day to a card/);
  assert.match(of({ writtenPerDay: 5 * 2 ** 30, device: "/dev/sda1" })[1] ?? "", /^ok: /);
  assert.equal(of({ writtenPerDay: undefined }).length, 1);
});

test("the mount of a folder is the one nearest above it", () => {
  const mounts = `/dev/root / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/sda1 /var/lib/bus\\040bar xfs rw 0 0
/dev/sdb1 /var/li btrfs rw 0 0
`;
  assert.equal(mountOf("/var/lib/bus bar/data", mounts)?.type, "xfs");
  assert.equal(mountOf("/var/lib/busbar", mounts)?.type, "ext4");
  assert.equal(mountOf("/run", mounts)?.type, "tmpfs");
  assert.equal(mountOf("/x", ""), undefined);
  fc.assert(fc.property(fc.string(), fc.string(), (path, text) => void mountOf(path, text)));
});

const port: PortFacts = {
  path: "/dev/serial/by-id/usb-FTDI-if00",
  stablePath: "/dev/serial/by-id/usb-FTDI-if00",
  device: "/dev/ttyUSB0",
  warnings: [],
  latencyMs: 1,
  modemManager: false,
};

test("what may go wrong at a port is told with what to do", () => {
  const of = (more: Partial<PortFacts>) => portFindings("meter m", { ...port, ...more }).map(said);
  assert.deepEqual(of({}), []);
  assert.match(of({ path: "/dev/ttyUSB0" })[0] ?? "", /^warning: .*order/);
  assert.match(of({ latencyMs: 16 })[0] ?? "", /up to 16 ms/);
  assert.match(of({ modemManager: true })[0] ?? "", /ModemManager/);
  assert.deepEqual(of({ modemManager: true, device: "/dev/ttyAMA0" }), []);
  const console = "the system's console is on it: turn it off there";
  assert.deepEqual(of({ warnings: [console] }), [
    `warning: ${port.path}: the system's console is on it`,
  ]);
});

test("a meter that was read is told of by its serial number and its times", () => {
  const facts = {
    check: "meter m",
    seconds: [0.31, 0.3, 0.42],
    asked: 3,
    serial: "7",
    values: 52,
    error: undefined,
  };
  assert.equal(
    said(meterFinding(facts)),
    "ok: serial 7 answers with 52 values in 300 ms to 420 ms",
  );
  assert.match(said(meterFinding({ ...facts, seconds: [3] })), /^warning: /);
  const error = { message: "no answer", remedies: [] };
  assert.equal(
    said(meterFinding({ ...facts, error })),
    "fault: no answer (3 of 3 reads went well)",
  );
});

test("a meter that a unit reads is told of without being asked", () => {
  assert.equal(
    said(watchedMeter(meterOf())),
    "ok: serial 21 40 0815, 60 readings, 1 failures since the unit's start; 1 in ≤0.25 s, 60 in ≤0.5 s",
  );
  assert.match(said(watchedMeter(meterOf({ failures: 20 }))), /^warning: /);
  assert.match(
    said(watchedMeter(meterOf({ error: "no answer", failuresInRow: 4 }))),
    /^fault: no answer/,
  );
});

test("receipts, service and certificate are judged", () => {
  const well = statusOfTest();
  assert.match(said(receiptFinding(well, now)), /^ok: 0\.23 s in the middle.*newest 40 s ago/);
  const link = { ...(well.link as NonNullable<typeof well.link>) };
  const times = { count: 1, sumMs: 0, recent: [90_000] };
  assert.match(
    said(receiptFinding({ ...well, link: { ...link, receiptTimes: times } }, now)),
    /^warning: 90 s/,
  );
  const none = { ...link, receiptTimes: { count: 0, sumMs: 0, recent: [] } };
  assert.match(said(receiptFinding({ ...well, link: none }, now)), /^warning: no receipt/);
  assert.match(said(receiptFinding({ ...well, link: undefined }, now)), /^warning: /);

  const show =
    "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nWatchdogUSec=1min\nNRestarts=0\n";
  assert.equal(said(serviceFinding(show)), "ok: active, watchdog 1min, 0 restarts");
  for (const [from, to, wanted] of [
    ["loaded", "not-found", /^warning: .*no service/],
    ["enabled", "disabled", /^warning: not enabled/],
    ["=active", "=failed", /^fault: enabled, but failed/],
    ["1min", "infinity", /^warning: .*without a watchdog/],
    ["NRestarts=0", "NRestarts=3", /^warning: .*3 restarts/],
  ] as const) {
    assert.match(said(serviceFinding(show.replace(from, to))), wanted);
  }
  assert.match(said(serviceFinding(undefined)), /^warning: no systemd/);

  const day = 86_400_000;
  assert.match(said(certificateFinding("b", now + 90 * day, now)), /^ok: /);
  assert.match(said(certificateFinding("b", now + 3 * day, now)), /^warning: .*3 more days/);
  assert.match(said(certificateFinding("b", now - day, now)), /^fault: .*2026-06-20/);
});

test("another unit with the same id, which the running one has found, is told of", () => {
  const well = statusOfTest();
  const { link } = well;
  assert.ok(link !== undefined);
  assert.deepEqual(identityFindings(well), []);
  const other = problem("link.no-host", "nobody is ready");
  assert.deepEqual(identityFindings({ ...well, link: { ...link, problem: other } }), []);
  const rival = problem("link.duplicate-client", "another unit signs in as unit-1: host pi-b");
  const [found] = identityFindings({ ...well, link: { ...link, problem: rival } });
  assert.deepEqual(
    [found?.state, found?.message, found?.remedy],
    ["fault", rival.message, rival.remedy],
  );
});

test("the unit's own certificate is told of before it ends", () => {
  const at = (days: number) =>
    said(ownCertificateFinding("unit.pem", now + days * 86_400_000, now));
  assert.match(at(-1), /^fault: ended on 2026-06-20/);
  assert.match(at(5), /^warning: holds 5 more days/);
  assert.match(at(30), /^ok: holds until 2026-07-21/);
  assert.equal(certificateFileEnd(import.meta.filename), undefined);
  assert.equal(certificateFileEnd("/nowhere/unit.pem"), undefined);
});
