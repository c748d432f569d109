/**
 * A consortium that runs on PBFT, with units that publish throughout, goes on with the real CometBFT: accounts,
 * chains of readings and proofs as they were. Part of `npm run test:cometbft`.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { Cluster } from "../cluster/cluster.ts";
import { setIn } from "../cluster/layout.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { mishaps } from "../cluster/mishaps.ts";
import { finish, programs, start, until } from "../support/virtual-site.ts";
import { cometbftProgram } from "./engine-program.ts";
import { say, step } from "./progress.ts";

/** Blocks between the decision and the last one of PBFT's: more than come about while no unit publishes. */
const blocksAhead = 60;

const folderOf = ({ config }: MemberProcess) => dirname(config);
const commandOf = (member: MemberProcess, ...args: readonly string[]) =>
  finish(programs.aggregator, [...args, "--config", member.config]);
const handOver = (member: MemberProcess, ...args: readonly string[]) =>
  commandOf(member, "hand-over", ...args, "--json");
const wordOf = (member: MemberProcess) => join(folderOf(member), `hand-over-${member.id}.json`);

/** What a command says that is to fail. */
async function refusalOf(member: MemberProcess, ...args: readonly string[]): Promise<string> {
  const { code, errors } = await start(programs.aggregator, [...args, "--config", member.config])
    .ended;
  assert.equal(code, 1, `${args.join(" ")} is refused`);
  return errors;
}

async function restart(member: MemberProcess): Promise<void> {
  await member.stop("SIGTERM");
  await member.start();
}

test("a consortium goes from PBFT to CometBFT with all that it has", {
  timeout: 1_200_000,
}, async () => {
  const cometbft = cometbftProgram();
  const cluster = await Cluster.start();
  after(() => cluster.end());
  const { members } = cluster;
  const [first, second, third, fourth] = members;
  assert.ok(first && second && third && fourth);
  await step("the first receipts on PBFT", () => cluster.progress());
  const proofs = ["reading", "state"].map((what) => join(folderOf(first), `${what}.cbor`));
  const prove = ([reading = "", state = ""]: readonly string[]) =>
    Promise.all([
      commandOf(first, "prove", "reading", "user-a-meter", "1", "--cbor", reading),
      commandOf(first, "prove", "state", "account/user-a", "--cbor", state),
    ]);
  /** While nothing happens the newest block has its certificate, or changed nothing. */
  const quietly = async (run: () => Promise<unknown>) => {
    for (const unit of cluster.units) unit.rest();
    await cluster.quiet();
    await run();
    for (const unit of cluster.units) unit.goOn();
  };
  await quietly(() => prove(proofs));
  assert.match(await refusalOf(first, "hand-over"), /hand-over\.until/);

  let last = 0;
  await step("PBFT comes to its last block, on all members", async () => {
    await quietly(async () => {
      last = ((await first.status())?.height ?? 0) + blocksAhead;
      for (const member of members) {
        setIn(member.config, ["consensus", "until"], last);
        await restart(member);
      }
    });
    for (const member of members) {
      await until(
        `${member.id} stands at ${last}`,
        async () => (await member.status())?.height === last || undefined,
        300_000,
      );
    }
  });
  await step("words, and what is refused", async () => {
    for (const member of members) await handOver(member);
    const [ours, others] = [wordOf(first), [second, third].map(wordOf)];
    assert.match(await refusalOf(first, "hand-over", ...others.slice(1)), /hand-over\.quorum/);
    const other = JSON.parse(readFileSync(wordOf(second), "utf8"));
    const forged = join(folderOf(first), "forged.json");
    writeFileSync(forged, JSON.stringify({ ...other, height: last + 1 }));
    assert.match(await refusalOf(first, "hand-over", ours, forged), /not signed by member-2/);
    setIn(first.config, ["consensus", "until"], last + 1);
    assert.match(await refusalOf(first, "hand-over", ours, ...others), /hand-over\.until/);
    assert.match(await refusalOf(first, "run"), /member\.handed-over/);
    setIn(first.config, ["consensus", "until"], last);
  });
  await step("the same block behind all, by CometBFT from here on", async () => {
    const words = members.map(wordOf);
    for (const member of members) {
      await handOver(member, ...words, "--dry-run");
      assert.equal(existsSync(join(folderOf(member), "cometbft", "config", "genesis.json")), false);
      await handOver(member, ...words, "--rpc-port", String(member.place.rpc));
      await member.stop("SIGTERM");
    }
    cluster.useCometbft(cometbft);
    const genesis = members.map((member) =>
      readFileSync(join(folderOf(member), "cometbft", "config", "genesis.json"), "utf8"),
    );
    assert.equal(new Set(genesis).size, 1, "one genesis for all");
    await Promise.all(members.map((member) => member.start()));
    await cluster.progress();
  });
  await step("a member killed, and one paused", async () => {
    await mishaps.kill(cluster, third);
    await cluster.caughtUp(third);
    await mishaps.pause(cluster, fourth);
    await cluster.caughtUp(fourth);
  });
  await step("there is no way back any more", async () => {
    assert.match(await refusalOf(second, "hand-over", "--withdraw"), /hand-over\.begun/);
  });
  await step("a fifth member comes by a snapshot", async () => {
    const fifth = await cluster.addMember({ stateSync: true });
    await cluster.progress();
    await cluster.caughtUp(fifth);
  });
  await step("proofs of before hold, and can be made anew", async () => {
    const again = proofs.map((file) => `${file}.again`);
    await quietly(() => prove(again));
    for (const file of [...proofs, ...again]) {
      const membership = join(folderOf(first), "../membership.json");
      await finish(programs.aggregator, ["verify-proof", file, "--membership", membership]);
    }
    const [before = "", now = ""] = [proofs[0], again[0]];
    assert.deepEqual(readFileSync(now), readFileSync(before), "the very receipt");
  });
  await step("all agree", () => cluster.settle());
  const { height } = await cluster.audit();
  const taken = cluster.units.map((unit) => unit.taken);
  say(JSON.stringify({ last, height, taken }));
  assert.ok(height > last + 10);
});
