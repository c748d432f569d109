import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { usualGates } from "./gates.ts";
import { genesisHash, readGenesis, whyNotParameters } from "./genesis.ts";
import { proofJson } from "./prove.ts";
import { signerOfName, testGenesis } from "./test-site.ts";
import { rememberingVerify } from "./verified.ts";

function write(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "busbar-genesis-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "genesis.json");
  writeFileSync(path, text);
  return path;
}

test("a genesis file reads as what was written, whatever its layout, and keeps its hash", (t) => {
  const genesis = testGenesis();
  const text = proofJson(genesis);
  const loose = JSON.stringify(JSON.parse(text), null, 7);
  for (const form of [text, loose]) {
    const read = readGenesis(write(t, form));
    assert.deepEqual(genesisHash(read), genesisHash(genesis));
  }
  const other = testGenesis({ currency: "CNY" });
  assert.notDeepEqual(genesisHash(other), genesisHash(genesis));
});

test("parameters that are left out take the defaults of the paper's experiment, and three scales", (t) => {
  const { parameters, ...rest } = JSON.parse(proofJson(testGenesis()));
  const gates = usualGates(60);
  assert.deepEqual(readGenesis(write(t, JSON.stringify(rest))).parameters, {
    ...parameters,
    gates,
  });
  assert.deepEqual(
    gates.map(({ scale }) => scale),
    ["day-ahead", "intraday", "real-time"],
  );
});

test("a genesis that makes no sense is refused with the line and the reason", (t) => {
  const plain = JSON.parse(proofJson(testGenesis()));
  const refused = (changes: object, reason: RegExp) => {
    const path = write(t, JSON.stringify({ ...plain, ...changes }, null, 2));
    assert.throws(() => readGenesis(path), reason);
  };
  refused({ members: [] }, /members/);
  refused({ members: [{ ...plain.members[0], voting: false }] }, /expected a voting member/);
  refused({ parameters: { slotMinutes: 7 } }, /expected a divisor of 60/);
  refused({ parameters: { timeZone: "Europe/Berlin" } }, /expected a POSIX TZ text/);
  refused({ ownerss: [] }, /owners/);
  for (const wrong of [{ version: 0 }, { version: 1.5 }, { hash: "" }, { hash: 7 }, { code: 1 }]) {
    refused({ contract: { ...plain.contract, ...wrong } }, /contract/);
  }
  refused({ contract: null }, /contract/);
  const band = [500_000, 500_000];
  const { bands } = plain.parameters;
  // Each of these would stop every member at the first slot.
  refused(
    { parameters: { weights: { company: 3, bureau: 3, user: 0 } } },
    /weights\.user.*1 … 100/,
  );
  refused({ parameters: { bands: { ...bands, company: band } } }, /band of company.*low < high/);
  refused({ parameters: { subsidyPermille: 900 } }, /band of bureau/);
  refused({ parameters: { feedIn: 690_000 } }, /feedIn: expected at most 675500/);
  const own = (changes: object) => ({
    parameters: { parties: [{ owner: "house-7", ...changes }] },
  });
  refused(own({ weight: 0 }), /weight.*1 … 100/);
  refused(own({ weight: 101 }), /weight.*1 … 100/);
  refused(own({ band }), /band of house-7 with low < high/);
  refused(own({ band: [1, 10_000_000] }), /both below 10000000, got \[1, 10000000\]/);
  refused(own({ weigth: 3 }), /weigth/);
  const twice = [{ owner: "house-7" }, { owner: "house-7" }];
  refused({ parameters: { parties: twice } }, /each owner once, got house-7 again/);
  refused({ parameters: { parties: [] } }, /parties/);
  const segment = { feeder: "north", fee: 20_000 };
  const grid = (...segments: object[]) => ({ parameters: { grid: segments } });
  refused(grid(), /grid/);
  refused(grid(segment), /expected a line to feeder feeder-1 of meter company-a-meter/);
  refused(grid({ ...segment, fee: -1 }), /fee/);
  refused(grid({ ...segment, capacity: 0.5 }), /capacity/);
  refused(grid({ ...segment, sentWh: 1 }), /sentWh/);
  refused(grid(segment, segment), /north stands in two segments/);
  refused(grid({ ...segment, parent: "west" }), /its parent west stands in no segment/);
  refused(grid({ ...segment, parent: "north" }), /north hangs on itself/);
  // These would pay somebody for nothing.
  refused({ parameters: { retail: 10_000_000 } }, /retail.*below 10000000, got 10000000/);
  refused({ parameters: { imbalancePermille: 19 } }, /imbalancePermille: expected at least 20/);
  refused({ parameters: { feedIn: -1_000_000_001 } }, /feedIn/);
  refused({ parameters: { feedIn: 0.5 } }, /feedIn/);
  refused({ parameters: { feedIn: -1, retail: -2 } }, /expected feedIn ≤ retail/);
  assert.throws(() => readGenesis("/nowhere/genesis.json"), { code: "genesis.missing" });
});

test("a community may pay for being rid of energy: bands and tariff below 0", (t) => {
  const plain = JSON.parse(proofJson(testGenesis()));
  const { bands } = plain.parameters;
  const parameters = {
    ...plain.parameters,
    bands: { ...bands, company: [-100_000, 300_000], bureau: [-300_000, -20_000] },
    feedIn: -1_000_000_000,
    // No subsidy is paid there, so none has to be kept from earning.
    imbalancePermille: 0,
    parties: [{ owner: "user-a", band: [-200_000, -100_000] }],
  };
  const genesis = readGenesis(write(t, JSON.stringify({ ...plain, parameters })));
  assert.deepEqual(genesis.parameters, parameters);
  assert.equal(whyNotParameters(genesis.parameters), undefined);
  assert.equal(genesisHash(genesis).length, 32);
});

test("a signature is checked once, and a bad one each time", () => {
  let checks = 0;
  const counted = rememberingVerify((...args) => {
    checks += 1;
    return verify(...args);
  });
  const signer = signerOfName("somebody");
  const message = Uint8Array.of(1, 2, 3);
  const signature = signer.sign(message);
  const bad = signature.slice();
  bad[0] = (bad[0] ?? 0) ^ 1;
  const good = () => counted(signature, message, signer.publicKey);
  assert.deepEqual([good(), good(), checks], [true, true, 1]);
  const wrong = () => counted(bad, message, signer.publicKey);
  assert.deepEqual([wrong(), wrong(), checks], [false, false, 3]);
  const own = signer.sign(bad);
  counted.remember?.(own, bad, signer.publicKey);
  assert.deepEqual([counted(own, bad, signer.publicKey), checks], [true, 3], "known to be good");
  assert.equal(counted(signature, Uint8Array.of(1, 2), signer.publicKey), false);
  assert.equal(counted(signature, message, signerOfName("another").publicKey), false);
  assert.equal(counted(signature.slice(0, 63), message, signer.publicKey), false);
});
