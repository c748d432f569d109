/**
 * `npm run test:brokers`: an aggregator with two workers and three units behind each broker of
 * Debian's packages, all of them killed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../support/virtual-site.ts";
import { missing } from "./programs.ts";
import { trespasses, untilSignedIn } from "./rights.ts";
import { type Doctor, OutsideScene, startMeters, type UnitName, unitNames } from "./scene.ts";
import { type BrokerKind, brokerKinds } from "./servers.ts";

const kills = Number(process.env.BUSBAR_KILLS ?? 8);
const seed = Number(process.env.BUSBAR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const asked = process.env.BUSBAR_BROKERS?.split(",");
const pauseMsMax = 2_500;
const workers = ["w1", "w2"] as const;

/** What the doctor is to choose for each, by what it sees. */
const choices: Readonly<Record<BrokerKind, readonly [mode: string, session: string]>> = {
  mosquitto: ["topics", "persistent"],
  nats: ["wildcard", "persistent"],
  "nats-cluster": ["wildcard", "persistent"],
  rabbitmq: ["wildcard", "persistent"],
};

const lacking = missing();
test("the brokers are on this machine", () => assert.equal(lacking, undefined, lacking));

for (const kind of lacking === undefined ? brokerKinds : []) {
  if (asked !== undefined && !asked.includes(kind)) continue;
  test(`${kind}: seen, guarded, shared by workers, and nothing lost or doubled under kills`, {
    timeout: 600_000 + kills * 60_000,
  }, async (t) => {
    const scene = await OutsideScene.open(kind);
    t.after(() => scene.end());
    await untilSignedIn(scene);
    let found: Doctor | undefined;
    await t.test("the doctor sees what it does, also after kill -9", async (sub) => {
      const doctor = await scene.doctor();
      for (const { check, state, saw } of doctor.rows) sub.diagnostic(`${state} ${check}: ${saw}`);
      sub.diagnostic(`${doctor.choice.mode}: ${doctor.choice.why.join("; ")}`);
      assert.ok(doctor.ok, doctor.choice.why.join());
      assert.deepEqual([doctor.choice.mode, doctor.choice.session], choices[kind]);
      assert.ok(doctor.facts.killed !== undefined, "it was killed under the doctor's hands");
      found = doctor;
    });
    await t.test("no unit says or hears what is another's, and no stranger comes in", async () => {
      assert.deepEqual(await trespasses(scene), []);
    });
    const doctor = found;
    assert.ok(doctor !== undefined);
    scene.configure(doctor.choice, workers.length);
    await startMeters(scene);
    await scene.startAggregator();
    for (const name of unitNames) await scene.startUnit(name);
    await scene.shared(workers);
    await scene.moreOfEach();
    await t.test("a worker that is killed has its devices taken over", async (sub) => {
      const ms = await scene.takeover("w2", "w1");
      sub.diagnostic(`taken over ${ms} ms after kill -9`);
      await scene.moreOfEach();
      await scene.shared(workers);
    });
    await t.test("whatever is killed, no reading is lost and none is there twice", async (sub) => {
      sub.diagnostic(`BUSBAR_SEED=${seed}, killed ${await killAtRandom(scene)}`);
      await scene.moreOfEach();
      await scene.settle();
      const [taken, committed] = [scene.taken(), scene.committed()];
      sub.diagnostic(`${committed.size} readings`);
      assert.ok(taken.size > 0);
      assert.deepEqual([...committed.keys()].sort(), [...taken.keys()].sort());
      for (const [key, bytes] of taken) {
        assert.ok(Buffer.from(committed.get(key) ?? []).equals(bytes), `${key} differs`);
      }
    });
  });
}

/** Each of them once, then whom chance picks. */
async function killAtRandom(scene: OutsideScene): Promise<string> {
  const random = seededRandom(seed);
  const { broker } = scene;
  const nodes = Array.from({ length: broker.nodes }, (_, node) => `broker ${node}`);
  const victims = [...nodes, ...workers, "aggregator", ...unitNames];
  const killed: string[] = [];
  for (let n = 0; n < Math.max(kills, victims.length); n++) {
    const victim = victims[n] ?? victims[Math.floor(random() * victims.length)] ?? "w1";
    await sleep(random() * pauseMsMax);
    killed.push(victim);
    if (victim.startsWith("broker ")) {
      const node = Number(victim.split(" ")[1]);
      await broker.kill(node);
      await sleep(random() * pauseMsMax);
      await broker.start(node);
    } else if (victim === "aggregator") {
      await scene.killProcess(victim);
      await sleep(random() * pauseMsMax);
      await scene.startAggregator();
    } else if (isUnit(victim)) {
      await scene.killProcess(victim);
      await scene.startUnit(victim);
    } else {
      const pid = scene.workerPid(victim);
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        // It ended with the broker, and the next one is not there yet.
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
      }
    }
  }
  return killed.join(", ");
}

function isUnit(name: string): name is UnitName {
  return unitNames.some((unit) => unit === name);
}
