/**
 * An aggregator behind brokers that are none of ours: at each an MQTT client that takes readings, has
 * them on the disk before it acknowledges them, and answers on the device's receipts topic.
 *
 *     node stand-in-aggregator.ts <chain> <file of the ledger> <broker url> …
 *
 * Prints {"event":"ready"} each time it is connected to one and subscribed there.
 */
import { encodeAnswer, parseTopic, topicsOf } from "@busbar/protocol";
import mqtt from "mqtt";
import { testSigner } from "./memory-registry.ts";
import { StandInLedger } from "./stand-in-ledger.ts";

const [chain = "", file = "", ...urls] = process.argv.slice(2);
const topics = topicsOf(chain);
const ledger = new StandInLedger(chain, testSigner(1), file);
for (const url of urls) serve(url);

function serve(url: string): void {
  const client = mqtt.connect(url, {
    clientId: "m1",
    // A session that outlives it: what the broker holds comes when it is back, besides what units resend.
    clean: false,
    reconnectPeriod: 100,
    connectTimeout: 5_000,
    resubscribe: false,
    will: { topic: topics.host("m1"), payload: state(false), qos: 1, retain: true },
  });
  client.on("connect", () => {
    client.subscribe([topics.readings("+"), topics.quotes], { qos: 1 }, (error) => {
      if (error !== null) return client.stream.destroy();
      client.publish(topics.host("m1"), state(true), { qos: 1, retain: true });
      process.stdout.write('{"event":"ready"}\n');
    });
  });
  client.on("error", ({ message }) => process.stderr.write(`${message}\n`));
  // mqtt.js sends PUBACK when the message has been handled: so acknowledged means stored.
  client.handleMessage = (packet, done) => {
    const topic = parseTopic(chain, packet.topic);
    if (topic?.of === "device" && topic.name === "readings") {
      const answer = encodeAnswer(ledger.take(new Uint8Array(Buffer.from(packet.payload))));
      client.publish(topics.receipts(topic.id), Buffer.from(answer), { qos: 1 });
    }
    done();
  };
}

function state(ready: boolean): Buffer {
  return Buffer.from(JSON.stringify({ member: "m1", ready, height: ledger.height, time: 0 }));
}
