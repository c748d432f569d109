/**
 * A worker thread that plays edge units: each has its own MQTT connection, keeps a window of signed
 * batches in flight and counts a batch as done when its receipt comes, as the edge does.
 */
import { createHash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { decodeAnswer, topicsOf } from "@busbar/protocol";
import mqtt, { type MqttClient } from "mqtt";
import { chain, entry, MeterChain, signerOfName } from "../../aggregator/ledger/test-site.ts";
import { loginToken } from "./login-token.ts";

/** `from` is the time of the first reading; one follows each second. */
export type DevicesTask = {
  readonly port: number;
  readonly units: readonly string[];
  readonly batches: number;
  readonly entries: number;
  readonly window: number;
  readonly from: number;
};

/** Milliseconds from publish to receipt, sorted; codes of what was refused. */
export type DevicesReport = {
  readonly latencies: readonly number[];
  readonly refused: readonly string[];
};

type Unit = {
  readonly client: MqttClient;
  readonly topic: string;
  readonly frames: readonly Buffer[];
};

const latencies: number[] = [];
const refused: string[] = [];

function framesOf(unit: string, task: DevicesTask): Buffer[] {
  const meter = new MeterChain(unit);
  return Array.from({ length: task.batches }, (_, batch) => {
    const readings = Array.from({ length: task.entries }, (_, i) => {
      const n = batch * task.entries + i;
      return entry(task.from + n * 1000, n);
    });
    return Buffer.from(meter.frame(...readings));
  });
}

async function connectUnit(unit: string, task: DevicesTask): Promise<Unit> {
  const id = `${unit}-unit`;
  const password = loginToken({ identity: id, signer: signerOfName(id), chain });
  const client = await mqtt.connectAsync(
    `mqtt://127.0.0.1:${task.port}`,
    { clientId: id, username: id, password: Buffer.from(password), reconnectPeriod: 0 },
    false,
  );
  const topics = topicsOf(chain);
  await client.subscribeAsync(topics.receipts(id), { qos: 1 });
  return { client, topic: topics.readings(id), frames: framesOf(unit, task) };
}

/** Resolves when each batch of the unit is answered. */
function publishAll({ client, topic, frames }: Unit, window: number): Promise<void> {
  const sentAt = new Map<string, number>();
  let next = 0;
  const send = (): void => {
    const frame = frames[next++];
    if (frame === undefined) return;
    sentAt.set(nameOf(frame), performance.now());
    client.publish(topic, frame, { qos: 1 });
  };
  return new Promise((resolve) => {
    let answered = 0;
    client.on("message", (_, payload) => {
      const decoded = decodeAnswer(new Uint8Array(payload));
      if (!decoded.ok) throw new Error(decoded.message);
      const { answer } = decoded;
      if (answer.kind === "receipt") {
        const at = sentAt.get(nameOf(answer.receipt.frame)) ?? Number.NaN;
        latencies.push(performance.now() - at);
      } else if (answer.kind === "refused") {
        refused.push(answer.refused.code);
      }
      answered++;
      send();
      if (answered === frames.length) resolve();
    });
    for (let n = 0; n < window; n++) send();
  });
}

function nameOf(frame: Uint8Array): string {
  return createHash("sha256").update(frame).digest("hex");
}

if (parentPort !== null) {
  const port = parentPort;
  const task = workerData as DevicesTask;
  const units = await Promise.all(task.units.map((unit) => connectUnit(unit, task)));
  port.postMessage("ready");
  await new Promise((resolve) => port.once("message", resolve));
  await Promise.all(units.map((unit) => publishAll(unit, task.window)));
  await Promise.all(units.map(({ client }) => client.endAsync()));
  const report: DevicesReport = { latencies: latencies.sort((a, b) => a - b), refused };
  port.postMessage(report);
}
