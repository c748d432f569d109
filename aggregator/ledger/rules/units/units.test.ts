import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeMessage,
  isReleaseTurn,
  type Message,
  type Release,
  type ReleaseState,
  releasePlace,
  releaseReach,
  sheetDomain,
  toBeSigned,
  utcMs,
} from "@busbar/protocol";
import fc from "fast-check";
import { releaseAbout, releaseText, unitLines, unitsOf } from "../../../commands/release.ts";
import { sha256 } from "../../sha256.ts";
import { chain, frameOf, signerOfName, startTime } from "../../test-site.ts";
import { deviceReports, releases, sheets } from "../../unit-reports.ts";
import { Consortium, termsOf } from "../members/test-consortium.ts";

const four = ["member-a", "member-b", "member-c", "member-d"];
const filled = (length: number, fill = 7) => new Uint8Array(length).fill(fill);
const units = ["company-a-unit", "bureau-a-unit", "user-a-unit"];

const releaseOf = (changes: Partial<Release> = {}): Release => ({
  ...{ number: 1, version: "0.2.0-1", canaries: ["user-a-unit"], failuresMax: 0, trialMinutes: 30 },
  bundles: [{ arch: "arm64", bytes: 90_000_000, sha256: filled(32) }],
  stages: [
    { permille: 0, waitMinutes: 60, keptMin: 1 },
    { permille: 1000, waitMinutes: 0, keptMin: 0 },
  ],
  ...changes,
});

class Site extends Consortium {
  #nonce = 0;

  constructor() {
    super(four.map((id) => termsOf(id)));
  }

  say(signer: string, kind: "commissioning" | "device-report", message: object): string {
    return this.block([frameOf(signer, kind, message as never)])[0] ?? "nothing";
  }

  report(device: string, changes: Partial<Message<"device-report">> = {}, signer = device) {
    const message = { device, at: utcMs(this.time + 60_000), program: "0.1.0-1", ...changes };
    return this.say(signer, "device-report", message);
  }

  /** Moves a release, or its end, and lets the others accept it. */
  decide(release: Release | undefined, voters = four): string {
    this.#nonce += 1;
    const about = { nonce: filled(16, this.#nonce), member: "member-a" };
    const motion = release === undefined ? about : { ...about, release };
    const [code = ""] = this.block([frameOf("member-a", "release-motion", motion)]);
    const id = sha256(encodeMessage("release-motion", motion));
    for (const member of voters.slice(1)) {
      this.block([frameOf(member, "ballot", { motion: id, member, accept: true })]);
    }
    return code;
  }

  get release(): ReleaseState | undefined {
    return releases.get(this.state, "current");
  }
}

const sheet = (changes: Partial<Message<"commissioning">> = {}): Message<"commissioning"> => ({
  ...{ device: "user-a-unit", number: 1, sheet: filled(32), at: startTime, open: 2 },
  ...changes,
});

function countersigned(hash: Uint8Array, name = "installer", on = chain) {
  const signer = signerOfName(name);
  const signature = signer.sign(toBeSigned(hash, signer.kid, sheetDomain(on)));
  return { key: signer.publicKey, signature };
}

test("a sheet's hash stands under its unit, with the installer's key, and leads to the one before", () => {
  const site = new Site();
  assert.equal(site.say("user-a-unit", "commissioning", sheet()), "ok");
  assert.equal(site.say("user-a-unit", "commissioning", sheet()), "tx.exists");
  const installer = countersigned(filled(32, 9));
  const next = sheet({ number: 3, sheet: filled(32, 9), open: 0, installer });
  assert.equal(site.say("user-a-unit", "commissioning", next), "ok");
  assert.deepEqual(sheets.get(site.state, "user-a-unit"), {
    ...{ number: 3, sheet: filled(32, 9), at: startTime, open: 0, height: site.height },
    ...{ installer: installer.key, before: filled(32) },
  });
  const [unit] = unitsOf(site.state).filter(({ device }) => device === "user-a-unit");
  assert.match(
    unitLines(unit === undefined ? [] : [unit])[0] ?? "",
    /sheet 090909090909, 0 open, countersigned$/,
  );
});

test("no sheet of another unit, of the future, out of order or with a false countersign is kept", () => {
  const site = new Site();
  const wrong: readonly (readonly [object, string, string?])[] = [
    [{}, "sheet.rights", "company-a-unit"],
    [{}, "sheet.rights", "user-a"],
    [{ at: utcMs(startTime + 3_600_000) }, "sheet.time"],
    [{ installer: countersigned(filled(32, 8)) }, "sheet.installer"],
    [{ installer: countersigned(filled(32), "installer", "elsewhere") }, "sheet.installer"],
    [{ installer: { ...countersigned(filled(32)), key: filled(32, 0) } }, "sheet.installer"],
  ];
  for (const [changes, code, signer = "user-a-unit"] of wrong) {
    assert.equal(site.say(signer, "commissioning", sheet(changes)), code);
  }
  assert.equal(site.say("user-a-unit", "commissioning", sheet({ number: 2 })), "ok");
  assert.equal(site.say("user-a-unit", "commissioning", sheet()), "sheet.number");
  const other = sheet({ number: 2, sheet: filled(32, 1) });
  assert.equal(site.say("user-a-unit", "commissioning", other), "sheet.exists-different");
});

test("a unit's program stands as it says it, forward in time, for itself alone", () => {
  const site = new Site();
  assert.equal(site.report("user-a-unit"), "ok");
  const before = deviceReports.get(site.state, "user-a-unit");
  assert.equal(before?.program, "0.1.0-1");
  assert.equal(site.report("user-a-unit", { at: before?.at ?? utcMs(0) }), "tx.exists");
  const again = { at: before?.at ?? utcMs(0), program: "0.2.0-1" };
  assert.equal(site.report("user-a-unit", again), "program.exists-different");
  assert.equal(site.report("user-a-unit", { at: startTime }), "program.late");
  assert.equal(site.report("user-a-unit", { at: utcMs(site.time + 3_600_000) }), "program.time");
  assert.equal(site.report("user-a-unit", { release: 1 }), "program.shape");
  assert.equal(site.report("user-a-unit", {}, "user-a"), "program.rights");
  assert.equal(site.report("user-a-unit", {}, "bureau-a-unit"), "program.rights");
  const undone = {
    release: 4,
    result: "rolled-back",
    reason: "after 30 min without a receipt",
  } as const;
  assert.equal(site.report("user-a-unit", undone), "ok");
  assert.equal(site.report("user-a-unit"), "ok", "what it said of a release stands");
  const told = unitsOf(site.state).find(({ device }) => device === "user-a-unit");
  assert.deepEqual([told?.program, told?.release, told?.result], ["0.1.0-1", 4, "rolled-back"]);
});

test("members decide on a release by a quorum, one after the other, and end it", () => {
  const site = new Site();
  assert.equal(site.decide(undefined), "release.none");
  assert.equal(site.decide(releaseOf({ number: 2 })), "release.number");
  const [bundle] = releaseOf().bundles;
  assert.ok(bundle);
  assert.equal(site.decide(releaseOf({ bundles: [bundle, bundle] })), "release.bundles");
  const stages = [10, 9].map((permille) => ({ permille, waitMinutes: 0, keptMin: 0 }));
  assert.equal(site.decide(releaseOf({ stages })), "release.stages");
  assert.equal(site.decide(releaseOf(), four.slice(0, 2)), "ok");
  assert.equal(site.release, undefined, "two of four decide nothing");
  assert.equal(site.decide(releaseOf({ version: "0.3.0" })), "motion.open");
  const site2 = new Site();
  site2.decide(releaseOf());
  assert.equal(site2.release?.release.version, "0.2.0-1");
  assert.deepEqual(
    site2.block([frameOf("user-a", "release-motion", { nonce: filled(16, 99), member: "user-a" })]),
    ["motion.rights"],
  );
  assert.equal(site2.decide(undefined), "ok");
  assert.equal(site2.release?.stopped, "withdrawn");
  assert.equal(site2.decide(releaseOf({ number: 2 })), "ok");
  assert.deepEqual([site2.release?.release.number, site2.release?.stopped], [2, undefined]);
});

test("who keeps it opens the next stage, who undoes it stops it for all others, each once", () => {
  const site = new Site();
  site.decide(releaseOf());
  const turn = (device: string, later = 0) =>
    site.release !== undefined &&
    isReleaseTurn(site.release, { chain, device, time: site.time + later });
  assert.deepEqual(
    units.map((unit) => turn(unit)),
    [false, false, true],
  );
  const failed = { release: 1, result: "rolled-back" } as const;
  assert.equal(site.report("company-a-unit", failed), "ok");
  assert.equal(site.release?.failed, 0, "its turn had not come");
  assert.equal(turn("company-a-unit", 3_600_000), false, "nobody kept it yet");
  const kept = { release: 1, result: "kept", program: "0.2.0-1" } as const;
  assert.equal(site.report("user-a-unit", kept), "ok");
  assert.equal(site.report("user-a-unit", kept), "ok");
  assert.equal(site.release?.kept, 1);
  assert.deepEqual([turn("company-a-unit"), turn("company-a-unit", 3_600_000)], [false, true]);
  // By hand, a week later: it is not kept any more.
  assert.equal(site.report("user-a-unit", failed), "ok");
  assert.deepEqual(
    [site.release?.kept, site.release?.failed, site.release?.stopped],
    [0, 1, "failures"],
  );
  assert.ok(site.events.some(({ type }) => type === "release-stopped"));
  const about = releaseAbout(site.state, site.time);
  assert.match(
    about === undefined ? "" : releaseText(about),
    /stopped \(failures\); kept by 0, failed at 1 \(0 may\)/,
  );
});

test("a share of units grows from stage to stage, and each release begins with other ones", () => {
  const devices = Array.from({ length: 2000 }, (_, i) => `unit-${i}`);
  const among = (number: number, permille: number) =>
    devices.filter((device) => releasePlace({ chain, number, device }) < permille);
  const [tenth, half] = [among(1, 100), among(1, 500)];
  assert.ok(tenth.length > 140 && tenth.length < 260, String(tenth.length));
  assert.ok(tenth.every((device) => half.includes(device)));
  assert.equal(among(1, 1000).length, devices.length);
  assert.notDeepEqual(among(2, 100), tenth);
  const stage = fc.record({
    permille: fc.integer({ min: 0, max: 1000 }),
    waitMinutes: fc.integer({ min: 0, max: 100 }),
    keptMin: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(stage, { minLength: 1, maxLength: 8 }),
      fc.nat(5),
      fc.nat(900),
      (all, kept, minutes) => {
        const stages = all.toSorted((a, b) => a.permille - b.permille);
        const state = {
          release: releaseOf({ stages }),
          from: startTime,
          height: 1,
          kept,
          failed: 0,
        };
        const at = (m: number) => releaseReach(state, startTime + m * 60_000);
        assert.ok(at(minutes) <= at(minutes + 1), "time takes nobody's turn away");
        assert.ok(
          at(minutes) <= releaseReach({ ...state, kept: kept + 1 }, startTime + minutes * 60_000),
        );
        assert.equal(at(-1), 0);
      },
    ),
  );
});
