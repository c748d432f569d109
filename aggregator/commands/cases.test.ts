import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeMessage, utcMs, wh } from "@busbar/protocol";
import { Chain, hour, slot } from "../ledger/rules/market/test-chain.ts";
import { sha256 } from "../ledger/sha256.ts";
import { frameOf } from "../ledger/test-site.ts";
import { energy } from "./case-commands.ts";
import { casesOf, findCase } from "./case-list.ts";
import { caseLines, changeUnit, correct, correctionVersion, decide, object } from "./cases.ts";
import type { Told } from "./transaction.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-cases-"));
after(() => rmSync(folder, { recursive: true }));

const correction = {
  member: "member-a",
  meter: "user-a-meter",
  slot: utcMs(slot),
  version: 1,
  importWh: wh(1_250),
  exportWh: wh(0),
  reason: "meter-error",
  note: "its certificate had expired",
} as const;
const id = Buffer.from(sha256(encodeMessage("correction", correction))).toString("hex");

/** A ledger with one correction before its member. */
function withCase(): Chain {
  const run = new Chain();
  for (const minutes of [11, 41, 51, 121]) run.block(minutes);
  assert.deepEqual(run.block(122, frameOf("member-a", "correction", correction)), []);
  return run;
}

test("cases are listed with what they would do, whose they are and what they need", () => {
  const run = withCase();
  const [line, what, said] = caseLines(casesOf(run.state, { all: false }));
  assert.equal(line, `${id.slice(0, 12)}  open until 2026-06-08T02:02:00.000Z`);
  assert.match(what ?? "", /^ {2}member-a: correct user-a-meter to 1250 Wh drawn, 0 Wh given/);
  assert.match(what ?? "", /\(meter-error\): its certificate had expired, slot 2026-06-01T01:00/);
  assert.equal(said, "  uphold: nobody (1 needed); reject: nobody");
  const motion = new Uint8Array(Buffer.from(id, "hex"));
  const word = { member: "member-a", slot: utcMs(slot), motion, word: "uphold" } as const;
  assert.equal(correctionVersion(run.state, slot, "user-a-meter"), 1, "while the first is open");
  assert.deepEqual(run.block(123, frameOf("member-a", "ruling", word)), []);
  assert.equal(correctionVersion(run.state, slot, "user-a-meter"), 2);
  assert.equal(correctionVersion(run.state, slot + hour, "user-a-meter"), 1);
  assert.deepEqual(caseLines(casesOf(run.state, { all: false })), [
    "No case is before the members.",
  ]);
  assert.match(
    caseLines(casesOf(run.state, { all: true })).join("\n"),
    /upheld[\s\S]*uphold: member-a/,
  );
});

test("a case is found by eight digits or more, and by nothing less", () => {
  const { state } = withCase();
  assert.equal(findCase(state, id.slice(0, 8)).id, id);
  assert.equal(findCase(state, id.toUpperCase()).id, id);
  for (const which of ["", id.slice(0, 7), "00000000", "zzzzzzzz", `${id}0`]) {
    assert.throws(() => findCase(state, which), { code: "case.unknown" });
  }
});

test("energy is read from kWh without a float", () => {
  assert.deepEqual(
    ["1.25", "0", "0.001", "123456789.999"].map(energy),
    [1_250, 0, 1, 123_456_789_999],
  );
  for (const text of ["", "-1", "1,5", "1.2345", "1e3", "NaN", " 1", "0x10"]) {
    assert.throws(() => energy(text), /expected kWh/);
  }
});

test("the commands say on the ledger on disk what would come of them, and hand nothing in", async () => {
  const key = (n: number) => Buffer.alloc(32, n).toString("base64url");
  const request = {
    owner: { id: "house-7", party: "user", name: "House 7", key: key(1), boxKey: key(1) },
    device: {
      id: "unit-7",
      owner: "house-7",
      key: key(2),
      meters: [{ id: "house-7-net", role: "connection", feeder: "main" }],
    },
  };
  writeFileSync(join(folder, "request.json"), JSON.stringify(request));
  const busbar = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
      encoding: "utf8",
      cwd: folder,
    });
    return { status, text: stdout + stderr };
  };
  const made = busbar("init", "--site", "elm", "--home", "elm", "--admit", "request.json");
  assert.equal(made.status, 0, made.text);
  const config = join(folder, "elm/aggregator.yaml");
  const said = (result: { status: number | null; text: string }, status: number, text: RegExp) => {
    assert.equal(result.status, status, result.text);
    assert.match(result.text, text);
  };
  const common = ["--config", config, "--dry-run"];
  const suspend = ["unit", "suspend", "unit-7", "--reason", "stolen"];
  said(busbar(...suspend, ...common), 0, /would be taken: unit-7 is suspended/);
  const burn = ["unit", "burn", "unit-7", "--reason", "stolen"];
  said(busbar(...burn, ...common), 1, /Allowed choices are suspend, resume/);
  said(busbar("cases", "--config", config, "--json"), 0, /^\{"cases":\[\]\}/);

  const options = { config, dryRun: true };
  const code = ({ handed }: Told) => (handed.ok ? handed.result : handed.code);
  const cleared = { ...options, reason: "cleared" } as const;
  assert.equal(code(await changeUnit("resume", "unit-7", cleared)), "device.state");
  assert.equal(code(await changeUnit("suspend", "unit-8", cleared)), "device.unknown");
  const blame = { ...options, against: "seller", reason: "fraud" } as const;
  assert.equal(code(await object("000001780308000-0001", blame)), "objection.rights");
  const truth = { ...options, slot, importWh: 1_250, exportWh: 0, reason: "meter-error" } as const;
  assert.equal(code(await correct("house-7-net", truth)), "correction.slot");
  assert.equal(code(await correct("nowhere", truth)), "correction.meter-unknown");
  assert.equal(code(await decide("0123456789", "uphold", options)), "case.unknown");
});
