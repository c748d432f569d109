/**
 * `npm run test:cometbft`: four aggregators behind four real CometBFT processes, with units that publish
 * throughout. What happens to them is over when the units got receipts meanwhile and the member has caught
 * up; at the end every reading stands once on each ledger, and all chains are equal block by block.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { publicKeysOf, readKeyFile } from "@busbar/protocol/node";
import { addressOf } from "../../aggregator/consensus/cometbft/validators.ts";
import { Cluster } from "../cluster/cluster.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { mishaps } from "../cluster/mishaps.ts";
import { blockHashesByHeight } from "../support/stores.ts";
import { finish, programs, seededRandom, until } from "../support/virtual-site.ts";
import { comparedByPbft } from "./by-pbft.ts";
import { equivocationsOf, voteTwice } from "./double-vote.ts";
import { cometbftProgram } from "./engine-program.ts";
import { say, step } from "./progress.ts";
import { votersAt } from "./rpc-client.ts";

/** Kills at random instants of either process, after the scripted mishaps. */
const kills = Number(process.env.BUSBAR_ROUNDS ?? 8);
const seed = Number(process.env.BUSBAR_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Kills CometBFT beside a member, at any ABCI call that it may be in; the aggregator starts it anew. */
async function killEngine(cluster: Cluster, member: MemberProcess): Promise<void> {
  const pid = member.childPid();
  assert.ok(pid !== undefined, `${member.id} runs a CometBFT`);
  process.kill(pid, "SIGKILL");
  await cluster.progress();
  await until(`${member.id} has another CometBFT`, () => {
    const now = member.childPid();
    return (now !== undefined && now !== pid) || undefined;
  });
}

/** CometBFT's validators are the ledger's voters, each change two blocks behind the one that decided it. */
async function followsTheLedger(
  { members }: Cluster,
  { came, left }: { readonly came?: MemberProcess; readonly left?: MemberProcess },
): Promise<string> {
  const [first] = members;
  assert.ok(first !== undefined);
  const out = await finish(programs.aggregator, ["members", "--config", first.config, "--json"]);
  const { since } = JSON.parse(out) as { readonly since: number };
  const [before, now] = [await votersAt(first.rpc, since), await votersAt(first.rpc, since + 1)];
  const address = ({ key }: MemberProcess) => addressOf(publicKeysOf(readKeyFile(key)).key);
  assert.deepEqual(now, members.map(address).sort());
  assert.equal(came !== undefined && before.includes(address(came)), false);
  assert.equal(left === undefined || before.includes(address(left)), true);
  return `decided by block ${since - 1}, ${before.length} vote on ${since}, ${now.length} on ${since + 1}`;
}

test("four members on CometBFT lose nothing and part nowhere while either process dies", {
  timeout: 900_000 + kills * 120_000,
}, async () => {
  say(`BUSBAR_SEED=${seed}`);
  const cluster = await Cluster.start({ cometbft: cometbftProgram() });
  after(() => cluster.end());
  const happens = (what: string, member: MemberProcess, run: () => Promise<unknown>) =>
    step(`${what}: ${member.id}`, async () => {
      await run();
      await cluster.caughtUp(member);
    });
  await step("the first receipts", () => cluster.progress());
  const [first, second, third, fourth] = cluster.members;
  assert.ok(first && second && third && fourth);
  await happens("engine killed", first, () => killEngine(cluster, first));
  await happens("aggregator killed", second, () => mishaps.kill(cluster, second));
  await happens("paused", third, () => mishaps.pause(cluster, third));
  await happens("stop and go", fourth, () => mishaps["stop and go"](cluster, fourth));
  // CometBFT has the blocks still, and brings them before the ledger again from the first one on.
  await happens("ledger wiped", second, () => mishaps.wipe(cluster, second));
  const random = seededRandom(seed);
  for (let i = 0; i < kills; i += 1) {
    const member = cluster.members[Math.floor(random() * cluster.members.length)] ?? first;
    if (random() < 0.5) await happens("engine killed", member, () => killEngine(cluster, member));
    else await happens("aggregator killed", member, () => mishaps.kill(cluster, member));
  }
  await step("votes of a member that exclude each other come before the ledger", () =>
    voteTwice(fourth, first),
  );
  await step("a fifth member comes", async () => {
    const fifth = await cluster.addMember();
    await cluster.progress();
    await cluster.caughtUp(fifth);
    say(await followsTheLedger(cluster, { came: fifth }));
  });
  await step("the second one is voted out", async () => {
    await cluster.removeMember(second);
    await cluster.progress();
    say(await followsTheLedger(cluster, { left: second }));
  });
  await step("a sixth member comes, with a snapshot", async () => {
    const sixth = await cluster.addMember({ stateSync: true });
    await cluster.progress();
    await cluster.caughtUp(sixth);
    const heights = [...blockHashesByHeight(sixth.ledger).keys()];
    assert.ok(Math.min(...heights) > 1, "it has not fetched all blocks");
    say(`its first block is ${Math.min(...heights)} of ${Math.max(...heights)}`);
  });
  await step("all agree", () => cluster.settle());
  const { height } = await cluster.audit();
  for (const member of [first, third, fourth])
    assert.equal(await equivocationsOf(fourth, member), 1);
  const byPbft = comparedByPbft(first.ledger, join(dirname(first.config), "../genesis.json"));
  say(`the same headers and application hashes by PBFT: ${JSON.stringify(byPbft)}`);
  assert.equal(byPbft.blocks, height);
  const taken = cluster.units.map((unit) => unit.taken);
  say(JSON.stringify({ height, taken }));
  assert.ok(taken.every((count) => count > 0));
});
