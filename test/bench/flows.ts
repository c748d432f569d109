import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { topicsOf } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { freshPalette } from "../../flows/build.ts";
import { FlowsProcess } from "../../flows/testing/flows-process.ts";
import { FakeAggregator } from "../support/fake-aggregator.ts";
import { Inspected } from "../support/inspected.ts";

export const name = "flows";
export const title = "Messages a second through price and trade nodes in Node-RED, and its memory";

const perSecond = 10_000;
/** Minutes that are measured; `BUSBAR_MINUTES` for a longer proof. */
const minutes = Number(process.env.BUSBAR_MINUTES ?? 2);
/** Node-RED, drivers and compiled code settle in the first ones. */
const warmSeconds = 20;
const password = "only for the bench";

/** What is held at an instant, MB; the heap after a full collection. */
type Held = {
  readonly second: number;
  readonly sent: number;
  readonly heapMb: number;
  readonly rssMb: number;
};

/**
 * Publishes prices and trades, half and half, at a constant rate, and looks at what is left after a full
 * garbage collection, each quarter of a minute: what grows there is kept by somebody.
 */
export async function run({ json }: { readonly json: boolean }): Promise<void> {
  await freshPalette();
  const folder = mkdtempSync(join(tmpdir(), "busbar-bench-flows-"));
  const file = (name: string) => join(folder, name);
  const aggregator = new FakeAggregator("demo", signerOf(openKeyFile(file("member.json"))));
  aggregator.devices.set("house", signerOf(openKeyFile(file("house.json"))).publicKey);
  await aggregator.start();
  const topics = topicsOf("demo");
  writeFileSync(file("flow.json"), JSON.stringify(flow(aggregator.url, file("house.json"))));
  const flows = await FlowsProcess.start(
    ["--port", "0", "-u", file("user"), "--flow", file("flow.json")],
    { BUSBAR_FLOWS_PASSWORD: password },
    { node: ["--inspect=127.0.0.1:0"] },
  );
  const inspected = await Inspected.open(flows.errors);
  try {
    // Until the nodes follow their topics, nobody takes what is said.
    let before = 0;
    while (before === 0) {
      await aggregator.published(topics.prices, JSON.stringify(prices(0)));
      before = await countOf(flows, Number.POSITIVE_INFINITY);
    }
    const held: Held[] = [];
    const began = performance.now();
    const secondsNow = () => (performance.now() - began) / 1_000;
    let sent = 0;
    const say = (): Promise<unknown> => {
      const price = aggregator.published(topics.prices, JSON.stringify(prices(sent)));
      const event = JSON.stringify(trade(sent));
      const trades = aggregator.published(topics.ownTrades("house"), event);
      sent += 2;
      return Promise.all([price, trades]);
    };
    for (let lookAt = warmSeconds; secondsNow() < warmSeconds + minutes * 60; ) {
      // A slow machine sends fewer; nothing piles up in the broker, which is none of ours.
      await Promise.all(Array.from({ length: perSecond / 40 }, say));
      await sleep(Math.max(0, (sent / perSecond - secondsNow()) * 1_000));
      if (secondsNow() < lookAt) continue;
      lookAt += 15;
      held.push({ second: Math.round(secondsNow()), sent, ...(await inspected.heldMb()) });
    }
    const tookMs = performance.now() - began;
    const received = (await countOf(flows, before + sent)) - before;
    held.push({ second: Math.round(tookMs / 1_000), sent, ...(await inspected.heldMb()) });
    const result = {
      sent,
      received,
      perSecond: Math.round(sent / (tookMs / 1_000)),
      heapMbFirst: held[0]?.heapMb,
      heapMbLast: held.at(-1)?.heapMb,
      rssMbFirst: held[0]?.rssMb,
      rssMbLast: held.at(-1)?.rssMb,
      bytesKeptPerMessage: growth(held),
    };
    if (json) console.log(JSON.stringify({ ...result, held }));
    else {
      console.table(held);
      console.table(result);
    }
  } finally {
    inspected.close();
    await flows.stop();
    await aggregator.stop();
    rmSync(folder, { recursive: true });
  }
}

/** The heap's slope over the messages sent, by least squares, bytes each. */
function growth(held: readonly Held[]): number {
  const mean = (of: (one: Held) => number) =>
    held.reduce((sum, one) => sum + of(one), 0) / held.length;
  const [sent, heap] = [mean((one) => one.sent), mean(({ heapMb }) => heapMb)];
  const covariance = held.reduce((sum, one) => sum + (one.sent - sent) * (one.heapMb - heap), 0);
  const variance = held.reduce((sum, one) => sum + (one.sent - sent) ** 2, 0);
  return Math.round((covariance / variance) * 1_048_576 * 1_000) / 1_000;
}

function flow(broker: string, keyFile: string): object[] {
  const node = (id: string, type: string, rest: object) => ({
    id,
    type,
    z: "tab",
    site: "site",
    ...rest,
  });
  return [
    { id: "tab", type: "tab", label: "bench" },
    {
      id: "site",
      type: "busbar-site",
      broker,
      site: "demo",
      identity: "house",
      connection: "bench",
      keyFile,
    },
    node("price", "busbar-price", { price: "clearing", wires: [["count"]] }),
    node("trade", "busbar-trade", { scope: "own", events: "all", wires: [["count"]] }),
    node("count", "function", {
      func: 'flow.set("n", (flow.get("n") ?? 0) + 1); return null;',
      outputs: 1,
      wires: [[]],
    }),
    node("in", "http in", { url: "/count", method: "get", wires: [["read"]] }),
    node("read", "function", {
      func: 'msg.payload = { n: flow.get("n") ?? 0 }; return msg;',
      outputs: 1,
      wires: [["out"]],
    }),
    node("out", "http response", { wires: [] }),
  ];
}

const prices = (n: number) => ({
  start: n,
  end: n + 1,
  prices: { gu: { micro: 600_000 }, cu: null, gc: null, cg: null },
  clearing: n,
  feedIn: 400_000,
  retail: 700_000,
});

const trade = (n: number) => ({
  type: "contract-signed",
  contract: `c${n}`,
  quantityWh: 1_000,
  price: 600_000,
});

/** How many messages came through, once all have, or nothing more comes. */
async function countOf(flows: FlowsProcess, sent: number): Promise<number> {
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
  let [n, still] = [-1, 0];
  while (n < sent && still < 20) {
    const response = await fetch(`${flows.url}count`, { headers: { authorization } });
    const now = ((await response.json()) as { n: number }).n;
    still = now === n ? still + 1 : 0;
    n = now;
    await sleep(250);
  }
  return n;
}
