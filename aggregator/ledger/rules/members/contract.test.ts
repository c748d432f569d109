import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContractMotion, type Message, utcMs } from "@busbar/protocol";
import { contractOf, contractsOf, contractTable, insistOnContracts } from "../../contract/state.ts";
import { contractVersions } from "../../contract/versions.ts";
import { firstContract, genesisHash } from "../../genesis.ts";
import { frameOf, startTime, testGenesis } from "../../test-site.ts";
import { rules } from "../index.ts";
import { slots } from "../market/tables.ts";
import { Chain, hour, slot } from "../market/test-chain.ts";
import { termsOf } from "./test-consortium.ts";

const one = firstContract();
const two = { version: 2, hash: new Uint8Array(32).fill(2) };
const third = slot + 2 * hour;
/** The minute in which the third slot opens. */
const opening = (third - startTime) / 60_000 - 50;
/** A program that has both versions, and one that has only the second. */
const upgraded = { ...rules, contracts: [one, two] };
const newOnly = { ...rules, contracts: [two] };

const motionOf = (changes: Partial<ContractMotion> = {}): Message<"contract-motion"> => ({
  nonce: new Uint8Array(16),
  member: "member-a",
  from: utcMs(third),
  contract: two,
  ...changes,
});
const frame = (changes: Partial<ContractMotion> = {}, signer = "member-a") =>
  frameOf(signer, "contract-motion", motionOf(changes));

test("genesis puts version and hash of the contract on the chain, and its own hash names them", () => {
  const run = new Chain();
  assert.deepEqual(contractsOf(run.state), [{ ...one, from: 0 }]);
  const other = testGenesis({ contract: { ...one, hash: two.hash } });
  assert.notDeepEqual(genesisHash(other), genesisHash(testGenesis()));
});

test("each slot keeps the version it opened with, on both sides of a change", () => {
  const run = new Chain({}, upgraded);
  run.block(1);
  assert.deepEqual(run.block(11, frame()), []);
  const hash = Buffer.from(two.hash).toString("hex");
  const [decided] = run.of("contract-decided");
  assert.deepEqual(decided, { type: "contract-decided", from: third, version: 2, hash });
  for (let at = 12; at <= 250; at += 1) run.block(at);
  assert.ok(slots.get(run.state, String(third).padStart(15, "0")), "the third slot has opened");
  for (const at of [slot, third - hour]) assert.equal(contractOf(run.state, at).version, 1);
  for (const at of [third, third + hour]) {
    assert.deepEqual(contractOf(run.state, at), { ...two, from: third });
  }
});

test("a program without a version runs until a slot would open with it, and makes no block then", () => {
  const run = new Chain();
  run.block(1);
  assert.deepEqual(run.block(11, frame()), [], "the vote itself asks for no upgrade");
  for (let at = 12; at < opening; at += 1) run.block(at);
  const before = [...run.state.changes];
  const opens = () => run.block(opening);
  assert.throws(opens, { code: "contract.unknown-version", message: /version 2 .*upgrade it/ });
  assert.deepEqual([...run.state.changes], before, "nothing of the block is left");
  assert.equal(run.of("slot-opened").filter((event) => event.slot === third).length, 0);
});

test("a version of the same number with another hash is as unknown as none", () => {
  const run = new Chain({}, { ...rules, contracts: [one, { ...two, hash: one.hash }] });
  run.block(1);
  run.block(11, frame());
  for (let at = 12; at < opening; at += 1) run.block(at);
  assert.throws(() => run.block(opening), { code: "contract.unknown-version" });
});

test("a program that lacks the version of slots still worked on is refused, whatever comes later", () => {
  const run = new Chain({}, upgraded);
  run.block(1);
  run.block(11, frame());
  for (let at = 12; at <= opening; at += 1) run.block(at);
  const code = "contract.unknown-version";
  assert.throws(() => insistOnContracts(run.state, newOnly.contracts), { code });
  insistOnContracts(run.state, upgraded.contracts);
  // Two months on, no slot of the first version is left that anything could settle anew.
  for (const [start] of [...slots.scan(run.state)]) {
    if (Number(start) < third) slots.delete(run.state, start);
  }
  insistOnContracts(run.state, newOnly.contracts);
});

const refusals: readonly (readonly [string, Partial<ContractMotion>, string])[] = [
  ["in the middle of a slot", { from: utcMs(third + 1) }, "contract.slot"],
  ["for a slot that is open", { from: utcMs(slot) }, "contract.open"],
  ["that is in force", { contract: one }, "contract.same"],
  [
    "whose code is another one on the chain",
    { contract: { ...one, hash: two.hash } },
    "contract.exists-different",
  ],
  ["under another member's name", { member: "member-b" }, "motion.rights"],
];
for (const [name, changes, code] of refusals) {
  test(`a contract ${name} is refused: ${code}`, () => {
    const run = new Chain();
    run.block(11);
    assert.deepEqual(run.block(12, frame(changes)), [code]);
    assert.deepEqual(contractsOf(run.state), [{ ...one, from: 0 }]);
  });
}

test("nobody but a member with a vote moves another contract", () => {
  const run = new Chain();
  run.block(11);
  assert.deepEqual(run.block(12, frame({}, "user-a")), ["motion.rights"]);
});

test("a contract that is decided too late is void: open slots keep theirs", () => {
  const members = ["member-a", "member-b"].map((id) => termsOf(id));
  const run = new Chain({ members }, upgraded);
  run.block(1);
  run.block(11, frame());
  assert.deepEqual(run.block(12, frame({ nonce: new Uint8Array(16).fill(1) })), ["motion.open"]);
  assert.equal(contractTable.get(run.state, String(third).padStart(15, "0")), undefined);
  const motion = new Uint8Array(Buffer.from(run.of("motion-opened")[0]?.motion ?? "", "hex"));
  for (let at = 13; at <= opening; at += 1) run.block(at);
  const ballot = { motion, member: "member-b", accept: true };
  run.block(opening + 1, frameOf("member-b", "ballot", ballot));
  assert.equal(run.of("motion-decided")[0]?.outcome, "void");
  assert.equal(contractOf(run.state, third).version, 1);
});

test("a version once left can be gone back to, as the code it was", () => {
  const run = new Chain({}, upgraded);
  run.block(1);
  run.block(11, frame());
  const back = { from: utcMs(third + hour), contract: one };
  assert.deepEqual(run.block(12, frame({ ...back, contract: { ...one, hash: two.hash } })), [
    "contract.exists-different",
  ]);
  assert.deepEqual(run.block(13, frame(back)), []);
  assert.deepEqual(
    contractsOf(run.state).map(({ version }) => version),
    [1, 2, 1],
  );
  assert.ok(contractVersions.length >= 1);
});
