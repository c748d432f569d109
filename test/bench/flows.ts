import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { topicsOf } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { buildPalette } from "../../flows/build.ts";
import { FlowsProcess } from "../../flows/testing/flows-process.ts";
import { FakeAggregator } from "../support/fake-aggregator.ts";

export const name = "flows";
export const title = "Messages a second through price and trade nodes in Node-RED, and its memory";

const perSecond = 10_000;
const seconds = 60;
const password = "only for the bench";

/** Publishes prices and trades, half and half, and watches the flows' memory at a constant rate. */
export async function run({ json }: { readonly json: boolean }): Promise<void> {
  await buildPalette();
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
  );
  try {
    await flows.signIn("admin", password);
    const rss: number[] = [];
    const began = performance.now();
    let sent = 0;
    for (let second = 0; second < seconds; second += 1) {
      for (let tick = 0; tick < 20; tick += 1) {
        for (let i = 0; i < perSecond / 40; i += 1) {
          aggregator.publish(topics.prices, JSON.stringify(prices(sent)));
          aggregator.publish(topics.ownTrades("house"), JSON.stringify(trade(sent)));
          sent += 2;
        }
        const due = began + second * 1_000 + (tick + 1) * 50;
        await sleep(Math.max(1, due - performance.now()));
      }
      rss.push(rssMb(flows.pid));
    }
    const tookMs = performance.now() - began;
    const received = await countOf(flows, sent);
    const [early, late] = [rss.slice(10, 20), rss.slice(-10)].map(median);
    const result = {
      sent,
      received,
      perSecond: Math.round(sent / (tookMs / 1_000)),
      rssMbEarly: early,
      rssMbLate: late,
    };
    if (json) console.log(JSON.stringify(result));
    else console.table(result);
  } finally {
    await flows.stop();
    await aggregator.stop();
    rmSync(folder, { recursive: true });
  }
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

function rssMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
