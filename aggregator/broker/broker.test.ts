import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Failure, topicsOf } from "@busbar/protocol";
import mqtt, { type IConnackPacket } from "mqtt";
import { deviceIdentity, testSigner } from "../../test/support/memory-registry.ts";
import { closed, connect, loginOptions, messages } from "../../test/support/mqtt-client.ts";
import { program } from "../../test/support/programs.ts";
import { registry, site, testBroker } from "../../test/support/test-broker.ts";
import type { Arrival } from "../ingest/ingest.ts";
import type { Broker } from "./broker.ts";

const topics = topicsOf(site);

describe("with mqtt.js", () => {
  let broker: Broker;
  const arrivals: Arrival[] = [];
  let answerIngest: () => Promise<void> = () => Promise.resolve();

  before(async () => {
    broker = await testBroker({
      ingest: (arrival) => {
        arrivals.push(arrival);
        return answerIngest();
      },
    });
  });
  after(() => broker.stop());

  test("a device logs in, and is refused without a token", async () => {
    const client = await connect(broker.port, "d1");
    assert.deepEqual(
      broker.clients().map(({ client: id, identity }) => [id, identity.kind]),
      [["d1", "device"]],
    );
    await client.endAsync();

    const refused = connect(broker.port, "d1", { password: "secret" });
    await assert.rejects(refused, /Bad username or password|Not authorized/i);
    assert.equal(broker.counters.of("login.malformed"), 1);
  });

  test("a newer connection of the same client id closes the older", async () => {
    const older = await connect(broker.port, "d1");
    const end = closed(older);
    const newer = await connect(broker.port, "d1");
    await end;
    assert.equal(broker.counters.of("login.replaced"), 1);
    assert.equal(broker.clients().length, 1);
    await newer.endAsync();
  });

  test("an identity holds no more connections than allowed", async () => {
    const labels = ["d2", "d2:a", "d2:b", "d2:c"];
    const held = await Promise.all(
      labels.map((clientId) => connect(broker.port, "d2", { clientId })),
    );
    await assert.rejects(connect(broker.port, "d2", { clientId: "d2:d" }), /Server unavailable/);
    await Promise.all(held.map((client) => client.endAsync()));
  });

  test("readings go to ingest, are acknowledged when it is done, and reach no subscriber", async () => {
    const listener = await connect(broker.port, "m1");
    await listener.subscribeAsync(`busbar/v1/${site}/#`, { qos: 1 });
    const heard = messages(listener, 1);
    const device = await connect(broker.port, "d1");
    let finish = (): void => undefined;
    const started = new Promise<void>((resolve) => {
      answerIngest = () => {
        resolve();
        return new Promise((done) => {
          finish = done;
        });
      };
    });
    let acknowledged = false;
    const publishing = device
      .publishAsync(topics.readings("d1"), Buffer.from("batch"), { qos: 1, retain: true })
      .then(() => {
        acknowledged = true;
      });
    await started;
    assert.equal(acknowledged, false);
    finish();
    await publishing;
    answerIngest = () => Promise.resolve();

    await device.publishAsync(topics.live("d1"), "{}", { qos: 1 });
    assert.deepEqual(
      (await heard).map(({ topic }) => topic),
      [topics.live("d1")],
    );
    const [arrival] = arrivals.splice(0);
    assert.equal(Buffer.from(arrival?.payload ?? []).toString(), "batch");
    assert.equal(arrival?.publisher.id, "d1");
    await Promise.all([device.endAsync(), listener.endAsync()]);
  });

  test("a retained message that others follow at once reaches who listens to all of them", async () => {
    const listener = await connect(broker.port, "m1");
    await listener.subscribeAsync(`busbar/v1/${site}/market/+`, { qos: 1 });
    const heard = messages(listener, 6);
    for (const round of ["1", "2"]) {
      void broker.publish(topics.prices, `price ${round}`, { retain: true, qos: 1 });
      void broker.publish(topics.trades, `trade ${round}a`, { qos: 1 });
      void broker.publish(topics.trades, `trade ${round}b`, { qos: 1 });
    }
    assert.deepEqual((await heard).map(({ payload }) => payload.toString()).sort(), [
      "price 1",
      "price 2",
      "trade 1a",
      "trade 1b",
      "trade 2a",
      "trade 2b",
    ]);
    const later = await connect(broker.port, "m1", { clientId: "m1:later" });
    const kept = messages(later, 1);
    await later.subscribeAsync(topics.prices, { qos: 1 });
    const [message] = await kept;
    assert.deepEqual([message?.payload.toString(), message?.retain], ["price 2", true]);
    await broker.publish(topics.prices, "", { retain: true });
    await Promise.all([listener.endAsync(), later.endAsync()]);
  });

  test("when the disk fails, nothing is acknowledged and the connection ends", async () => {
    answerIngest = () => Promise.reject(new Error("disk full"));
    const device = await connect(broker.port, "d1");
    const end = closed(device);
    let acknowledged = false;
    device.publish(topics.readings("d1"), "batch", { qos: 1 }, (error) => {
      acknowledged = error === undefined || error === null;
    });
    await end;
    assert.equal(acknowledged, false);
    answerIngest = () => Promise.resolve();
    await device.endAsync(true);
  });

  test("a publish without right ends the connection", async () => {
    const device = await connect(broker.port, "d1");
    const end = closed(device);
    device.publish(topics.readings("d2"), "batch", { qos: 1 }, () => undefined);
    await end;
    assert.equal(broker.counters.of("rights.publish"), 1);
    await device.endAsync(true);
  });

  test("a subscription without right is answered with 128, the connection stays", async () => {
    const device = await connect(broker.port, "d1");
    for (const filter of ["#", "$SYS/#", "$share/g/#", topics.receipts("d2"), "__proto__"]) {
      await assert.rejects(device.subscribeAsync(filter), /Unspecified error|128/, filter);
    }
    const [granted] = await device.subscribeAsync(topics.receipts("d1"), { qos: 1 });
    assert.equal(granted?.qos, 1);
    await device.endAsync();
  });

  test("state is kept for those who come later, live values are not", async () => {
    const device = await connect(broker.port, "d1");
    await device.publishAsync(topics.live("d1"), "new", { retain: true, qos: 1 });
    await device.publishAsync(topics.state("d1"), "born", { retain: true, qos: 1 });
    const owner = await connect(broker.port, "o1");
    const kept = messages(owner, 2);
    // The order of the subscriptions shows that the first brought nothing.
    await owner.subscribeAsync(topics.live("d1"));
    await owner.subscribeAsync(topics.state("d1"));
    await device.publishAsync(topics.live("d1"), "newer", { qos: 1 });
    assert.deepEqual(
      (await kept).map(({ topic, payload, retain }) => [topic, payload.toString(), retain]),
      [
        [topics.state("d1"), "born", true],
        [topics.live("d1"), "newer", false],
      ],
    );
    await Promise.all([device.endAsync(), owner.endAsync()]);
  });

  test("a device's last will on its own state is published and kept", async () => {
    const owner = await connect(broker.port, "o1");
    await owner.subscribeAsync(topics.state("d1"));
    const will = { topic: topics.state("d1"), payload: Buffer.from("gone"), qos: 1, retain: true };
    const device = await connect(broker.port, "d1", { will: will as never });
    const heard = messages(owner, 1);
    device.stream.destroy();
    const [message] = await heard;
    assert.equal(message?.payload.toString(), "gone");
    await Promise.all([device.endAsync(true), owner.endAsync()]);
  });

  test("a last will on any other topic is refused at login", async () => {
    for (const topic of [topics.state("d2"), topics.readings("d1"), topics.quotes]) {
      const will = { topic, payload: Buffer.from("x"), qos: 1, retain: false } as const;
      await assert.rejects(connect(broker.port, "d1", { will }), /Not authorized/);
    }
    assert.equal(broker.counters.of("login.will"), 3);
  });

  test("what the broker itself publishes reaches the device", async () => {
    const device = await connect(broker.port, "d2");
    await device.subscribeAsync(topics.receipts("d2"), { qos: 1 });
    const heard = messages(device, 1);
    await broker.publish(topics.receipts("d2"), Uint8Array.of(1, 2, 3), { qos: 1 });
    assert.deepEqual([...((await heard)[0]?.payload ?? [])], [1, 2, 3]);
    await device.endAsync();
  });

  test("no session outlives its connection, whatever the client asks", async () => {
    const first = await connect(broker.port, "d2", { clean: false });
    await first.subscribeAsync(topics.receipts("d2"), { qos: 1 });
    await first.endAsync();
    await broker.publish(topics.receipts("d2"), "missed", { qos: 1 });
    const again = mqtt.connect(`mqtt://127.0.0.1:${broker.port}`, {
      ...loginOptions("d2"),
      clean: false,
    });
    const connack = await new Promise<IConnackPacket>((resolve) => again.once("connect", resolve));
    assert.equal(connack.sessionPresent, false);
    await again.endAsync();
  });

  test("MQTT 5 and a keep-alive beyond the limit are refused", async () => {
    await assert.rejects(connect(broker.port, "d1", { protocolVersion: 5 }));
    await assert.rejects(connect(broker.port, "d1", { keepalive: 3600 }));
  });

  test("a taken port is named, with what to do", async () => {
    const starting = testBroker({ port: broker.port });
    await assert.rejects(starting, (error) => {
      assert.ok(error instanceof Failure && error.code === "broker.port-taken");
      assert.match(error.message, new RegExp(`port ${broker.port} .*set broker.port`));
      return true;
    });
  });
});

test("after stop the clients are gone, the port is free and publishing fails", async () => {
  const broker = await testBroker();
  const client = await connect(broker.port, "d1");
  const end = closed(client);
  await broker.stop();
  await end;
  await client.endAsync(true);
  await assert.rejects(broker.publish("x", "y"), { code: "broker.closed" });
  const next = await testBroker({ port: broker.port });
  await next.stop();
});

test("when the ledger replaces a key, the connection that used the old one ends", async (t) => {
  let replaced = false;
  const newer = deviceIdentity("d1", testSigner(50), "o1");
  const broker = await testBroker({
    registry: {
      byId: (id) => (replaced && id === "d1" ? newer : registry.byId(id)),
      byKeyId: (kid) => registry.byKeyId(kid),
    },
  });
  t.after(() => broker.stop());
  const [first, second] = [await connect(broker.port, "d1"), await connect(broker.port, "d2")];
  broker.closeReplaced();
  assert.equal(broker.clients().length, 2);
  replaced = true;
  const end = closed(first);
  broker.closeReplaced();
  await end;
  assert.deepEqual(
    broker.clients().map(({ client }) => client),
    ["d2"],
  );
  await Promise.all([first.endAsync(true), second.endAsync()]);
});

test("a certificate file that cannot be read is named", async () => {
  const tls = { certificate: "/nowhere/broker.crt", key: "/nowhere/broker.key" };
  await assert.rejects(testBroker({ tls }), (error) => {
    assert.ok(error instanceof Failure && error.code === "broker.certificate");
    assert.match(error.message, /\/nowhere\/broker\.crt/);
    return true;
  });
});

const openssl = program("openssl", "openssl");

test("over TLS a device logs in, and plain text is turned away", {
  skip: "skip" in openssl && openssl.skip,
}, async () => {
  assert.ok("path" in openssl);
  const folder = mkdtempSync(join(tmpdir(), "busbar-tls-"));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  const name = ["-subj", "/CN=localhost", "-days", "2"];
  const out = ["-keyout", key, "-out", certificate];
  execFileSync(openssl.path, ["req", "-x509", "-nodes", ...curve, ...name, ...out], {
    stdio: "ignore",
  });
  const broker = await testBroker({ tls: { certificate, key, ca: certificate } });
  const own = { cert: readFileSync(certificate), key: readFileSync(key) };
  try {
    const client = await mqtt.connectAsync(
      `mqtts://127.0.0.1:${broker.port}`,
      { ...loginOptions("d1"), ...own, rejectUnauthorized: false },
      false,
    );
    // Who looks after units is told before a certificate ends.
    const days = ((broker.clients()[0]?.certificateEnds ?? 0) - Date.now()) / 86_400_000;
    assert.ok(days > 1.9 && days <= 2, `${days}`);
    await client.publishAsync(topics.readings("d1"), "batch", { qos: 1 });
    await client.endAsync();
    await assert.rejects(connect(broker.port, "d1"));
    assert.equal(broker.counters.of("guard.tls"), 1);
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true });
  }
});
