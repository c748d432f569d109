import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";
import type { BrokerConfig } from "../../edge/config/schema.ts";
import { certificateFileEnd } from "../../edge/doctor/machine.ts";
import { Authority, fingerprint, opensslMissing } from "../support/certificates.ts";
import { brokerMissing, ExternalBroker } from "../support/external-brokers.ts";
import { loginText } from "../support/login-token.ts";
import { codeOf, oneAttempt } from "../support/one-attempt.ts";
import { listening } from "../support/sockets.ts";
import { signers, site, testBroker } from "../support/test-broker.ts";
import { freePortBase, until } from "../support/virtual-site.ts";

const skip = opensslMissing || brokerMissing.mosquitto;
const folder = mkdtempSync(join(tmpdir(), "busbar-certificates-"));
const names = "DNS:localhost,IP:127.0.0.1";
let mosquitto: ExternalBroker;
let [authority, stranger]: Authority[] = [];
const port = { good: 0, expired: 0, elsewhere: 0, mutual: 0 };

before(async () => {
  if (skip !== false) return;
  authority = new Authority(folder, "ca");
  stranger = new Authority(folder, "stranger");
  const base = await freePortBase();
  const lines = Object.entries({
    good: authority.issue("good", { names }),
    expired: authority.issue("expired", { names, days: -1 }),
    elsewhere: authority.issue("elsewhere", { names: "DNS:broker.example" }),
    mutual: authority.issue("mutual", { names }),
  }).flatMap(([name, { cert, key }], i) => {
    port[name as keyof typeof port] = base + i;
    const own = [`listener ${base + i} 127.0.0.1`, `certfile ${cert}`, `keyfile ${key}`];
    if (name !== "mutual") return own;
    return [...own, `cafile ${authority?.ca}`, "require_certificate true"];
  });
  mosquitto = await ExternalBroker.start("mosquitto", join(folder, "mosquitto"), lines);
});

after(async () => {
  await mosquitto?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const at = (number: number, settings?: BrokerConfig["tls"]) => ({
  url: `mqtts://127.0.0.1:${number}`,
  ...(settings === undefined ? {} : { tls: settings }),
});

test("Mosquitto over TLS: in with the right authority; each wrong certificate has its own reason", {
  skip,
}, async () => {
  const { ca } = authority ?? assert.fail();
  assert.equal(await codeOf(at(port.good, { ca })), "up");
  assert.equal(await codeOf({ url: `mqtts://localhost:${port.good}`, tls: { ca } }), "up");
  const unknown = await oneAttempt(at(port.good));
  assert.ok(unknown !== "up");
  assert.equal(unknown.code, "link.ca");
  assert.match(unknown.message, /trusted here \([^;]+\)$/);
  assert.equal(await codeOf(at(port.good, { ca: stranger?.ca })), "link.ca");
  assert.equal(await codeOf(at(port.expired, { ca })), "link.certificate-expired");
  assert.equal(await codeOf(at(port.elsewhere, { ca })), "link.host-name");
  const named = { ca, serverName: "broker.example" };
  assert.equal(await codeOf(at(port.elsewhere, named)), "up");
  assert.equal(await codeOf(at(port.good, { ca: join(folder, "none.pem") })), "link.files");
  assert.equal(await codeOf(at(mosquitto.port, { ca })), "link.closed-tls");
  assert.equal(await codeOf({ url: `mqtt://127.0.0.1:${port.good}` }), "link.closed-plain");
});

test("Mosquitto that asks for a client certificate: in with it, a clear reason without it or with another", {
  skip,
}, async () => {
  const { ca } = authority ?? assert.fail();
  const own = authority?.issue("unit") ?? assert.fail();
  assert.equal(await codeOf(at(port.mutual, { ca, ...own })), "up");
  const outcome = await oneAttempt(at(port.mutual, { ca }));
  assert.ok(outcome !== "up");
  assert.equal(outcome.code, "link.client-certificate");
  assert.match(outcome.message, /certificate/);
  assert.match(outcome.remedy, /tls: \{ cert: unit\.pem, key: unit\.key \}/);
  const other = stranger?.issue("unit") ?? assert.fail();
  assert.equal(await codeOf(at(port.mutual, { ca, ...other })), "link.client-certificate");
  const late = authority?.issue("late", { days: -1 }) ?? assert.fail();
  assert.equal(await codeOf(at(port.mutual, { ca, ...late })), "link.client-certificate");
  const mixed = { ca, cert: own.cert, key: other.key };
  assert.equal(await codeOf(at(port.mutual, mixed)), "link.files");
});

test("a pinned fingerprint lets in one certificate, whoever signed it, and shows the sign-in to no other", {
  skip,
}, async () => {
  const cert = join(folder, "ca-good.pem");
  assert.equal(await codeOf(at(port.good, { fingerprint: fingerprint(cert) })), "up");
  const expired = fingerprint(join(folder, "ca-expired.pem"));
  assert.equal(await codeOf(at(port.expired, { fingerprint: expired })), "up");
  const outcome = await oneAttempt(at(port.good, { fingerprint: expired }));
  assert.ok(outcome !== "up");
  assert.equal(outcome.code, "link.fingerprint");
  assert.ok(outcome.message.includes(fingerprint(cert)), outcome.message);
  // With an authority beside it both have to be right.
  const both = { fingerprint: fingerprint(cert), ca: stranger?.ca };
  assert.equal(await codeOf(at(port.good, both)), "link.ca");

  let shown = 0;
  const { cert: certFile, key } = authority?.issue("impostor", { names }) ?? assert.fail();
  const impostor = tls.createServer({ cert: read(certFile), key: read(key) }, (socket) => {
    socket.on("data", (bytes: Buffer) => {
      shown += bytes.length;
    });
    socket.on("error", () => {});
  });
  const number = await listening(impostor);
  assert.equal(await codeOf(at(number, { fingerprint: expired })), "link.fingerprint");
  assert.equal(await codeOf(at(number)), "link.ca");
  impostor.close();
  assert.equal(shown, 0);
});

test("a certificate that is renewed on the disk is taken at the next attempt", {
  skip,
}, async () => {
  const ca = join(folder, "pinned.pem");
  copyFileSync(stranger?.ca ?? "", ca);
  assert.equal(await codeOf(at(port.good, { ca })), "link.ca");
  copyFileSync(authority?.ca ?? "", ca);
  assert.equal(await codeOf(at(port.good, { ca })), "up");
});

test("a file that holds no certificate is named, and not taken for an authority", {
  skip,
}, async () => {
  const ca = join(folder, "odd.pem");
  const own = authority?.issue("locked") ?? assert.fail();
  const der = new X509Certificate(read(own.cert)).raw;
  for (const bytes of ["", "garbage", der, read(own.key)]) {
    writeFileSync(ca, bytes);
    const outcome = await oneAttempt(at(port.good, { ca }));
    assert.ok(outcome !== "up");
    assert.equal(outcome.code, "link.files");
    assert.ok(outcome.message.includes(ca));
    await assert.rejects(testBroker({ tls: { certificate: own.cert, key: own.key, ca } }), {
      code: "broker.certificate",
    });
  }
  const { privateKey } = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  });
  writeFileSync(own.key, privateKey);
  const locked = await oneAttempt(at(port.mutual, { ca: authority?.ca, ...own }));
  assert.ok(locked !== "up");
  assert.equal(locked.code, "link.files");
  assert.match(locked.message, /without a passphrase/);
});

test("the end of a certificate in a file is read for the doctor", { skip }, () => {
  const { cert } = authority?.issue("dated", { days: 10 }) ?? assert.fail();
  const days = ((certificateFileEnd(cert) ?? 0) - Date.now()) / 86_400_000;
  assert.ok(days > 9.9 && days <= 10, `${days} days`);
});

test("TLS 1.1 is not spoken", { skip }, async () => {
  const { cert, key } = authority?.issue("old", { names }) ?? assert.fail();
  const server = tls.createServer({
    cert: read(cert),
    key: read(key),
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT:@SECLEVEL=0",
  });
  const number = await listening(server);
  assert.equal(await codeOf(at(number, { ca: authority?.ca })), "link.tls-version");
  server.close();
});

test("the aggregator's own broker over TLS: a login token, and a client certificate where it asks for one", {
  skip,
}, async (context) => {
  const { ca } = authority ?? assert.fail();
  const { cert: certificate, key } = authority?.issue("own", { names }) ?? assert.fail();
  const password = () => loginText({ identity: "d1", signer: signers.d1, chain: site });
  const open = await testBroker({ tls: { certificate, key } });
  context.after(() => open.stop());
  assert.equal(await codeOf(at(open.port, { ca }), { password }), "up");
  assert.equal(await codeOf(at(open.port, { ca })), "link.login");
  const mutual = await testBroker({ tls: { certificate, key, ca } });
  context.after(() => mutual.stop());
  const unit = authority?.issue("unit-2") ?? assert.fail();
  const other = stranger?.issue("unit-2") ?? assert.fail();
  assert.equal(await codeOf(at(mutual.port, { ca, ...unit }), { password }), "up");
  // Its alert may be overtaken by the end of the connection; both remedies name the certificate.
  for (const none of [{}, other]) {
    const code = await codeOf(at(mutual.port, { ca, ...none }), { password });
    assert.match(code, /^link\.(client-certificate|closed-tls)$/);
  }
  assert.equal(mutual.counters.of("guard.tls"), 2);
});

test("the aggregator's own broker takes a renewed certificate without a restart, and keeps the old one for a wrong one", {
  skip,
}, async (context) => {
  const { ca } = authority ?? assert.fail();
  const [certificate, key] = [join(folder, "live.pem"), join(folder, "live.key")];
  const put = (from: { readonly cert: string; readonly key: string }) => {
    copyFileSync(from.key, key);
    copyFileSync(from.cert, certificate);
  };
  put(authority?.issue("first", { names, days: -1 }) ?? assert.fail());
  const broker = await testBroker({ tls: { certificate, key }, tlsLookMs: 10 });
  context.after(() => broker.stop());
  const password = () => loginText({ identity: "d1", signer: signers.d1, chain: site });
  const code = () => codeOf(at(broker.port, { ca }), { password });
  assert.equal(await code(), "link.certificate-expired");
  put(authority?.issue("second", { names }) ?? assert.fail());
  await until("the new one is shown", async () => ((await code()) === "up" ? true : undefined));
  writeFileSync(certificate, "half of a certif");
  for (let attempt = 0; attempt < 5; attempt++) assert.equal(await code(), "up");
});

const read = (file: string) => readFileSync(file);
