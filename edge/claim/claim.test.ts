import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  decodeMessage,
  encodeAnswer,
  Failure,
  labelIdOf,
  openFrame,
  topicsOf,
  utcMs,
} from "@busbar/protocol";
import { claimCodeText, claimKeys, newClaimCode, sealFiles } from "@busbar/protocol/claim";
import { nativeScrypt, publicKeyFromSeed } from "@busbar/protocol/node";
import { Aedes } from "aedes";
import { pino } from "pino";
import { testSigner } from "../../test/support/memory-registry.ts";
import { StandInLedger } from "../../test/support/stand-in-ledger.ts";
import type { LoadedConfig } from "../config/load.ts";
import { sha256 } from "../journal/hash.ts";
import { ClaimDoor } from "../status/claim-door.ts";
import { Counters } from "../status/counters.ts";
import { problemsOf } from "../status/problems.ts";
import { serveStatus } from "../status/server.ts";
import { statusOfTest } from "../status/test-support/status.ts";
import { pendingPath, sealedPath } from "./card.ts";
import type { ClaimStatus } from "./claim-status.ts";
import { Claiming } from "./claiming.ts";
import { ClaimDesk } from "./desk.ts";
import { readPending, writePending } from "./pending.ts";
import { takeCode } from "./take.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const code = newClaimCode(random);
const other = newClaimCode(random);
const until = utcMs(1_783_000_000_000);
const keys = await claimKeys(code, "demo", nativeScrypt);

/** A unit's folder with a sealed card in it. */
function homeWith(t: TestContext, device = "unit-1") {
  const home = mkdtempSync(join(tmpdir(), "busbar-claim-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const files = [{ name: "unit.key", content: new Uint8Array(Buffer.from("secret")) }];
  writeFileSync(sealedPath(home), sealFiles({ device, files, until }, keys.sealing, random));
  return {
    ...{ site: "demo", home, device: { id: "unit-1", key: join(home, "device.key") } },
    owner: { id: "anna", party: "user", name: "Anna", key: join(home, "owner.key") },
  } as const;
}

const hasCode = (wanted: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Failure, String(error));
  assert.equal(error.code, wanted);
  assert.match(error.message, words);
  return true;
};

test("the code opens the card, makes the keys, and what was sealed is gone", async (t) => {
  const unit = homeWith(t);
  const taken = await takeCode(claimCodeText(code).toLowerCase(), unit);
  const label = labelIdOf(publicKeyFromSeed(keys.seed));
  assert.deepEqual(taken, { label, files: ["unit.key"], until });
  assert.equal(readFileSync(join(unit.home, "unit.key"), "utf8"), "secret");
  for (const name of ["unit.key", "device.key", "owner.key", "claim.json"]) {
    assert.equal(statSync(join(unit.home, name)).mode & 0o077, 0, name);
  }
  assert.equal(existsSync(sealedPath(unit.home)), false);
  assert.deepEqual(readPending(unit.home), { seed: keys.seed, until });
  // Entered again, after a power cut or by another hand, it comes to the same keys.
  const key = readFileSync(unit.device.key);
  assert.equal((await takeCode(code, unit)).label, label);
  assert.ok(readFileSync(unit.device.key).equals(key));
  assert.ok(!readFileSync(pendingPath(unit.home), "utf8").includes(code));
});

test("a wrong code opens nothing and leaves everything as it was", async (t) => {
  const unit = homeWith(t);
  const before = readFileSync(sealedPath(unit.home), "utf8");
  const at = (site: string) => `http://unit-1.local:8080/claim#${claimCodeText(code)}@${site}`;
  const mistyped = code.replace(/^./, (char) => (char === "A" ? "B" : "A"));
  await assert.rejects(takeCode("", unit), hasCode("code.length", /16 letters and digits/));
  await assert.rejects(takeCode(mistyped, unit), hasCode("code.mistyped", /first group of four/));
  await assert.rejects(takeCode(at("elm"), unit), hasCode("claim.other-site", /site elm/));
  await assert.rejects(takeCode(other, unit), hasCode("sealed.key", /another unit's label/));
  const swapped = homeWith(t, "unit-2");
  const wrongCard = hasCode("claim.other-unit", /card is for unit unit-2, and this one is unit-1/);
  await assert.rejects(takeCode(code, swapped), wrongCard);
  assert.equal(readFileSync(sealedPath(unit.home), "utf8"), before);
  for (const name of ["claim.json", "unit.key", "device.key"]) {
    assert.equal(existsSync(join(unit.home, name)), false, name);
  }
  writeFileSync(sealedPath(unit.home), before.slice(0, 60));
  await assert.rejects(takeCode(code, unit), hasCode("sealed.form", /flash the card again/));
});

test("a damaged note of a claim is told, with what to do", (t) => {
  const { home } = homeWith(t);
  for (const text of ["", "{", "[]", '{"seed":"x"}', `{"seed":"${"A".repeat(43)}","until":-1}`]) {
    writeFileSync(pendingPath(home), text);
    assert.throws(() => readPending(home), hasCode("claim.pending", /enter the code/), text);
  }
  writePending(home, { seed: keys.seed, until: undefined });
  assert.deepEqual(readPending(home), { seed: keys.seed, until: undefined });
});

/** A broker that answers each claim as told, or lets nobody in. */
async function brokerOf(t: TestContext, answers: (frame: Uint8Array) => readonly Uint8Array[]) {
  const broker = await Aedes.createBroker();
  const seen: { letIn: boolean; logins: number } = { letIn: true, logins: 0 };
  const label = labelIdOf(publicKeyFromSeed(keys.seed));
  const topics = topicsOf("demo");
  broker.authenticate = (_, username, __, done) => {
    seen.logins += 1;
    if (seen.letIn && username === label) return done(null, true);
    done(Object.assign(new Error("stranger"), { returnCode: 4 }), false);
  };
  broker.on("publish", (packet) => {
    if (packet.topic !== topics.claims(label)) return;
    for (const payload of answers(new Uint8Array(packet.payload as Buffer))) {
      broker.publish(
        {
          ...{ cmd: "publish", topic: topics.claimReceipts(label), qos: 1, dup: false },
          ...{ retain: false, payload: Buffer.from(payload) },
        },
        () => {},
      );
    }
  });
  const server = createServer(broker.handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => new Promise((resolve) => broker.close(() => server.close(() => resolve(0)))));
  const { port } = server.address() as { port: number };
  return { seen, url: `mqtt://127.0.0.1:${port}` };
}

function claimingAt(
  t: TestContext,
  url: string,
  onTaken: (height: number) => void = () => assert.fail("nothing proves it"),
) {
  const { publicKey } = testSigner(1);
  const members = [{ id: "m1", key: publicKey, voting: true }];
  const membership = { chain: "demo", site: "demo", members, epoch: 0, since: 1, brokers: [] };
  const claiming = new Claiming({
    ...{ chain: "demo", membership, brokers: [{ url, allowPlainText: false }] },
    pending: { seed: keys.seed, until },
    claim: { device: { id: "unit-1", owner: "anna", key: testSigner(2).publicKey, meters: [] } },
    ...{ counters: new Counters(), log: pino({ enabled: false }) },
    onTaken,
    backOff: { msMin: 5, msMax: 10 },
  });
  claiming.start();
  t.after(() => claiming.stop());
  return claiming;
}

/** Waits for a state; the runner's own limit ends what never comes. */
async function reached<S>(of: { readonly status: S }, wanted: (status: S) => boolean): Promise<S> {
  while (!wanted(of.status)) await new Promise((resolve) => setTimeout(resolve, 5));
  return of.status;
}

const refusal = (frame: Uint8Array, refused: object) =>
  encodeAnswer({ kind: "refused", refused: { ref: sha256(frame), ...refused } as never });

test("what the ledger says no to stands on the page, with what to do; garbage is counted and passed over", async (t) => {
  const { url } = await brokerOf(t, (frame) => [
    random(30),
    refusal(random(10), { code: "claim.used", message: "of another frame" }),
    refusal(frame, { code: "claim.expired", message: "the label counted before 5" }),
  ]);
  const claiming = claimingAt(t, url);
  const status = await reached(claiming, ({ state }) => state === "refused");
  assert.ok(status.state === "refused" && status.code === "claim.expired");
  const [problem] = problemsOf(statusOfTest({ claim: status }));
  assert.match(problem?.message ?? "", /the label counted before 5 \[claim\.expired\]/);
  assert.match(problem?.remedy ?? "", /busbar-aggregator site labels/);
});

test("a label that was given once more is claimed by the version that the ledger says", async (t) => {
  const versions: number[] = [];
  const { url } = await brokerOf(t, (frame) => {
    const opened = openFrame(frame);
    assert.ok(opened.ok && opened.frame.kind === "claim");
    const decoded = decodeMessage("claim", opened.frame.envelope.payload);
    assert.ok(decoded.ok);
    versions.push(decoded.message.version);
    const code = decoded.message.version === 3 ? "tx.exists" : "claim.version";
    return [refusal(frame, { code, message: `is at 3`, expected: 3 })];
  });
  const claiming = claimingAt(t, url);
  const isAnswered = (status: ClaimStatus) =>
    versions.length === 2 && status.state === "asking" && status.problem === "is at 3";
  await reached(claiming, isAnswered);
  assert.deepEqual(versions, [1, 3]);
});

test("a receipt that members did not sign, or for another claim, ends nothing; theirs does", async (t) => {
  const [liar, member] = [testSigner(9), testSigner(1)].map(
    (signer) => new StandInLedger("demo", signer),
  );
  assert.ok(liar !== undefined && member !== undefined);
  const { promise, resolve } = Promise.withResolvers<number>();
  const { url } = await brokerOf(t, (frame) => [
    encodeAnswer({ kind: "receipt", receipt: liar.receiptOf(frame) }),
    encodeAnswer({ kind: "receipt", receipt: member.receiptOf(random(99)) }),
    encodeAnswer({ kind: "receipt", receipt: member.receiptOf(frame) }),
  ]);
  let taken = 0;
  const claiming = claimingAt(t, url, (height) => {
    taken += 1;
    resolve(height);
  });
  const height = await promise;
  const label = labelIdOf(publicKeyFromSeed(keys.seed));
  assert.deepEqual(claiming.status, { state: "admitted", label, height });
  assert.equal(taken, 1);
});

test("a label that no broker knows is told apart from a broker that is away", async (t) => {
  const { seen, url } = await brokerOf(t, () => []);
  seen.letIn = false;
  const status = await reached(claimingAt(t, url), ({ state }) => state === "refused");
  assert.ok(status.state === "refused" && status.code === "tx.key-unknown");
  assert.match(
    status.message,
    /another site's, was forgotten .*, its sheet was never handed in, or the unit's clock/,
  );
  const away = claimingAt(t, "mqtt://127.0.0.1:1");
  const waits = await reached(
    away,
    (now) => now.state === "asking" && now.problem !== "no broker was reached yet",
  );
  const [problem] = problemsOf(statusOfTest({ claim: waits }));
  assert.match(problem?.message ?? "", /counts until 2026-07-\d\d .* by the ledger's clock/);
  assert.match(problem?.remedy ?? "", /nothing, where the network is still to come/);
});

test("the code that was entered last is asked with, and what is of no use any more is shredded", async (t) => {
  const { seen, url } = await brokerOf(t, () => []);
  const unit = homeWith(t);
  await takeCode(code, unit);
  const old = keys.seed;
  const next = await claimKeys(other, "demo", nativeScrypt);
  writePending(unit.home, { seed: next.seed, until: undefined });
  let isKnown = false;
  const { publicKey } = testSigner(1);
  const members = [{ id: "m1", key: publicKey, voting: true }];
  const membership = { chain: "demo", site: "demo", members, epoch: 0, since: 1, brokers: [] };
  const config = { ...unit, meters: [], brokers: [{ url, allowPlainText: false }] };
  const desk = new ClaimDesk({
    config: config as unknown as LoadedConfig,
    ...{ counters: new Counters(), log: pino({ enabled: false }), lookMs: 5 },
    ...{ membership: () => membership, isKnown: () => isKnown },
  });
  desk.start();
  t.after(() => desk.stop());
  // Nobody knows that label; then the right one's code is entered.
  const stranger = await reached(desk, (now) => now?.state === "refused");
  assert.ok(stranger?.state === "refused" && /the unit's clock is off/.test(stranger.message));
  writePending(unit.home, { seed: old, until });
  const asks = labelIdOf(publicKeyFromSeed(old));
  await reached(desk, (now) => now?.state === "asking" && now.label === asks);
  while (seen.logins < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  isKnown = true;
  while (existsSync(pendingPath(unit.home))) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(desk.status, undefined);
});

async function post(port: number, body: string, headers: Record<string, string> = {}) {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  const lines = Object.entries({ Host: "unit", "Content-Length": `${body.length}`, ...headers });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`POST /claim HTTP/1.1\r\n${head}Connection: close\r\n\r\n${body}`);
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  await once(socket, "close");
  return { status: Number(text.split(" ")[1]), text };
}

test("the unit's page takes a code, from itself alone, one at a time, and says what came of it", async (t) => {
  const entered: string[] = [];
  const claim = { state: "code" } as const;
  const server = await serveStatus(
    { host: "127.0.0.1", port: 0 },
    () => statusOfTest({ claim }),
    async (text) => {
      entered.push(text);
      throw new Failure("code.length", "expected 16 <letters>", { retry: "never" });
    },
  );
  t.after(() => server.close());
  const page = await (await fetch(`http://127.0.0.1:${server.port}/claim`)).text();
  assert.match(page, /<form method="post" action="\/claim"/);
  assert.match(page, /placeholder="XXXX-XXXX-XXXX-XXXX"/);
  const foreign = [{ Origin: "http://evil.example" }, { "Sec-Fetch-Site": "cross-site" }];
  for (const headers of foreign)
    assert.equal((await post(server.port, "code=1", headers)).status, 422);
  assert.deepEqual(entered, []);
  const { status, text } = await post(server.port, "code=ab%3C", { Origin: "http://unit" });
  assert.deepEqual([status, entered], [422, ["ab<"]]);
  assert.match(text, /role="alert">expected 16 &#60;letters&#62;/);
  assert.match((await post(server.port, "code=x")).text, /wait a few seconds/);
  assert.equal(entered.length, 1);
});

test("whatever is sent to the page's form, it answers in words", async () => {
  let now = 0;
  const entered: string[] = [];
  const door = new ClaimDoor(
    async (text) => {
      entered.push(text);
      return { files: [] };
    },
    () => now,
  );
  const send = async (body: string) => {
    now += 10_000;
    const chunks = [Buffer.from(body)];
    const request = Object.assign(chunks, { headers: { host: "unit" } });
    return door.enter(request as never);
  };
  for (const body of [
    "",
    "a=b",
    "code",
    "%",
    `code=${"x".repeat(2000)}`,
    "\0\r\n",
    "code=&code=2",
  ]) {
    const { message } = await send(body);
    assert.ok(message.length > 20, body);
  }
  assert.deepEqual(entered, ["", ""]);
  assert.ok((await send("code=7K3Q")).ok);
});
