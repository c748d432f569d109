/**
 * Either process of a member is killed with SIGKILL at each of ABCI's calls, before the application heard it and after
 * it had answered: nothing is lost or doubled, all chains stay equal. Part of `npm run test:cometbft`.
 * `BUSBAR_CALLS`: some calls only, as `commit,info`.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Cluster } from "../cluster/cluster.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { cometbftProgram } from "./engine-program.ts";
import {
  betweenProgram,
  dropPlan,
  type Kill,
  killed,
  killedOf,
  killsAt,
  killsOf,
  notKilledAt,
  planKill,
} from "./kills.ts";
import { say } from "./progress.ts";

/** Calls of a member that takes part. */
const whileRunning = [
  "checkTx",
  "prepareProposal",
  "processProposal",
  "extendVote",
  "verifyVoteExtension",
  "finalizeBlock",
  "commit",
  "flush",
] as const;
/** Calls with which the two agree where they stand, when they start. */
const atStart = ["info", "initChain"] as const;
/** Calls of a newcomer that begins with a snapshot, and of those that have it. */
const byNewcomer = ["offerSnapshot", "applySnapshotChunk"] as const;
const byOthers = ["listSnapshots", "loadSnapshotChunk"] as const;
/** What CometBFT v0.38 calls on demand alone: a test of its connection, and what somebody asks its RPC. */
const onDemand = ["echo", "query"];

const only = process.env.BUSBAR_CALLS?.split(",");
const chosen = <V extends string>(verbs: readonly V[]) =>
  verbs.filter((verb) => only === undefined || only.includes(verb));

test("either process killed at any ABCI call, nothing is lost and all chains are equal", {
  timeout: 3_600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-any-call-"));
  const program = betweenProgram(folder, cometbftProgram());
  const cluster = await Cluster.start({ cometbft: program });
  after(async () => {
    await cluster.end();
    rmSync(folder, { recursive: true, force: true });
  });
  const happened: Kill[] = [];
  const happens = async (kill: Kill, member: MemberProcess, run: () => Promise<unknown>) => {
    const start = performance.now();
    await run();
    await cluster.caughtUp(member);
    happened.push(kill);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    say(`${kill.who} of ${member.id} at ${kill.verb}, ${kill.when}: ${seconds} s`);
  };
  /** Dies while it runs; the aggregator is started by hand, CometBFT by the aggregator. */
  const dies = async (kill: Kill, member: MemberProcess) => {
    planKill(member, kill);
    await killed(member, kill);
    if (kill.who === "aggregator") {
      await member.ended();
      await member.start();
    }
  };
  /** A newcomer begins with a snapshot, dies on the way, begins again; and one of those that have it dies, too. */
  const stateSync = async (
    newcomer: MemberProcess,
    kills: readonly { readonly own: Kill; readonly other: Kill | undefined }[],
  ) => {
    for (const [i, { own, other }] of kills.entries()) {
      planKill(newcomer, own);
      // All are asked for a list, one of them for a chunk.
      const asked = other?.verb === "listSnapshots" ? [founder(i)] : founders;
      if (other !== undefined) for (const member of asked) planKill(member, other);
      const start = performance.now();
      if (i === 0 || kills[i - 1]?.own.who === "aggregator") await newcomer.start();
      if (other !== undefined) {
        const victim = await killedOf(asked, other);
        for (const member of asked) dropPlan(member);
        if (other.who === "aggregator") {
          await victim.ended();
          await victim.start();
        }
        happened.push(other);
        say(`${other.who} of ${victim.id} at ${other.verb}, ${other.when}`);
      }
      await killed(newcomer, own);
      if (own.who === "aggregator") await newcomer.ended();
      happened.push(own);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      say(`${own.who} of the newcomer at ${own.verb}, ${own.when}: ${seconds} s`);
    }
    if (kills.at(-1)?.own.who === "aggregator") await newcomer.start();
    await cluster.caughtUp(newcomer);
  };
  const founders = cluster.members;
  const founder = (turn: number) => founders[turn % founders.length] as MemberProcess;
  await cluster.progress();

  for (const [i, kill] of chosen(whileRunning).flatMap(killsAt).entries()) {
    await happens(kill, founder(i), () => dies(kill, founder(i)));
  }
  for (const [i, kill] of chosen(atStart).flatMap(killsAt).entries()) {
    const member = founder(i);
    await happens(kill, member, async () => {
      await member.stop("SIGTERM");
      // CometBFT has the blocks still, and asks a ledger that has none to begin.
      if (kill.verb === "initChain") member.wipe();
      planKill(member, kill);
      await member.start().catch(() => {});
      await killed(member, kill);
      if (kill.who === "aggregator") {
        await member.ended();
        await member.start();
      }
    });
  }
  const [offered, applied] = byNewcomer.map((verb) => chosen([verb]).flatMap(killsAt));
  const [listed, loaded] = byOthers.map((verb) => chosen([verb]).flatMap(killsAt));
  // An offer that ends the newcomer asks for no chunk.
  const pairs = [
    ...(offered ?? []).map((own, i) => ({ own, other: listed?.[i] })),
    ...(applied ?? []).map((own, i) => ({ own, other: loaded?.[i] })),
  ];
  if (pairs.length > 0) {
    await cluster.addMember({
      stateSync: true,
      start: (newcomer) => stateSync(newcomer, pairs),
    });
  }
  await cluster.settle();
  const { height } = await cluster.audit();
  const found = cluster.members.flatMap(killsOf);
  const texts = found.map((kill) => JSON.stringify(kill));
  for (const kill of happened) assert.ok(texts.includes(JSON.stringify(kill)), kill.verb);
  assert.ok(found.length >= happened.length, "each was a kill at that call");
  const taken = cluster.units.map((unit) => unit.taken);
  say(JSON.stringify({ height, kills: found.length, taken }));
  if (only === undefined) assert.deepEqual(notKilledAt(found).sort(), onDemand);
});
