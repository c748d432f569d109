import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { topicsOf } from "@busbar/protocol";
import { loginText } from "../../test/support/login-token.ts";
import { program } from "../../test/support/programs.ts";
import { signers, site, testBroker } from "../../test/support/test-broker.ts";
import type { Arrival } from "../ingest/ingest.ts";
import type { Broker } from "./broker.ts";

const topics = topicsOf(site);
const [sub, pub] = ["mosquitto_sub", "mosquitto_pub"].map((name) =>
  program(name, "mosquitto-clients"),
);
const skip = (sub && "skip" in sub && sub.skip) || (pub && "skip" in pub && pub.skip) || false;
let broker: Broker;
const arrivals: Arrival[] = [];

before(async () => {
  broker = await testBroker({
    ingest: (arrival) => {
      arrivals.push(arrival);
      return Promise.resolve();
    },
  });
});
after(() => broker.stop());

/** Runs one of the two programs to its end, logged in as an identity with a label of its own. */
async function run(
  tool: typeof sub,
  who: keyof typeof signers,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  assert.ok(tool !== undefined && "path" in tool);
  const client = `${who}:${tool.path.endsWith("sub") ? "sub" : "pub"}`;
  const password = loginText({ identity: who, client, signer: signers[who], chain: site });
  const login = [
    "-h",
    "127.0.0.1",
    "-p",
    `${broker.port}`,
    "-i",
    client,
    "-u",
    who,
    "-P",
    password,
  ];
  const child = spawn(tool.path, [...login, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}

test("mosquitto_pub publishes a device's state, mosquitto_sub hears it as its owner", {
  skip,
}, async () => {
  const state = topics.state("d1");
  const published = await run(pub, "d1", ["-t", state, "-m", "born", "-r", "-q", "1"]);
  assert.deepEqual(published, { code: 0, out: "", err: "" });
  const heard = await run(sub, "o1", ["-t", state, "-C", "1", "-W", "10"]);
  assert.deepEqual(heard, { code: 0, out: "born\n", err: "" });
});

test("mosquitto_pub hands a batch to ingest byte by byte", { skip }, async () => {
  const published = await run(pub, "d1", ["-t", topics.readings("d1"), "-m", "batch", "-q", "1"]);
  assert.equal(published.code, 0);
  assert.equal(Buffer.from(arrivals.at(-1)?.payload ?? []).toString(), "batch");
});

test("mosquitto_sub is denied what its identity may not hear", { skip }, async () => {
  for (const filter of ["#", "$SYS/#", "$share/g/#", topics.state("d2"), topics.notices("o2")]) {
    const denied = await run(sub, "o1", ["-t", filter, "-C", "1", "-W", "10"]);
    assert.match(denied.err, /denied/i, filter);
    assert.equal(denied.out, "");
  }
});

test("mosquitto_pub on another device's topic is cut off before anything is taken in", {
  skip,
}, async () => {
  const before = arrivals.length;
  const refused = await run(pub, "d2", ["-t", topics.readings("d1"), "-m", "batch", "-q", "1"]);
  assert.notEqual(refused.code, 0);
  assert.equal(arrivals.length, before);
  assert.ok(broker.counters.of("rights.publish") > 0);
});

test("mosquitto_sub with another one's token is refused", { skip }, async () => {
  assert.ok(sub !== undefined && "path" in sub);
  const password = loginText({ identity: "d1", client: "d1", signer: signers.d1, chain: site });
  const login = ["-h", "127.0.0.1", "-p", `${broker.port}`, "-i", "o1", "-u", "o1", "-P", password];
  const child = spawn(sub.path, [...login, "-t", topics.prices], { stdio: "ignore" });
  const [code] = (await once(child, "close")) as [number];
  assert.notEqual(code, 0);
  assert.equal(broker.counters.of("login.wrong-key"), 1);
});
