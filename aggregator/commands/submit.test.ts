import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeAnswer, topicsOf } from "@busbar/protocol";
import { testSigner } from "../../test/support/memory-registry.ts";
import { program } from "../../test/support/programs.ts";
import { signers, site, testBroker } from "../../test/support/test-broker.ts";
import { admissionFrame } from "../../test/support/test-messages.ts";
import type { Broker, BrokerOptions } from "../broker/broker.ts";
import { submit } from "./submit.ts";

const frame = admissionFrame("m1", signers.m1);
const folder = mkdtempSync(join(tmpdir(), "busbar-submit-"));
after(() => rmSync(folder, { recursive: true }));

type Wish = {
  port: number;
  tls?: { certificate: string; key: string };
  signer?: typeof signers.m1;
};

function submission({ port, tls, signer = signers.m1 }: Wish) {
  const broker = { host: "0.0.0.0", port, allowPlainText: true, ...(tls && { tls }) };
  return { config: { site, member: "m1", broker }, signer, connectMs: 500, answerMs: 500 };
}

/** A broker that answers each transaction with a refusal of it, after one of something else. */
async function refusingBroker(options: Partial<BrokerOptions> = {}): Promise<Broker> {
  const broker: Broker = await testBroker({
    ...options,
    async ingest({ payload }) {
      const ref = new Uint8Array(createHash("sha256").update(payload).digest());
      for (const hash of [ref.map((byte) => byte ^ 1), ref]) {
        const refused = { ref: hash, code: "admission.rights", message: "not so" };
        const answer = encodeAnswer({ kind: "refused", refused });
        await broker.publish(topicsOf(site).memberReceipts("m1"), answer, { qos: 1 });
      }
    },
  });
  return broker;
}

test("a member's transaction is handed in and its own answer comes back", async () => {
  const broker = await refusingBroker();
  const answer = await submit(frame, submission(broker));
  const ref = new Uint8Array(createHash("sha256").update(frame).digest());
  const refused = { ref, code: "admission.rights", message: "not so" };
  assert.deepEqual(answer, { kind: "refused", refused });
  await broker.stop();
});

test("who is not the member is not let in, and is told where the reason stands", async () => {
  const broker = await refusingBroker();
  const stranger = submission({ port: broker.port, signer: testSigner(99) });
  await assert.rejects(submit(frame, stranger), {
    code: "submit.login",
    retry: "never",
    message: /does not let m1 in .*login\.\*/,
  });
  assert.equal(broker.counters.of("login.wrong-key"), 1);
  await broker.stop();
});

test("an aggregator that takes a frame and says nothing may have taken it", async () => {
  const broker = await testBroker();
  await assert.rejects(submit(frame, submission(broker)), {
    code: "submit.no-answer",
    retry: "later",
    message: /nothing came within 500 ms.*run this again/,
  });
  await broker.stop();
});

test("a broker that ends while it is waited for is no silent wait", async () => {
  const broker: Broker = await testBroker({
    ingest: () => {
      setImmediate(() => void broker.stop());
      return Promise.resolve();
    },
  });
  const patient = { ...submission(broker), answerMs: 60_000 };
  await assert.rejects(submit(frame, patient), { code: "submit.no-answer" });
});

test("nobody there, or somebody who is no broker, is told with the address", async () => {
  const sockets: Socket[] = [];
  const mute = createServer((socket) => void sockets.push(socket));
  mute.listen(0, "127.0.0.1");
  await once(mute, "listening");
  const address = mute.address();
  assert.ok(typeof address === "object" && address !== null);
  const { port } = address;
  const silent = { code: "submit.no-aggregator", retry: "later" } as const;
  await assert.rejects(submit(frame, submission({ port })), silent);
  for (const socket of sockets) socket.destroy();
  mute.close();
  await once(mute, "close");
  await assert.rejects(submit(frame, submission({ port })), {
    ...silent,
    message: new RegExp(`no aggregator answers at 127\\.0\\.0\\.1 port ${port} \\(.*ECONNREFUSED`),
  });
  await assert.rejects(submit(frame, submission({ port: 0 })), { code: "submit.port" });
});

const openssl = program("openssl", "openssl");

test("over TLS the broker is known by its own certificate and by no other", {
  skip: "skip" in openssl && openssl.skip,
}, async () => {
  const [own, other] = [certificate("own"), certificate("other")];
  const broker = await refusingBroker({ tls: own });
  const answer = await submit(frame, submission({ port: broker.port, tls: own }));
  assert.equal(answer.kind, "refused");
  await assert.rejects(submit(frame, submission({ port: broker.port, tls: other })), {
    code: "submit.no-aggregator",
  });
  const missing = { certificate: join(folder, "none.pem"), key: "" };
  await assert.rejects(submit(frame, submission({ port: broker.port, tls: missing })), {
    code: "submit.certificate",
  });
  await broker.stop();
});

/** A certificate for a name that nobody connects to. */
function certificate(name: string) {
  assert.ok("path" in openssl);
  const files = { key: join(folder, `${name}.key`), certificate: join(folder, `${name}.pem`) };
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const subject = ["-subj", "/CN=broker.example", "-days", "2"];
  const out = ["-keyout", files.key, "-out", files.certificate];
  execFileSync(openssl.path, ["req", "-x509", "-nodes", ...curve, ...subject, ...out], {
    stdio: "ignore",
  });
  return files;
}
