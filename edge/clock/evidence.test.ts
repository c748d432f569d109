import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Ask, lookAtClock, parseTracking } from "./evidence.ts";

/** Printed by `chronyc -c tracking` of chrony 4.3: in local mode, and without any source. */
const local =
  "7F7F0101,,8,1795809179.458115672,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,0.000000000,0.000000000,0.0,Normal\n";
const unsynchronised =
  "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised\n";
/** The same form with a server, by hand: 1 ms off, 20 ms delay, 5 ms dispersion. */
const following =
  "C0248F97,192.36.143.151,2,1795809179.4,-0.001000000,0.0,0.0,-12.3,0.0,0.1,0.020000000,0.005000000,64.2,Normal\n";

/** A machine on which these programs print this. */
function asking(prints: Readonly<Record<string, string>>): Ask {
  return async (program) => prints[program];
}
const nothing = () => false;

test("chrony says whether it follows somebody, and how far it may be off", () => {
  assert.deepEqual(parseTracking(following), { synchronised: true, boundMs: 16, by: "chrony" });
  assert.deepEqual(parseTracking(unsynchronised), { synchronised: false, by: "chrony" });
  assert.deepEqual(parseTracking(local), { synchronised: false, by: "chrony" });
});

test("chrony is asked first, then systemd, then timesyncd's file; nobody is no proof of anything", async () => {
  const both = asking({ chronyc: unsynchronised, timedatectl: "yes\n" });
  assert.deepEqual(await lookAtClock(both, nothing), { synchronised: false, by: "chrony" });
  const systemd = (word: string) => lookAtClock(asking({ timedatectl: `${word}\n` }), () => true);
  assert.deepEqual(await systemd("yes"), { synchronised: true, by: "timedatectl" });
  assert.deepEqual(await systemd("no"), { synchronised: false, by: "timedatectl" });
  assert.deepEqual(await systemd("Failed to connect to bus"), {
    synchronised: true,
    by: "systemd-timesyncd",
  });
  const nobody = await lookAtClock(asking({ chronyc: "506 Cannot talk to daemon\n" }), nothing);
  assert.equal(nobody.synchronised, undefined);
});

test("the programs of this machine are asked without harm, whatever it has", async () => {
  const { by } = await lookAtClock();
  assert.ok(by.length > 0);
});

test("no text makes a clock that is synchronised but the line of one that is", () => {
  const cell = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("", "NaN", "1e999", "-", "0"));
  fc.assert(
    fc.property(fc.array(cell, { maxLength: 16 }), fc.nat(13), (cells, at) => {
      const text = cells.join(",");
      const said = parseTracking(text);
      assert.ok(said === undefined || said.boundMs === undefined || Number.isFinite(said.boundMs));
      const spoilt = following.trim().split(",");
      if (![4, 10, 11].includes(at)) return;
      spoilt[at] = cells[0]?.replaceAll(",", "") ?? "";
      const bound = parseTracking(spoilt.join(","))?.boundMs;
      assert.ok(bound === undefined || Number.isFinite(bound));
    }),
  );
});
