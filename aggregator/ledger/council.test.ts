import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BlockHeader,
  councilTable,
  encodeHeader,
  type Signer,
  toBeSigned,
  utcMs,
  verifyCertificate,
  verifyStateProof,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Application } from "./application.ts";
import { councilAt, councilOf, firstCouncil, putCouncil } from "./council.ts";
import { proveState } from "./prove.ts";
import type { BlockRule } from "./rule.ts";
import { rules } from "./rules/index.ts";
import { Store } from "./store.ts";
import { chain, signerOfName, startTime, testGenesis } from "./test-site.ts";
import { verifyLedger } from "./verify.ts";

const key = (name: string) => signerOfName(name).publicKey;
const member = (id: string, voting = true) =>
  ({ id, key: key(id), voting, role: "company" }) as const;

/** At the end of block 2 another member takes the vote over, from block 3 on. */
const handOver: BlockRule = {
  name: "hand-over",
  due: () => false,
  run({ height, state }) {
    if (height !== 2) return;
    putCouncil(state, { epoch: 1, since: 3, voters: [{ id: "member-b", key: key("member-b") }] });
  },
};
const genesis = testGenesis({ members: [member("member-b", false), member("member-a")] });
const machine = { genesis, verify, rules: { ...rules, block: [handOver] } };

function open() {
  const store = new Store(":memory:");
  const application = new Application({ ...machine, store });
  application.initChain();
  const vote = ({ kid, sign }: Signer, header: BlockHeader) => ({
    kid,
    signature: sign(toBeSigned(encodeHeader(header), kid, { chain, kind: "block" })),
  });
  const record = (proposer: string) => {
    const time = utcMs(startTime + 60_000 * (application.info().height + 1));
    const { proposal } = application.prepareProposal({ time, proposer, view: 0, frames: [] });
    const allowed = application.processProposal(structuredClone(proposal));
    const finalized = application.finalizeBlock(proposal);
    const certificate = [vote(signerOfName(proposer), finalized.header)];
    return { allowed, finalized, commit: () => application.commit(certificate), certificate };
  };
  return { store, application, record };
}

test("the voters of each height follow from the state before it", () => {
  const { store, application, record } = open();
  assert.deepEqual(application.council(), firstCouncil(genesis.members));
  const first = record("member-a");
  assert.deepEqual([first.finalized.nextVoters, first.finalized.nextEpoch], [["member-a"], 0]);
  first.commit();
  const second = record("member-a");
  assert.deepEqual([second.finalized.nextVoters, second.finalized.nextEpoch], [["member-b"], 1]);
  second.commit();
  assert.deepEqual(application.council().voters, [{ id: "member-b", key: key("member-b") }]);

  const late = record("member-a");
  assert.equal(late.allowed.ok || late.allowed.code, "block.proposer");
  assert.throws(() => late.commit(), /good certificate/);
  const third = record("member-b");
  assert.deepEqual(third.allowed, { ok: true });
  third.commit();
  assert.equal(verifyLedger({ store, ...machine }).ok, true);

  for (const [height, voter] of [
    [1, "member-a"],
    [2, "member-a"],
    [3, "member-b"],
    [4, "member-b"],
  ] as const) {
    assert.deepEqual(
      councilAt(store.state, height).voters.map(({ id }) => id),
      [voter],
    );
    const block = store.header(height);
    if (block === undefined) continue;
    const membership = application.membershipAt(height);
    const checked = verifyCertificate(
      encodeHeader(block.header),
      block.certificate,
      membership,
      verify,
    );
    assert.ok(checked.ok, `block ${height}`);
  }
  assert.notDeepEqual(
    store.header(2)?.header.validatorsHash,
    store.header(3)?.header.validatorsHash,
  );
});

test("the last block of an epoch proves, by its own voters, who comes after them", () => {
  const { store, application, record } = open();
  record("member-a").commit();
  record("member-a").commit();
  const proof = proveState(application, store, `${councilTable}/1`);
  assert.ok(proof?.value !== undefined);
  const checked = verifyStateProof(proof, application.membershipAt(2), verify);
  assert.ok(checked.ok);
  assert.deepEqual(checked.signers, ["member-a"]);
});

test("a chain that an older program began is refused with a reason, and stays as it was", () => {
  const { store, record } = open();
  record("member-a").commit();
  const gone = new Map(["council/current", "council/0"].map((name) => [name, undefined]));
  store.state.write(gone);
  store.state.written(gone);
  assert.throws(
    () => new Application({ ...machine, store }),
    (error: Error & { code?: string }) =>
      error.code === "store.older-rules" && /older program/.test(error.message),
  );
  const verified = verifyLedger({ store, ...machine });
  assert.equal(verified.ok || verified.code, "verify.older-rules");
  assert.equal(store.height, 1);
});

test("members that vote are sorted by id, whatever the order of the genesis", () => {
  const { store } = open();
  assert.deepEqual(councilOf(store.state).voters, [{ id: "member-a", key: key("member-a") }]);
  const two = firstCouncil([member("b"), member("c", false), member("a")]);
  assert.deepEqual(
    two.voters.map(({ id }) => id),
    ["a", "b"],
  );
});
