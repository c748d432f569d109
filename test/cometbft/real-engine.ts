/**
 * `npm run test:cometbft`: four aggregators behind four real CometBFT processes, with units that publish
 * throughout. What happens to them is over when the units got receipts meanwhile and the member has caught
 * up; at the end every reading stands once on each ledger, and all chains are equal block by block.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Cluster } from "../cluster/cluster.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { mishaps } from "../cluster/mishaps.ts";
import { seededRandom, until } from "../support/virtual-site.ts";
import { cometbftProgram } from "./engine-program.ts";

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

test("four members on CometBFT lose nothing and part nowhere while either process dies", {
  timeout: 900_000 + kills * 120_000,
}, async (t) => {
  t.diagnostic(`BUSBAR_SEED=${seed}`);
  const cluster = await Cluster.start({ cometbft: cometbftProgram() });
  after(() => cluster.end());
  const step = async (what: string, run: () => Promise<unknown>) => {
    const start = performance.now();
    await run();
    t.diagnostic(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  };
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
  await step("all agree", () => cluster.settle());
  const { height } = await cluster.audit();
  const taken = cluster.units.map((unit) => unit.taken);
  t.diagnostic(JSON.stringify({ height, taken }));
  assert.ok(taken.every((count) => count > 0));
});
