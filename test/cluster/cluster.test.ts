import assert from "node:assert/strict";
import { after, test } from "node:test";
import { seededRandom } from "../support/virtual-site.ts";
import { Cluster } from "./cluster.ts";
import { mishaps } from "./mishaps.ts";

/** Mishaps at random after the scripted ones; `npm run test:cluster` asks for many. */
const rounds = Number(process.env.BUSBAR_ROUNDS ?? 0);
const seed = Number(process.env.BUSBAR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const timeout = 900_000 + rounds * 300_000;

test("a consortium loses nothing and parts nowhere while its members fail, come and go", {
  timeout,
}, async (t) => {
  t.diagnostic(`BUSBAR_SEED=${seed}`);
  const cluster = await Cluster.start();
  after(() => cluster.end());
  const step = async (what: string, run: () => Promise<unknown>) => {
    const start = performance.now();
    await run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    t.diagnostic(`${what}: ${seconds} s, ${await cluster.view()}`);
  };
  await step("the first receipts", () => cluster.progress());

  const random = seededRandom(seed);
  const names = Object.keys(mishaps) as (keyof typeof mishaps)[];
  // Each once, to the leader, whom it costs most; then any of them to anybody.
  for (let round = 0; round < names.length + rounds; round++) {
    const leader = await cluster.leader();
    const anybody = cluster.members[Math.floor(random() * cluster.members.length)] ?? leader;
    const victim = round < names.length ? leader : anybody;
    const name = names[round] ?? names[Math.floor(random() * names.length)] ?? "kill";
    await step(`${name}: ${victim.id}`, async () => {
      await mishaps[name](cluster, victim);
      await cluster.caughtUp(victim);
    });
  }

  await step("a fifth member comes", async () => {
    await cluster.addMember();
    await cluster.progress();
  });
  await step("the second one is voted out: the fifth has its place", async () => {
    const [, second] = cluster.members;
    assert.ok(second !== undefined);
    await cluster.removeMember(second);
    await cluster.progress();
  });

  await step("all agree", () => cluster.settle());
  const { height } = await cluster.audit();
  const taken = cluster.units.map((unit) => unit.taken);
  const refusals = cluster.units.map((unit) => unit.refusals);
  t.diagnostic(JSON.stringify({ height, taken, refusals }));
  assert.ok(height > 20);
});
