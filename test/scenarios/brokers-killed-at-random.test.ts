import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BrokerScene, type Victim } from "../support/broker-scene.ts";
import { brokerKinds, brokerMissing } from "../support/external-brokers.ts";
import { seededRandom } from "../support/virtual-site.ts";

/** `npm run test:kills` asks for more. */
const kills = Number(process.env.BUSBAR_KILLS ?? 5);
const pauseMsMax = 1_200;
const seed = Number(process.env.BUSBAR_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Each of the brokers alone, and two of them, between which a unit changes. */
const sites = [...brokerKinds.map((kind) => [kind] as const), ["mosquitto", "nats"] as const];

for (const kinds of sites) {
  test(`behind ${kinds.join(" and ")}, broker, unit and aggregator killed at random lose no reading and count none twice`, {
    timeout: 240_000 + kills * 20_000,
    skip: kinds.map((kind) => brokerMissing[kind]).find((missing) => missing !== false) ?? false,
  }, async (context) => {
    const random = seededRandom(seed);
    const scene = await BrokerScene.open(...kinds);
    context.after(() => scene.end());
    const victims: readonly Victim[] = [...kinds.keys(), "unit", "aggregator"];
    const killed = new Map<string, number>();
    for (let n = 0; n < kills; n++) {
      // Each of them once, then whom chance picks.
      const victim = victims[n] ?? victims[Math.floor(random() * victims.length)] ?? "unit";
      await sleep(random() * pauseMsMax);
      await scene.kill(victim);
      await sleep(random() * pauseMsMax * 0.25);
      await scene.start(victim);
      const name = typeof victim === "number" ? (kinds[victim] ?? "") : victim;
      killed.set(name, (killed.get(name) ?? 0) + 1);
    }
    await scene.settle();

    const verified = JSON.parse(await scene.edge("journal", "verify", "--json"));
    assert.deepEqual([verified.ok, verified.problems], [true, []], scene.log);
    assert.equal(verified.receipts, verified.batches);
    const [taken, committed] = [scene.taken(), scene.committed()];
    context.diagnostic(
      `BUSBAR_SEED=${seed}, killed ${JSON.stringify(Object.fromEntries(killed))}, ${committed.size} readings in ${verified.batches} batches`,
    );
    assert.ok(committed.size > 0);
    // One meter, so the order of the journal is the order in which they have to be committed.
    assert.deepEqual(
      [...committed.keys()],
      Array.from({ length: taken.size }, (_, i) => `anna-grid ${i + 1}`),
    );
    for (const [key, bytes] of taken) {
      assert.ok(Buffer.from(committed.get(key) ?? []).equals(bytes), `${key} differs`);
    }
  });
}
