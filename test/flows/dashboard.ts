import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Browser, chromium } from "playwright-core";
import { FlowsProcess } from "../../flows/testing/flows-process.ts";
import { FlowsSite } from "../support/flows-site.ts";
import { chromiumArgs, program } from "../support/programs.ts";

/**
 * The feeder's board on FlowFuse Dashboard 2, in a Node-RED that has that palette: run by `npm run
 * test:node-red`, which installs it.
 */

const tool = program("chromium", "chromium");
const skip = "skip" in tool && tool.skip;
const password = "a long enough one";
const palette = "@flowfuse/node-red-dashboard";
const example = join(
  import.meta.dirname,
  "../../flows/examples/with FlowFuse Dashboard/feeder-dashboard.json",
);
/** Where screenshots are put to be looked at; none by default. */
const pictures = process.env.BUSBAR_PICTURES;
let site: FlowsSite;
let flows: FlowsProcess;
let browser: Browser | undefined;

before(async () => {
  site = await FlowsSite.start();
  const file = site.file("flows.yaml");
  writeFileSync(
    file,
    JSON.stringify({
      ...{ port: 0, userDir: "user", flow: example, palette: [palette] },
      environment: site.environment,
    }),
  );
  flows = await FlowsProcess.start(["--config", file], { BUSBAR_FLOWS_PASSWORD: password });
});
after(async () => {
  await browser?.close();
  await flows?.stop();
  await site?.stop();
});

const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

/** What somebody is answered; `upgrade` asks for a web socket. */
async function statusOf(path: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const { hostname, port, host } = new URL(flows.url);
  const socket = connect(Number(port), hostname);
  const lines = Object.entries({ host, ...headers }).map((line) => line.join(": "));
  socket.write([`GET ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  const [first] = await once(socket, "data");
  socket.destroy();
  return String(first).split(" ")[1] ?? "";
}

test("neither the dashboard's pages nor its sockets are for whoever merely reaches the port", async () => {
  const upgrade = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
  };
  const polling = "/dashboard/socket.io/?EIO=4&transport=polling";
  for (const [path, headers] of [
    ["/dashboard/feeder", {}],
    [polling, {}],
    ["/dashboard/socket.io/?EIO=4&transport=websocket", upgrade],
  ] as const) {
    assert.equal(await statusOf(path, headers), "401", path);
  }
  assert.equal(await statusOf("/dashboard/feeder", { authorization }), "200");
  assert.equal(await statusOf(polling, { authorization }), "200");
});

test("the feeder's power and the price are on the dashboard, and it calls nobody else", {
  skip,
}, async () => {
  assert.ok(!("skip" in tool));
  const known = JSON.parse(readFileSync(example, "utf8")) as { type: string }[];
  assert.equal(await flows.signIn("admin", password), 200);
  const sets = (await (await flows.admin("nodes")).json()) as { types: string[]; err?: string }[];
  const types = new Set(sets.flatMap((set) => (set.err === undefined ? set.types : [])));
  for (const { type } of known) assert.ok(type === "tab" || types.has(type), type);

  browser = await chromium.launch({ executablePath: tool.path, args: [...chromiumArgs] });
  const credentials = { username: "admin", password, origin: new URL(flows.url).origin };
  const viewport = { width: 1280, height: 720 };
  const context = await browser.newContext({ httpCredentials: credentials, viewport });
  // A machine at its limit draws slowly, too.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    const here = origin === credentials.origin || ["data:", "blob:"].includes(protocol);
    if (!here) elsewhere.push(request.url());
  });
  const say = () => {
    const time = Date.now();
    for (const [meter, watts] of [
      ["m-1", 500],
      ["m-2", -1_200],
    ] as const) {
      const values = { "1-0:16.7.0": watts };
      const live = { meter, device: "unit-1", time, seq: 1, quality: 0, values, quantities: {} };
      site.say(site.topics.live("unit-1"), live);
    }
    const slot = { start: 1, end: 2, horizon: "real-time", feedIn: 400_000, retail: 700_000 };
    const prices = { gu: null, cu: null, gc: null, cg: null };
    site.say(site.topics.prices, { ...slot, prices, clearing: 612_345 });
  };
  await page.goto(`${flows.url}dashboard/feeder`);
  const again = setInterval(say, 200);
  try {
    await page.getByText("-700").first().waitFor();
    await page.getByText("0.6123").first().waitFor();
    await page.locator("canvas").first().waitFor();
  } finally {
    clearInterval(again);
  }
  if (pictures !== undefined) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, "feeder-dashboard.png") });
  }
  assert.deepEqual(elsewhere, []);
});
