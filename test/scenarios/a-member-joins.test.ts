import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { verify } from "@busbar/protocol/node";
import { pino } from "pino";
import { init } from "../../aggregator/commands/init.ts";
import { type JoinOptions, join as joinConsortium } from "../../aggregator/commands/join.ts";
import { readMemberRequest } from "../../aggregator/commands/member-request.ts";
import { membersOf } from "../../aggregator/commands/members.ts";
import type { Told } from "../../aggregator/commands/transaction.ts";
import { admitMember, propose, vote } from "../../aggregator/commands/vote.ts";
import { loadConfig } from "../../aggregator/config/load.ts";
import { type Aggregator, startAggregator } from "../../aggregator/main.ts";

const cli = join(import.meta.dirname, "../../aggregator/cli.ts");
const folder = mkdtempSync(join(tmpdir(), "busbar-member-"));
const home = join(folder, "elm");
const config = join(home, "aggregator.yaml");
const wet = { config, dryRun: false };
const dry = { config, dryRun: true };
let aggregator: Aggregator | undefined;

after(async () => {
  await aggregator?.stop();
  rmSync(folder, { recursive: true });
});

const chainOf = (site: string, at: string, brokerPort: number) =>
  init({
    ...{
      site,
      home: at,
      members: 1,
      member: "founder",
      currency: "EUR",
      timeZone: "UTC0",
      time: Date.now(),
    },
    ...{ clock: undefined, brokerPort, portalPort: 0, linkPort: 7600 },
    ...{ operators: [], admit: [], dryRun: false },
  });

const joinAs = (member: string, changes: Partial<JoinOptions> = {}) =>
  joinConsortium({
    ...{ home: join(folder, member), genesis: join(home, "genesis.json"), member, role: "auditor" },
    ...{ vote: false, expires: undefined, certificate: undefined, address: undefined, peers: [] },
    ...{ broker: undefined },
    ...{
      clock: undefined,
      brokerPort: 0,
      portalPort: 0,
      linkPort: 7700,
      renew: false,
      dryRun: false,
    },
    ...changes,
  });
const requestOf = (id: string) => join(folder, id, "member-request.txt");
const stateOf = (id: string) => membersOf(config).members.find((member) => member.id === id)?.state;
const codeOf = ({ handed }: Told) => (handed.ok ? handed.result : handed.code);
const code = (expected: string) => (error: unknown) =>
  (error as { code?: string }).code === expected;

/** Runs the real command. */
function busbar(
  ...args: readonly string[]
): Promise<{ code: number; out: string; errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { encoding: "utf8" }, (error, out, errors) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out, errors }),
    );
  });
}

before(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  chainOf("elm", home, typeof address === "object" && address !== null ? address.port : 0);
});

test("join makes a key, a configuration and a request, once", () => {
  joinAs("auditor-1", { dryRun: true });
  assert.equal(existsSync(join(folder, "auditor-1")), false);
  const certificate = join(folder, "audit.pdf");
  writeFileSync(certificate, "audited");
  const peers = ["founder=127.0.0.1:7600"];
  const broker = "mqtts://auditor.example:8883";
  const made = joinAs("auditor-1", { certificate, address: "127.0.0.1:7700", broker, peers });
  assert.match(made.request, /^BUSBAR-MEMBER:[A-Z2-7]+$/);
  const settings = loadConfig(join(folder, "auditor-1", "aggregator.yaml"));
  assert.deepEqual(settings.consensus?.peers, [{ id: "founder", address: "127.0.0.1:7600" }]);
  assert.equal(settings.engine, "pbft");
  assert.throws(() => joinAs("auditor-1"), code("join.exists"));
  assert.throws(() => joinAs("founder"), code("join.member"));
  assert.throws(() => joinAs("other", { renew: true }), code("join.none"));
  assert.throws(() => joinAs("other", { peers: ["nowhere"] }), code("join.peer"));
  assert.throws(() => joinAs("other", { address: "no port" }), code("join.address"));
  assert.throws(() => joinAs("other", { broker: "broker.example" }), code("join.broker"));
  assert.throws(() => joinAs("other", { certificate: "missing" }), code("join.certificate"));
  assert.equal(existsSync(join(folder, "other")), false);
  for (const id of ["auditor-2", "auditor-3"]) joinAs(id);
});

test("without an aggregator nothing is handed in, and a later try may help", async () => {
  assert.equal(codeOf(await admitMember(requestOf("auditor-1"), dry)), "dry-run");
  const away = await busbar("admit", "--member", requestOf("auditor-1"), "--config", config);
  assert.deepEqual([away.code, /submit\.no-aggregator/.test(away.errors)], [3, true]);
});

test("a member is admitted by vote, listed, suspended and may renew its request", async () => {
  aggregator = await startAggregator(loadConfig(config), pino({ level: "silent" }));
  const { handed } = await admitMember(requestOf("auditor-1"), wet);
  assert.ok(handed.ok && handed.result === "taken", JSON.stringify(handed));
  const { pending, epoch, quorum } = membersOf(config);
  const from = handed.height + 2;
  assert.deepEqual(pending, [{ action: "admit", member: "auditor-1", from }]);
  assert.deepEqual([epoch, quorum], [0, 1]);

  // Another block brings it into force.
  assert.equal(codeOf(await admitMember(requestOf("auditor-2"), wet)), "taken");
  const auditor = membersOf(config).members.find(({ id }) => id === "auditor-1");
  assert.deepEqual(
    [auditor?.state, auditor?.role, auditor?.votes, auditor?.since, auditor?.credit],
    ["active", "auditor", false, from, 1000],
  );
  assert.equal(auditor?.address, "127.0.0.1:7700");
  const present = JSON.parse(readFileSync(join(home, "membership-now.json"), "utf8"));
  assert.deepEqual([present.epoch, present.since], [0, 1]);
  assert.deepEqual(
    present.members.map(({ id, voting }: { id: string; voting: boolean }) => [id, voting]),
    [
      ["founder", true],
      ["auditor-1", false],
    ],
  );
  assert.ok(present.brokers.includes("mqtts://auditor.example:8883"), present.brokers.join());
  assert.match(auditor?.certificate ?? "", /^[0-9a-f]{64}$/);
  assert.equal(codeOf(await admitMember(requestOf("auditor-1"), wet)), "exists");

  assert.equal(codeOf(await propose("reinstate", "auditor-1", wet)), "member.state");
  assert.equal(codeOf(await propose("crown", "auditor-1", wet)), "propose.usage");
  assert.equal(codeOf(await propose("suspend", "auditor-1", dry)), "dry-run");
  const reason = "its audit is contested";
  assert.equal(codeOf(await propose("suspend", "auditor-1", { ...wet, reason })), "taken");
  assert.equal(codeOf(await admitMember(requestOf("auditor-3"), wet)), "taken");
  assert.equal(stateOf("auditor-1"), "suspended");
  assert.equal(codeOf(await admitMember(requestOf("auditor-1"), dry)), "member.request-used");
  const { request } = joinAs("auditor-1", { renew: true });
  const { terms } = readMemberRequest(request, { chain: "elm", verify });
  assert.equal(terms.broker, "mqtts://auditor.example:8883", "kept, as nobody says otherwise");
  assert.equal(codeOf(await admitMember(requestOf("auditor-1"), dry)), "dry-run");
  assert.equal(codeOf(await vote("auditor-1", { ...wet, against: false })), "vote.none");
  const listed = await busbar("vote", "--config", config);
  assert.match(listed.out, /auditor-1 +auditor +suspended no vote/);
});

test("what is no request, or somebody else's, is said to be so", async () => {
  const word = readFileSync(requestOf("auditor-3"), "utf8").trim();
  const file = join(folder, "request.txt");
  chainOf("oak", join(folder, "oak"), 1883);
  joinAs("stranger", { genesis: join(folder, "oak", "genesis.json") });
  const foreign = readFileSync(requestOf("stranger"), "utf8");
  const bent = word.replace(/.{9}$/, (end) => (end.startsWith("A") ? "B" : "A") + end.slice(1));
  const codes: string[] = [];
  for (const text of ["", "nonsense", word.slice(0, -8), bent, foreign]) {
    writeFileSync(file, text);
    codes.push(codeOf(await admitMember(file, dry)));
  }
  const wrong = "request.copied-wrong";
  assert.deepEqual(codes, ["request.text", "request.text", wrong, wrong, "request.forged"]);
  assert.equal(codeOf(await admitMember(join(folder, "none"), dry)), "request.unreadable");
  const neither = await busbar("admit", "--config", config);
  assert.match(neither.errors, /admit\.usage/);
});
