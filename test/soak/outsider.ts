import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { topicsOf } from "@busbar/protocol";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import mqtt from "mqtt";
import { site as chain, operator } from "../../hardware/virtual-site/supervisor/cast.ts";
import type { Random } from "../simulation/random.ts";
import { loginToken } from "../support/login-token.ts";
import { newestFrames } from "./ledger-file.ts";
import type { SoakSite } from "./site.ts";

/** Connections that an outsider holds at once, and how often it sends. */
const [connectionsMax, everyMs] = [12, 100];

/** How connections begin that a port expects; what follows is no sense. */
const beginnings = [
  "",
  "GET /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
  "POST /api/quotes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
  // MQTT 3.1.1's CONNECT, one whose length is a lie, and a PUBLISH before any sign-in.
  "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04evil",
  "\x10\xff\xff\xff\x7f",
  "\x30\x7f\x00\x05$SYS/",
  // TLS 1.3's ClientHello, cut short.
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
] as const;

/** Somebody without any key knocks at ports with bytes of no sense, and holds on to connections. */
export function bytesOfOutsider(ports: readonly number[], random: Random): () => Promise<void> {
  const held = new Set<Socket>();
  const timer = setInterval(() => {
    for (const socket of held) socket.write(bytes(random, random.int(1, 2_000)));
    if (held.size >= connectionsMax) return;
    const socket = connect(random.pick(ports) ?? 0, "127.0.0.1");
    held.add(socket);
    // It is thrown out, which is as it should be.
    socket.on("error", () => {});
    socket.on("close", () => held.delete(socket));
    socket.resume();
    socket.write(Buffer.from(random.pick(beginnings), "latin1"));
  }, everyMs);
  return async () => {
    clearInterval(timer);
    for (const socket of held) socket.destroy();
  };
}

/**
 * An onlooker, who may sign in but not write, publishes to the units' topics and posts to the portal: frames of the
 * ledger again, frames with a wrong bit, and bytes of no sense.
 */
export async function framesOfOutsider(
  { home, ports, aggregators }: SoakSite,
  member: number,
  random: Random,
): Promise<() => Promise<void>> {
  const place = ports.members[member];
  const frames = newestFrames(aggregators[member]?.folder ?? "", 50);
  const stopped = new AbortController();
  const make = () => {
    const frame = random.pick(frames);
    if (frame === undefined || random.chance(0.3)) return bytes(random, random.int(0, 3_000));
    if (random.chance(0.5)) return frame;
    const wrong = Buffer.from(frame);
    const at = random.int(0, wrong.length - 1);
    wrong[at] = (wrong[at] ?? 0) ^ (1 << random.int(0, 7));
    return wrong;
  };
  const publishing = (async () => {
    while (!stopped.signal.aborted) {
      await publish(place?.broker ?? 0, home.operatorKey, make).catch(() => undefined);
      await fetch(`http://127.0.0.1:${place?.portal}/api/quotes`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: new Uint8Array(make()),
        signal: AbortSignal.timeout(2_000),
      }).catch(() => undefined);
      await sleep(everyMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return async () => {
    stopped.abort();
    await publishing;
  };
}

/** One connection, which publishes until it is thrown out. */
async function publish(port: number, keyFile: string, make: () => Uint8Array): Promise<void> {
  const signer = signerOf(readKeyFile(keyFile));
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: operator,
    username: operator,
    password: Buffer.from(loginToken({ identity: operator, signer, chain })),
    protocolVersion: 4,
    reconnectPeriod: 0,
    connectTimeout: 2_000,
  });
  client.on("error", () => {});
  const over = new Promise<void>((resolve) => client.once("close", () => resolve()));
  client.publish(topicsOf(chain).readings("edge-company"), Buffer.from(make()), { qos: 0 });
  client.publish(topicsOf(chain).readings(operator), Buffer.from(make()), { qos: 0 });
  await Promise.race([over, sleep(500)]);
  client.end(true);
}

function bytes(random: Random, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => random.int(0, 255)));
}
