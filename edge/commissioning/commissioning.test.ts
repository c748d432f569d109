import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  decodeMessage,
  Failure,
  keyId,
  openFrame,
  sheetDomain,
  toBeSigned,
} from "@busbar/protocol";
import { openKeyFile, verify } from "@busbar/protocol/node";
import fc from "fast-check";
import type { MarketFrame } from "../agent/market-outbox.ts";
import {
  commissionDisplay,
  commissionSheet,
  commissionTry,
  commissionVerify,
  type Surroundings,
} from "../commands/commission.ts";
import type { Status } from "../status/status.ts";
import { meterOf, statusOfTest } from "../status/test-support/status.ts";
import { compareDisplay, parseShown } from "./display.ts";
import { dropName, takeDropped } from "./drop.ts";
import { sheetPage } from "./page.ts";
import { emptyRecord, parseRecord, withTrial } from "./record.ts";
import { checkSheet } from "./sheet.ts";
import { adapterTrial, networkTrial, powerOutcome, runTrial, type Watched } from "./trial.ts";

const home = mkdtempSync(join(tmpdir(), "busbar-commissioning-"));
after(() => rmSync(home, { recursive: true, force: true }));
const at = (name: string) => join(home, name);
const failsWith = (code: string) => (error: unknown) =>
  error instanceof Failure && error.code === code;

const watched = (more: Partial<Watched> = {}): Watched => ({
  meters: [{ id: "m", readings: 5, error: undefined, serial: "1" }],
  journal: { meters: [{ taken: 100 }] },
  link: { connected: true, lastReceiptAt: 1000 },
  ...more,
});
const meter = (readings: number, error?: string, serial = "1") => ({
  meters: [{ id: "m", readings, error, serial }],
});

/** Runs a trial over what the unit shows, look by look; what was asked of the installer, and how it went. */
async function played(trial: Parameters<typeof runTrial>[0], looks: (Watched | undefined)[]) {
  const said: string[] = [];
  let [n, ms] = [0, 0];
  const outcome = await runTrial(trial, {
    look: async () => {
      const seen = n < looks.length ? looks[n] : looks.at(-1);
      n += 1;
      return seen;
    },
    pause: async () => {
      ms += 1000;
    },
    now: () => ms,
    say: (text) => said.push(text),
    limitMs: 60_000,
  });
  return { ...outcome, said };
}

test("an adapter's trial passes when the fault showed and the same meter answers again", async () => {
  const trial = adapterTrial("m", "1");
  const good = await played(trial, [
    watched(),
    undefined,
    watched(meter(6, "gone")),
    watched(meter(6, "gone")),
    watched(meter(6)),
    watched(meter(7)),
  ]);
  assert.equal(good.passed, true);
  assert.deepEqual(good.said, [trial.asks.begin, trial.asks.out]);
  const other = await played(trial, [watched(meter(6, "gone")), watched(meter(7, undefined, "2"))]);
  assert.match(other.text, /expected serial number 1, got 2/);
  assert.match((await played(trial, [watched()])).text, /nothing was pulled out within 1 min/);
  const away = await played(trial, [watched(meter(6, "gone"))]);
  assert.match(away.text, /did not come back/);
  const none = await played(trial, [watched({ meters: [] })]);
  assert.equal(none.passed, false);
  const dead = await played(trial, [undefined]);
  assert.equal(dead.passed, false);
});

test("the network's trial passes when readings went on and receipts come again", async () => {
  const off = { connected: false, lastReceiptAt: 1000 };
  const taken = (count: number) => ({ meters: [{ taken: count }] });
  const good = await played(networkTrial(), [
    watched(),
    watched({ link: off }),
    watched({ link: off, journal: taken(103) }),
    watched({ journal: taken(103) }),
    watched({ journal: taken(104), link: { connected: true, lastReceiptAt: 2000 } }),
  ]);
  assert.deepEqual([good.passed, good.text.slice(0, 10)], [true, "4 readings"]);
  const idle = await played(networkTrial(), [
    watched({ link: off }),
    watched({ link: { connected: true, lastReceiptAt: 2000 } }),
  ]);
  assert.match(idle.text, /no reading was taken/);
  const alone = await played(networkTrial(), [watched({ link: undefined })]);
  assert.match(alone.text, /not enrolled/);
  const silent = await played(networkTrial(), [watched({ link: off }), watched()]);
  assert.match(silent.text, /did not come back/);
});

test("the power's trial passes in another start of the machine, with all that was kept", () => {
  const before = { boot: "a", taken: 100, at: "" };
  const outcome = (boot: string, seen: Watched) => powerOutcome(before, { boot, seen });
  assert.equal(outcome("b", watched()).passed, true);
  assert.match(outcome("a", watched()).text, /was not taken away/);
  const less = watched({ journal: { meters: [{ taken: 99 }] } });
  assert.match(outcome("b", less).text, /100 readings .* 99/);
  assert.match(outcome("b", watched(meter(0))).text, /m did not answer/);
  assert.match(outcome("b", watched(meter(3, "gone"))).text, /m did not answer/);
});

test("a display agrees within its last digit and what flowed while it was typed", () => {
  const shown = (text: string, more: Partial<Status["meters"][number]> = {}) =>
    compareDisplay(parseShown(text), [meterOf({ powerW: 0, ...more })], "now");
  assert.equal(shown("anna-grid=12345.7").passed, true);
  assert.equal(shown("anna-grid=12345,68").passed, true);
  assert.equal(shown("anna-grid=12345.6").passed, true, "displays cut off what they do not show");
  assert.equal(shown("anna-grid=12345.5").passed, false);
  assert.equal(shown("anna-grid=12345.5", { powerW: -3000 }).passed, true);
  assert.equal(shown("anna-grid=1234.57").passed, false);
  assert.equal(shown("anna-grid:export=40").passed, true);
  assert.deepEqual(shown("anna-grid:export=40.0").readKwh, "40.000");
  assert.throws(() => shown("other=1"), failsWith("commission.meter"));
  assert.throws(() => shown("anna-grid=1", { values: [] }), failsWith("commission.register"));
  for (const text of ["", "=1", "m=", "m=-1", "m=1e9", "m:up=1", "m=1.2.3", "M=1", "m=1 kWh"]) {
    assert.throws(() => parseShown(text), failsWith("usage.display"), text);
  }
});

test("a record is read as it was written; garbage is refused in words", () => {
  const trial = { kind: "power", passed: true, text: "", at: "" } as const;
  const record = withTrial(withTrial(emptyRecord, trial), { ...trial, passed: false });
  assert.equal(record.trials.length, 1, "the later result counts");
  assert.deepEqual(parseRecord(JSON.stringify(record)), record);
  const before = { ...record, beforePower: { boot: "b", taken: 1, at: "" } };
  assert.deepEqual(parseRecord(JSON.stringify(before)), before);
  for (const text of [
    "",
    "{}",
    '{"trials":[{}],"displays":[]}',
    '{"trials":[],"displays":[1]}',
    "null",
  ]) {
    assert.throws(() => parseRecord(text), failsWith("commission.record"), text);
  }
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        parseRecord(text);
      } catch (error) {
        assert.ok(failsWith("commission.record")(error));
      }
    }),
  );
});

/** A unit of the test's own, which shows one status after the other, and a machine that starts anew. */
function around(statuses: readonly (Status | undefined)[], boot = "one"): Surroundings {
  let [n, ms] = [0, 0];
  return {
    look: async () => {
      const status = n < statuses.length ? statuses[n] : statuses.at(-1);
      n += 1;
      return status;
    },
    pause: async () => {
      ms += 1000;
    },
    now: () => ms,
    date: () => new Date("2026-06-21T12:00:00Z"),
    boot: () => boot,
  };
}

/** Runs a command and gives what it printed, as JSON, with the exit code it left. */
async function said(work: () => void | Promise<void>) {
  const write = process.stdout.write;
  let text = "";
  process.stdout.write = (chunk: string | Uint8Array) => {
    text += chunk;
    return true;
  };
  try {
    await work();
    return { ...JSON.parse(text), exitCode: process.exitCode };
  } finally {
    process.stdout.write = write;
    process.exitCode = undefined;
  }
}

test("a day of an installer ends with a sheet that two keys signed and that nobody can change", async () => {
  const config = at("edge.yaml");
  writeFileSync(
    config,
    `site: demo
device: { id: unit-1 }
owner: { id: anna }
meters:
  - { id: anna-grid, profile: eastron-sdm630, connection: { kind: rtu, path: /dev/serial/by-id/usb-FTDI_1 } }
`,
  );
  openKeyFile(at("device.key"));
  const finding = {
    code: "sweep.duplicate-address",
    state: "fault",
    message: "two meters share unit id 1",
    remedy: "switch one of them off",
  } as const;
  const bus = { bus: "/dev/ttyUSB0", units: [], findings: [finding] };
  const sweep = { form: "busbar-sweep-1", at: "2026-06-21T11:00:00Z", buses: [] } as const;
  const status = statusOfTest({ device: "unit-1", meters: [meterOf()], sweep });
  const gone = { ...status, meters: [meterOf({ error: "gone", readings: 61 })] };
  const back = { ...status, meters: [meterOf({ readings: 62 })] };
  const json = { config, json: true, minutes: "5" };
  const write = process.stderr.write;
  process.stderr.write = () => true;
  try {
    const first = await said(() =>
      commissionSheet({ ...json, installer: "Ivo" }, around([status])),
    );
    assert.equal(first.exitCode, 1);
    assert.ok(first.open.includes("the power was not tried"));
    const swept = (kept: Status["sweep"] | undefined) =>
      said(() => {
        const { sweep: _, ...rest } = status;
        const seen = kept === undefined ? rest : { ...rest, sweep: kept };
        return commissionSheet({ ...json, installer: "Ivo" }, around([seen]));
      });
    assert.ok(
      (await swept(undefined)).open.includes("the lines were not swept: busbar-edge sweep"),
    );
    const shared = "/dev/ttyUSB0: two meters share unit id 1 [sweep.duplicate-address]";
    assert.ok((await swept({ ...sweep, buses: [bus] })).open.includes(shared));
    const display = await said(() =>
      commissionDisplay(["anna-grid=12345.7"], json, around([status])),
    );
    assert.equal(display.ok, true);
    const wrong = await said(() =>
      commissionDisplay(["anna-grid:export=1"], json, around([status])),
    );
    assert.equal(wrong.exitCode, 1);
    await said(() => commissionDisplay(["anna-grid:export=40.0"], json, around([status])));
    const adapter = around([status, status, gone, back]);
    assert.equal((await said(() => commissionTry("adapter", "anna-grid", json, adapter))).ok, true);
    const { link } = status;
    assert.ok(link !== undefined);
    const off = { ...status, link: { ...link, connected: false } };
    const on = {
      ...status,
      link: { ...link, connected: true, lastReceiptAt: (link.lastReceiptAt ?? 0) + 1 },
      journal: {
        ...status.journal,
        meters: status.journal.meters.map((one) => ({ ...one, taken: one.taken + 3 })),
      },
    };
    const network = around([status, off, on]);
    assert.equal((await said(() => commissionTry("network", undefined, json, network))).ok, true);
    const begun = await said(() => commissionTry("power", undefined, json, around([status])));
    assert.match(begun.next, /again once the unit is up/);
    const ended = await said(() =>
      commissionTry("power", undefined, json, around([status], "two")),
    );
    assert.equal(ended.ok, true);
  } finally {
    process.stderr.write = write;
  }
  const keyed = {
    ...json,
    installer: "Ivo <b>",
    installerKey: at("installer.key"),
    output: at("out"),
  };
  const made = await said(() => commissionSheet(keyed, around([status])));
  assert.deepEqual(made.open, []);
  const [file = "", page = ""] = made.files as string[];
  const text = readFileSync(file, "utf8");
  const { sheet, installerKey } = checkSheet(text, verify);
  assert.deepEqual(
    [sheet.meters[0]?.serial, sheet.trials.length, sheet.displays.length],
    ["21 40 0815", 3, 2],
  );
  assert.ok(installerKey !== undefined);
  const checked = await said(() => commissionVerify(file, { json: true, page: at("again.html") }));
  assert.equal(checked.ok, true);
  assert.equal(readFileSync(at("again.html"), "utf8"), readFileSync(page, "utf8"));
  const html = sheetPage({ sheet, installerKey });
  assert.match(html, /Ivo &#60;b&#62;/);
  assert.ok(!/<script|https?:/.test(html), "the page stands alone");

  assert.ok(html.includes(made.hash));

  // The unit that runs takes the hash, signed by both, to the ledger; what is none of it stays where it is.
  const frames: MarketFrame[] = [];
  const take = (device = "unit-1") =>
    takeDropped(home, { device, add: (frame) => frames.push(frame) });
  assert.deepEqual([take("unit-2"), take(), take()], [false, true, false]);
  const opened = openFrame(frames[0]?.frame ?? new Uint8Array(0));
  assert.ok(opened.ok);
  const decoded = decodeMessage("commissioning", opened.frame.envelope.payload);
  assert.ok(decoded.ok && decoded.message.installer !== undefined);
  const { sheet: hash, installer: word, at: when } = decoded.message;
  assert.equal(Buffer.from(hash).toString("hex"), made.hash);
  assert.equal(when, status.time);
  const toSign = toBeSigned(hash, keyId(word.key), sheetDomain("demo"));
  assert.ok(verify(word.signature, toSign, word.key));
  for (const garbage of [Buffer.alloc(0), Buffer.alloc(5000), Buffer.from("no frame")]) {
    writeFileSync(at(dropName), garbage);
    assert.equal(take(), false);
  }
  for (const garbage of [Buffer.alloc(0), Buffer.from([0x82, 1, 2])]) {
    writeFileSync(at("proof"), garbage);
    const proven = { json: true, proof: at("proof") };
    assert.throws(() => commissionVerify(file, proven), failsWith("commission.proof"));
  }

  const signed = JSON.parse(text);
  const { installer } = signed;
  const changes: Readonly<Record<string, object>> = {
    "a serial number": { sheet: { ...sheet, meters: [{ ...sheet.meters[0], serial: "2" }] } },
    "an open point": { sheet: { ...sheet, open: ["x"] } },
    "the installer": { sheet: { ...sheet, installer: "Eve" } },
    "a signature": { unit: installer.signature },
    "the unit's key": { sheet: { ...sheet, unitKey: installer.key } },
    "the installer's key": { installer: { ...installer, key: sheet.unitKey } },
    "no signature": { unit: undefined },
    "no installer's signature": { installer: {} },
  };
  for (const [what, change] of Object.entries(changes)) {
    const copy = { ...signed, ...change };
    assert.throws(
      () => checkSheet(JSON.stringify(copy), verify),
      failsWith("commission.signature"),
      what,
    );
  }
  for (const garbage of [
    "",
    "null",
    "[]",
    '{"sheet":{}}',
    '{"sheet":{"form":"busbar-commissioning-1"}}',
  ]) {
    assert.throws(() => checkSheet(garbage, verify), failsWith("commission.sheet"), garbage);
  }
});

test("what cannot be tried now is said before anything is pulled out", async () => {
  const json = { config: at("edge.yaml"), json: true, minutes: "5" };
  const status = statusOfTest({ meters: [meterOf({ error: "no answer" })] });
  const attempt = (
    what: string,
    whose?: string,
    minutes = "5",
    seen: Status | undefined = status,
  ) => commissionTry(what, whose, { ...json, minutes }, around([seen]));
  await assert.rejects(attempt("adapter", "anna-grid"), failsWith("commission.silent"));
  await assert.rejects(attempt("adapter"), /whose adapter: anna-grid/);
  await assert.rejects(attempt("adapter", "other"), failsWith("usage.commission"));
  await assert.rejects(attempt("roof"), failsWith("usage.commission"));
  await assert.rejects(attempt("network", undefined, "0"), failsWith("usage.commission"));
  const stopped = around([undefined]);
  await assert.rejects(
    commissionDisplay(["anna-grid=1"], json, stopped),
    failsWith("commission.not-running"),
  );
});
