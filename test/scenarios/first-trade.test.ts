import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { topicsOf } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { openNotice } from "@busbar/protocol/notice";
import mqtt from "mqtt";
import { parseDocument } from "yaml";
import { loginToken } from "../support/login-token.ts";
import { type Report, Scene, until } from "../support/virtual-site.ts";

const owner = "user-1";

const scene = await Scene.open();
after(() => scene.end());

test("from a cold start the first contract is signed, settled and told of by itself", async (t) => {
  const begun = performance.now();
  const since = () => ((performance.now() - begun) / 1000).toFixed(1);
  const site = scene.site("--hours", "2", "--json");
  for (const figure of ["contracts", "settledContracts"] as const) {
    await until(`the first of ${figure}`, async () => {
      assert.equal(site.process.exitCode, null, site.errors());
      const status = await scene.api<Record<typeof figure, number>>("status");
      return status !== undefined && status[figure] > 0 ? true : undefined;
    });
    t.diagnostic(`first of ${figure}: ${since()} s after the start`);
  }
  const { code, out, errors } = await site.ended;
  assert.equal(code, 0, `${out}${errors}`);
  const report = JSON.parse(out) as Report;
  t.diagnostic(out.trim());
  assert.equal(report.ok, true);
  assert.equal(report.members.length, 4);
  assert.equal(report.replay, "same", "four replayed ledgers, and none parts from another");
  assert.ok(report.settledTrades > 0);
  assert.equal(report.settledMoneySum, 0);
  assert.ok(
    report.bill.verified && report.bill.lines > 0,
    "a bill of the running site proves itself",
  );
  assert.ok(report.notices >= 4 * report.settledTrades, "both sides, at signing and at settlement");
});

test("an owner's webhook and its MQTT topic bring the same signed contract", async () => {
  const secret = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
  const receiver = await openReceiver(secret);
  addWebhook({ owner, url: receiver.url, secret });
  const site = scene.site();
  await scene.unitsConnected(site);
  const client = await connectAsOwner();
  const boxed: Notice[] = [];
  client.on("message", (_, payload) => boxed.push(open(payload)));
  await client.subscribeAsync(topicsOf("busbar-demo").notices(owner), { qos: 1 });

  const posted = await until("a contract is signed", () => {
    assert.equal(site.process.exitCode, null, site.errors());
    return receiver.notices.find(({ type }) => type === "contract-signed");
  });
  const told = await until("the same comes by MQTT", () =>
    boxed.find(({ id }) => id === posted.id),
  );
  assert.deepEqual(told, posted);
  assert.equal(posted.owner, owner);
  assert.match(posted.title, /^Bought \d+\.\d{3} kWh$/);
  assert.ok(receiver.notices.every((notice) => notice.owner === owner));

  await client.endAsync();
  site.process.kill("SIGINT");
  assert.equal((await site.ended).code, 0);
  await receiver.close();
});

type Notice = Readonly<Record<"id" | "owner" | "type" | "title" | "text", string>>;

/** A webhook's receiving end, as the Standard Webhooks specification asks for it. */
async function openReceiver(secret: string) {
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const notices: Notice[] = [];
  const faults: unknown[] = [];
  const server = createServer(async (request, response) => {
    const body = (await request.toArray()).join("");
    try {
      notices.push(checked(request, body, key));
    } catch (error) {
      faults.push(error);
    }
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    assert.deepEqual(faults, []);
  };
  return { url: `http://127.0.0.1:${port}/busbar`, notices, close };
}

function checked(request: IncomingMessage, body: string, key: Uint8Array): Notice {
  const header = (name: string) => String(request.headers[name]);
  const [id, at] = [header("webhook-id"), header("webhook-timestamp")];
  const mac = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64");
  assert.equal(header("webhook-signature"), `v1,${mac}`);
  assert.ok(Math.abs(Date.now() / 1000 - Number(at)) < 300, "the time of sending is real time");
  const notice = JSON.parse(body) as Notice;
  assert.equal(notice.id, id);
  return notice;
}

/** Between two runs, as an operator does it with an editor. */
function addWebhook(webhook: Readonly<Record<"owner" | "url" | "secret", string>>): void {
  const file = scene.file("aggregator", "member-1", "aggregator.yaml");
  const config = parseDocument(readFileSync(file, "utf8"));
  config.setIn(["notices", "webhooks"], [webhook]);
  writeFileSync(file, config.toString());
}

function ownerKey() {
  return readKeyFile(scene.file(`edge-${owner}`, "owner.key"));
}

function connectAsOwner() {
  const signer = signerOf(ownerKey());
  const password = loginToken({ identity: owner, signer, chain: "busbar-demo" });
  return mqtt.connectAsync(`mqtt://127.0.0.1:${scene.portBase + 2}`, {
    clientId: owner,
    username: owner,
    password: Buffer.from(password),
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
}

function open(payload: Uint8Array): Notice {
  const opened = openNotice(new Uint8Array(payload), ownerKey().box);
  assert.ok(opened.ok);
  return JSON.parse(new TextDecoder().decode(opened.plain)) as Notice;
}
