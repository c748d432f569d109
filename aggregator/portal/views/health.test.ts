import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clockSource } from "@busbar/protocol";
import { publicKeyFromSeed } from "@busbar/protocol/node";
import { selfSigned } from "../../consensus/links/certificate.ts";
import { endOf } from "../certificate-end.ts";
import { Alarms, endings } from "./alarms.ts";
import { meterProblems, unitProblems, worst } from "./health.ts";

const [minute, hour] = [60_000, 3_600_000];
const now = 1_000 * hour;
const slotMs = hour;
const sound = {
  time: now - minute,
  lagMs: 2_000,
  clock: clockSource.ntp,
  slots: { measured: 168, estimated: 0, missing: 0 },
};
const codes = (changes: object) =>
  meterProblems({ ...sound, ...changes }, { now, slotMs }).map(({ code }) => code);

test("a meter that is read has no problem", () => {
  assert.deepEqual(codes({}), []);
  assert.equal(worst([]), "good");
});

test("each trouble of a meter is told by its name, the worst first", () => {
  assert.deepEqual(codes({ time: null }), ["never"]);
  assert.deepEqual(codes({ time: now - hour }), []);
  assert.deepEqual(codes({ time: now - hour - 1 }), ["silent"]);
  assert.deepEqual(codes({ lagMs: -5_000 }), []);
  assert.deepEqual(codes({ lagMs: -5_001 }), ["clock-ahead"]);
  assert.deepEqual(codes({ lagMs: 15 * minute + 1 }), ["backlog"]);
  // Whoever is silent is not catching up.
  assert.deepEqual(codes({ lagMs: hour, time: now - 2 * hour }), ["silent"]);
  assert.deepEqual(codes({ clock: clockSource.unsynchronised }), ["clock-unsynchronised"]);
  assert.deepEqual(codes({ clock: clockSource.monotonicOnly | 1 }), ["clock-unsynchronised"]);
  assert.deepEqual(codes({ slots: { measured: 1, estimated: 0, missing: 3 } }), ["incomplete"]);
  assert.deepEqual(codes({ lagMs: -hour, slots: null, clock: null }), ["clock-ahead"]);
});

test("a unit is offline where no other member can have it; two that fight are named with both addresses", () => {
  const unit = { state: "active", connected: false, elsewhere: false, fight: undefined } as const;
  assert.deepEqual(
    unitProblems(unit).map(({ code }) => code),
    ["offline"],
  );
  assert.deepEqual(unitProblems({ ...unit, elsewhere: true }), []);
  const [fight] = unitProblems({
    ...unit,
    connected: true,
    fight: { older: "10.0.0.7", newer: "10.0.0.9" },
  });
  assert.deepEqual([fight?.code, fight?.detail], ["duplicate-client", "10.0.0.7 and 10.0.0.9"]);
  assert.equal(worst(unitProblems({ ...unit, connected: true, state: "suspended" })), "warn");
  const ends = (certificateDays: number) =>
    unitProblems({ ...unit, connected: true, certificateDays }).map(({ code }) => code);
  assert.deepEqual([ends(21), ends(20)], [[], ["certificate"]]);
});

test("a certificate and a term that end soon are told of, and one that has ended is worse", () => {
  const told = (certificateDays: number | undefined, days = 400) =>
    endings({ member: "m1", certificateDays, terms: [{ id: "m2", days }] }).map(
      ({ code, about, level, value }) => [code, about, level, value],
    );
  assert.deepEqual(told(undefined), []);
  assert.deepEqual(told(21, 30), []);
  assert.deepEqual(told(20), [["broker-certificate", "m1", "warn", 20]]);
  assert.deepEqual(told(-1, 29), [
    ["broker-certificate", "m1", "bad", -1],
    ["member-term", "m2", "warn", 29],
  ]);
});

test("a certificate's end is read from its file, anew where that has changed; from garbage nothing", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-certificate-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "broker.crt");
  const ends = endOf(file);
  assert.equal(ends(), undefined);
  writeFileSync(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  assert.equal(ends(), undefined);
  const seed = new Uint8Array(32).fill(1);
  const der = selfSigned({ seed, publicKey: publicKeyFromSeed(seed) });
  writeFileSync(file, new X509Certificate(der).toString());
  utimesSync(file, 1, 1);
  assert.equal(ends(), new X509Certificate(der).validToDate.getTime());
});

test("an alarm keeps the time at which it was raised, and is resolved once it is gone", () => {
  let [time, troubles] = [0, ["a"]];
  const alarms = new Alarms(() => time);
  const told = () => {
    alarms.see(
      troubles.map((about) => ({
        id: `silent/${about}`,
        code: "silent",
        level: "bad" as const,
        about,
        owner: about,
        value: time,
        detail: null,
      })),
    );
    return alarms.list().map(({ id, raised, resolved }) => [id, raised, resolved]);
  };
  assert.deepEqual(told(), [["silent/a", 0, null]]);
  time = 5;
  troubles = ["a", "b"];
  assert.deepEqual(told(), [
    ["silent/b", 5, null],
    ["silent/a", 0, null],
  ]);
  time = 9;
  troubles = ["b"];
  assert.deepEqual(told(), [
    ["silent/b", 5, null],
    ["silent/a", 0, 9],
  ]);
  assert.deepEqual(
    alarms.list("b").map(({ about }) => about),
    ["b"],
  );
  // It comes back: another alarm, with its own time.
  time = 12;
  troubles = ["a", "b"];
  assert.deepEqual(told().slice(0, 2), [
    ["silent/a", 12, null],
    ["silent/b", 5, null],
  ]);
});
