/** A member that computes another result than the others: they go on, it stops, and all can see who. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { encodeHeader, type Failure, microPerKwh, toBeSigned, wh } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { Random } from "../../test/simulation/random.ts";
import { RealCluster } from "../../test/simulation/real-cluster.ts";
import { creditReports, creditScore, fullCredit } from "../ledger/credit.ts";
import type { BlockRule } from "../ledger/rule.ts";
import { type Rules, rules } from "../ledger/rules/index.ts";
import { stagesRule } from "../ledger/rules/market/stages.ts";
import { contracts } from "../ledger/rules/market/tables.ts";
import { mandate, quote } from "../ledger/rules/market/test-chain.ts";
import { signerOfName } from "../ledger/test-site.ts";
import { verifyLedger } from "../ledger/verify.ts";
import { encodeLinkMessage } from "./link-messages.ts";

/** The ledger's rules, but sellers get a millionth more. */
const changedClearing: BlockRule = {
  ...stagesRule,
  run(context, ...rest) {
    stagesRule.run(context, ...rest);
    for (const [id, terms] of [...contracts.scan(context.state)]) {
      contracts.set(context.state, id, { ...terms, price: microPerKwh(terms.price + 1) });
    }
  },
};
const changed: Rules = {
  ...rules,
  block: rules.block.map((rule) => (rule === stagesRule ? changedClearing : rule)),
};

const others = ["member-a", "member-b", "member-c"];

/** A cluster in which member-d runs the rules that `odd` says, and how it ended. */
function setup(t: TestContext) {
  const odd: { rules: Rules; ended: Failure | undefined } = { rules, ended: undefined };
  const cluster = new RealCluster({
    random: new Random(5),
    rulesOf: (id) => (id === "member-d" ? odd.rules : rules),
    onFailure: ({ id }, failure) => {
      assert.equal(id, "member-d", failure.message);
      odd.ended = failure;
    },
  });
  t.after(() => cluster.end());
  return { cluster, odd };
}

const messageOf = ({ ended }: { readonly ended: Failure | undefined }) => ended?.message ?? "";

/** Waits until something holds, or says how everybody stands. */
function until(cluster: RealCluster, holds: () => boolean, msMax = 60_000): void {
  assert.ok(cluster.until(holds, msMax), cluster.standing);
}

/** Lets two owners quote for the first slot (a site minute is a second here), up to the clearing. */
function trade(cluster: RealCluster): void {
  const to = cluster.member("member-a");
  const ask = { side: "ask", form: "solar", limit: microPerKwh(450_000) } as const;
  const quotes = [
    quote("company-a", 1, { ...ask, quantity: wh(800) }),
    quote("user-a", 2, { quantity: wh(1000) }),
  ];
  for (const owner of ["company-a", "user-a"]) to.submit(mandate(owner));
  cluster.live(15_000);
  for (const { seal } of quotes) to.submit(seal);
  cluster.live(27_000);
  for (const { open } of quotes) to.submit(open);
  const cleared = () =>
    others.every((id) => {
      const { store } = cluster.member(id).life;
      return [...contracts.scan(store.state)].length > 0;
    });
  until(cluster, cleared);
}

test("a member with a changed clearing is outvoted, says so, votes no more, and is named by the others", (t) => {
  const { cluster, odd } = setup(t);
  const member = cluster.member("member-d");
  member.crash();
  odd.rules = changed;
  member.start();
  trade(cluster);

  until(cluster, () => odd.ended !== undefined);
  assert.equal(odd.ended?.code, "consensus.outvoted");
  assert.match(messageOf(odd), /^this member disagrees about block \d+: .*differing: appHash/);
  const height = Number(/block (\d+)/.exec(messageOf(odd))?.[1]);

  // The others go on, at the price of the right rules, and put it on the ledger.
  const members = others.map((id) => cluster.member(id));
  for (let n = 0; n < 6; n += 1) cluster.read(n, members.slice(n % 3, (n % 3) + 1));
  const isNamed = () =>
    members.every(({ life }) => creditReports.get(life.store.state, "member-d") !== undefined);
  until(cluster, () => isNamed() && cluster.isQuiet);
  for (const { life } of members) {
    const { store } = life;
    const report = creditReports.get(store.state, "member-d");
    assert.deepEqual(report?.counts, [{ kind: "deviation", times: 1 }]);
    assert.match(report.entries[0]?.reason ?? "", new RegExp(`^block ${height} came to another`));
    assert.equal(creditScore(store.state, "member-d"), fullCredit - 100);
    for (const id of others) assert.equal(creditScore(store.state, id), fullCredit);
    assert.deepEqual(life.engine.status()?.deviating, [{ member: "member-d", height }]);
    assert.ok(verifyLedger({ store, genesis: cluster.genesis, verify }).ok);
  }

  // Started again as it is, it stops at the same block; with the right rules it follows all of them.
  let said = 0;
  cluster.onSend = (from) => {
    if (from === "member-d") said += 1;
  };
  odd.ended = undefined;
  member.start();
  until(cluster, () => odd.ended !== undefined);
  assert.match(messageOf(odd), new RegExp(`disagrees about block ${height}:`));
  const before = said;
  cluster.live(5_000);
  assert.equal(said, before, "who has ended says nothing");
  odd.rules = rules;
  cluster.said.computesAnew("member-d");
  member.start();
  until(cluster, () => member.height === cluster.member("member-a").height);
  const { store } = member.life;
  assert.ok(verifyLedger({ store, genesis: cluster.genesis, verify }).ok);
  assert.equal(creditScore(store.state, "member-d"), fullCredit - 100);
});

test("a signature over another header that comes late is noticed, a forged one is not", (t) => {
  const { cluster } = setup(t);
  const [first] = cluster.members;
  assert.ok(first);
  cluster.read(0, [first]);
  until(cluster, () => cluster.isQuiet && first.height > 0);
  const { header } = first.life.store.header(1) ?? {};
  assert.ok(header);
  const other = encodeHeader({ ...header, appHash: new Uint8Array(32) });
  const word = (from: string, signedBy: string) => {
    const signer = signerOfName(signedBy);
    const signed = toBeSigned(other, signer.kid, { chain: cluster.genesis.chain, kind: "block" });
    const body = { height: 1, header: other, from, signature: signer.sign(signed) };
    return encodeLinkMessage({ name: "block-vote", body });
  };
  first.hear("member-c", word("member-b", "member-c"));
  cluster.live(100);
  assert.deepEqual(first.life.engine.status()?.deviating, []);
  first.hear("member-c", word("member-c", "member-c"));
  cluster.live(100);
  assert.deepEqual(first.life.engine.status()?.deviating, [{ member: "member-c", height: 1 }]);
});

test("a block with other transactions than its header's is its sender's fault, not ours", (t) => {
  const { cluster, odd } = setup(t);
  const behind = cluster.member("member-d");
  behind.crash();
  for (let n = 0; n < 3; n += 1) cluster.read(n, [cluster.member("member-a")]);
  until(cluster, () => cluster.isQuiet);
  const { store } = cluster.member("member-a").life;
  const { header, certificate } = store.header(1) ?? {};
  assert.ok(header && certificate);
  behind.start();
  const body = { header: encodeHeader(header), certificate, frames: [Uint8Array.of(1)] };
  behind.hear("member-c", encodeLinkMessage({ name: "block", body }));
  until(cluster, () => cluster.isQuiet);
  assert.equal(odd.ended, undefined);
  assert.ok((behind.life.engine.status()?.counts["consensus.bad-block"] ?? 0) > 0);
});
