import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { Application } from "../ledger/application.ts";
import { contractVersions } from "../ledger/contract/versions.ts";
import { firstContract } from "../ledger/genesis.ts";
import { rules } from "../ledger/rules/index.ts";
import { Chain, hour, slot } from "../ledger/rules/market/test-chain.ts";
import { termsOf } from "../ledger/rules/members/test-consortium.ts";
import { sha256 } from "../ledger/sha256.ts";
import { Store } from "../ledger/store.ts";
import { genesis, propose, record, verifyOnce } from "../ledger/test-ledger.ts";
import { frameOf, startTime } from "../ledger/test-site.ts";
import { contractToPropose, insistOnKnown } from "./contract.ts";
import { openMotionsOf } from "./motion-list.ts";
import { testHome } from "./test-home.ts";

const cli = join(import.meta.dirname, "../cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-contract-command-"));
after(() => rmSync(folder, { recursive: true }));

const future = { version: 2, hash: new Uint8Array(32).fill(2) };
const from = utcMs(slot + 4 * hour);
const motion = { nonce: new Uint8Array(16), member: "member-a", from, contract: future };
const frame = frameOf("member-a", "contract-motion", motion);

function busbar(...args: string[]) {
  return spawnSync(process.execPath, [cli, ...args], {
    encoding: "utf8",
    cwd: folder,
    timeout: 60_000,
  });
}

test("an unknown version that is coming is told by status and members, and ends the process at its slot", () => {
  const home = join(folder, "home");
  const { ledger, config } = testHome(home, 3);
  record(ledger, { minutes: 40, frames: [frame] });
  ledger.store.close();
  const [current] = contractVersions;
  assert.ok(current);
  for (const command of ["status", "members"]) {
    const told = busbar(command, "--config", config, "--json");
    assert.equal(told.status, 0, told.stderr);
    const { contract } = JSON.parse(told.stdout);
    const hash = Buffer.from(current.hash).toString("hex");
    assert.deepEqual(contract.current, { version: 1, hash, from: null, known: true });
    const coming = { version: 2, hash: "02".repeat(32), from: new Date(from).toISOString() };
    assert.deepEqual(contract.coming, [{ ...coming, known: false }]);
    const text = busbar(command, "--config", config).stdout;
    assert.match(text, /version 2 \(020202020202\) from 2026-06-01T05:00:00.000Z, UNKNOWN/);
  }

  const seed = Buffer.from(sha256(Buffer.from("test key of member-a"))).toString("base64url");
  writeFileSync(join(home, "member.key"), JSON.stringify({ seed, box: seed }), { mode: 0o600 });
  const asked = (version: string, ...more: string[]) =>
    busbar("propose", "contract", version, "--config", config, "--dry-run", ...more);
  const start = ["--from", new Date(from + hour).toISOString()];
  const back = asked("1", ...start);
  assert.deepEqual([back.status, back.stderr], [0, ""], "back to the version before, later on");
  const refused = [
    [asked("1", "--from", new Date(slot + 3 * hour).toISOString()), /contract\.same/],
    [asked("2", ...start), /propose\.contract/],
    [asked("1"), /propose\.usage/],
  ] as const;
  for (const [told, code] of refused) {
    assert.deepEqual([told.status, code.test(told.stderr)], [1, true], told.stderr);
  }
  const clock = { originWallMs: Date.now(), originSiteMs: from, speed: 1 };
  writeFileSync(join(home, "clock.json"), JSON.stringify(clock));
  const more = "clock: { kind: file, path: clock.json }\nbroker: { port: 0 }\n";
  appendFileSync(config, more);
  // The first block would open all slots up to that one.
  const ran = busbar("run", "--config", config);
  assert.equal(ran.status, 1, ran.stderr);
  assert.match(ran.stderr, /"level":60.*contract\.unknown-version.*upgrade it/);
  assert.doesNotMatch(ran.stderr, /\n\s+at /, "no stack: it is no mistake of the program");
});

test("a program that lacks the version in force does not start", () => {
  const store = new Store(":memory:");
  const first = new Application({ genesis, store, verify: verifyOnce });
  first.initChain();
  const ledger = { store, application: first };
  record(ledger, { minutes: 1, frames: [] });
  const open = (contracts: typeof contractVersions, at = store) =>
    new Application({ genesis, store: at, verify: verifyOnce, rules: { ...rules, contracts } });
  open([firstContract(), future]);
  const code = "contract.unknown-version";
  assert.throws(() => open([future]), { code, message: /this program has 2 \(.*upgrade it/ });
  assert.throws(() => open([{ ...firstContract(), hash: future.hash }]), { code });
  assert.throws(() => open([future], new Store(":memory:")).initChain(), { code });
  assert.ok(propose(ledger, { minutes: 2, frames: [] }));
});

test("a version is proposed by its number, with the hash that this program has", () => {
  assert.deepEqual(contractToPropose("1"), contractVersions[0]);
  for (const garbage of ["2", "0", "-1", "01", "1.0", "", "x", "1e0", " 1"]) {
    assert.throws(() => contractToPropose(garbage), { code: "propose.contract" }, garbage);
  }
  assert.deepEqual(contractToPropose("2", [future]), future);
});

test("nobody votes by mistake for a version that its own program lacks", () => {
  const members = ["member-a", "member-b"].map((id) => termsOf(id));
  const run = new Chain({ members });
  run.block(1);
  assert.deepEqual(run.block(11, frame), []);
  const [open] = openMotionsOf(run.state);
  assert.match(open?.what ?? "", /^contract version 2 \(020202020202\) from .*UNKNOWN/);
  const code = "vote.unknown-version";
  assert.throws(() => insistOnKnown(run.state, open?.id ?? ""), { code, message: /--against/ });
  insistOnKnown(run.state, open?.id ?? "", [future]);
  assert.ok(startTime < from);
});
