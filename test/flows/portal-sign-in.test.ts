import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sealSignIn } from "@busbar/protocol";
import { pino } from "pino";
import { type Portal, startPortal } from "../../aggregator/portal/server.ts";
import { freshPalette } from "../../flows/build.ts";
import { FlowsProcess } from "../../flows/testing/flows-process.ts";
import { MemoryPool } from "../support/memory-pool.ts";
import { PortalSite, signerOfName } from "../support/portal-site.ts";

/** An embedded Node-RED behind the sign-in of a real portal. */

const folder = mkdtempSync(join(tmpdir(), "busbar-sign-in-"));
const audit = join(folder, "user", "audit.jsonl");
let portal: Portal;
let flows: FlowsProcess;
const sessions = new Map<string, string>();

/** A page and a socket that flows make, and say what they are told. */
const flow = [
  { id: "tab", type: "tab", label: "pages" },
  { id: "in", type: "http in", z: "tab", url: "/page", method: "get", wires: [["say"]] },
  {
    id: "say",
    type: "function",
    z: "tab",
    func: "msg.payload = JSON.stringify([msg.req.headers, msg.req.rawHeaders]); return msg;",
    outputs: 1,
    wires: [["out"]],
  },
  { id: "out", type: "http response", z: "tab", wires: [] },
  { id: "socket", type: "websocket-listener", path: "/live", wholemsg: "false" },
  { id: "ws", type: "websocket in", z: "tab", server: "socket", client: "", wires: [[]] },
  { id: "ask", type: "inject", z: "tab", props: [], wires: [[]] },
];

before(async () => {
  await freshPalette();
  const site = new PortalSite();
  const page = join(folder, "page");
  mkdirSync(page);
  writeFileSync(join(page, "index.html"), "<!doctype html>");
  portal = await startPortal({
    host: "127.0.0.1",
    port: 0,
    source: site.source,
    access: site.access(new MemoryPool()),
    log: pino({ level: "silent" }),
    page,
  });
  writeFileSync(join(folder, "flow.json"), JSON.stringify(flow));
  writeFileSync(
    join(folder, "flows.yaml"),
    `port: 0
userDir: user
flow: flow.json
signIn:
  portal: ${portal.url}
  page: https://portal.example.org
  edit: [operator, "owner:user-1"]
`,
  );
  flows = await FlowsProcess.start(["--config", join(folder, "flows.yaml")]);
  for (const name of ["operator", "user-1", "user-2", "viewer"]) {
    sessions.set(name, await signIn(name));
  }
});
after(async () => {
  await flows?.stop();
  await portal?.stop();
  rmSync(folder, { recursive: true });
});

/** The cookie of a session at the portal, begun by key. */
async function signIn(name: string): Promise<string> {
  const base = portal.url.replace(/\/$/, "");
  const post = (path: string, body: object) =>
    fetch(`${base}/api/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const asked = (await (await post("challenges", {})).json()) as Record<string, string>;
  const challenge = new Uint8Array(Buffer.from(asked.challenge ?? "", "base64url"));
  const as = { chain: asked.chain ?? "", signer: signerOfName(name) };
  const answer = sealSignIn({ challenge, origin: new URL(base).origin }, as);
  const begun = await post("sessions", { answer: Buffer.from(answer).toString("base64url") });
  assert.equal(begun.status, 200, name);
  return begun.headers.getSetCookie()[0]?.split(";")[0] ?? "";
}

type Init = {
  readonly method?: string;
  readonly body?: object;
  readonly headers?: Record<string, string>;
};

/** A request to the editor's API as somebody; its status. */
async function ask(name: string | undefined, path: string, init: Init = {}): Promise<Response> {
  const cookie = name === undefined ? {} : { cookie: sessions.get(name) ?? name };
  const { method = "GET", body, headers = {} } = init;
  return await fetch(flows.url + path, {
    method,
    redirect: "manual",
    headers: {
      accept: "application/json",
      "content-type": "application/json",
      ...cookie,
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** The same for what a flow makes: Node-RED answers a deploy before the flow that it starts has made it. */
async function there(name: string, path: string, init: Init): Promise<Response> {
  for (;;) {
    const response = await ask(name, path, init);
    if (response.status !== 404) return response;
    await response.arrayBuffer();
  }
}

test("without a session at the portal there is nothing but the way to it", async () => {
  for (const name of [undefined, "garbage", `busbar-session=${"x".repeat(43)}`]) {
    for (const path of ["settings", "flows", "nodes", "busbar/ports"]) {
      const method = path.startsWith("busbar") ? "POST" : "GET";
      assert.equal((await ask(name, path, { method })).status, 401, `${name} ${path}`);
    }
  }
  const login = (await (await ask(undefined, "auth/login")).json()) as Record<string, unknown>;
  assert.deepEqual([login.type, login.loginRedirect], ["strategy", "auth/strategy"]);
  const shown = await ask(undefined, "auth/strategy");
  assert.equal(shown.status, 401);
  assert.match(await shown.text(), /href="https:\/\/portal\.example\.org\/#\/sign-in"/);
  const chinese = await ask(undefined, "auth/strategy", {
    headers: { "accept-language": "zh-CN" },
  });
  assert.match(await chinese.text(), /在门户登录/);
  // There is no other way in.
  const body = { client_id: "node-red-admin", grant_type: "password", username: "admin" };
  assert.notEqual((await ask(undefined, "auth/token", { method: "POST", body })).status, 200);
});

test("an operator edits, a viewer looks, an owner is let in where it is named", async () => {
  for (const [name, status] of [
    ["operator", 200],
    ["user-1", 200],
    ["viewer", 401],
    ["user-2", 401],
  ] as const) {
    const pressed = await ask(name, "inject/ask", { method: "POST", body: {} });
    assert.equal(pressed.status, status, name);
  }
  for (const [name, looks, edits] of [
    ["operator", 200, 204],
    ["user-1", 200, 204],
    ["viewer", 200, 401],
    ["user-2", 401, 401],
  ] as const) {
    assert.equal((await ask(name, "flows")).status, looks, name);
    assert.equal((await ask(name, "settings")).status, looks, name);
    const body = flow.map((node) => ({ ...node, info: name }));
    const deployed = await ask(name, "flows", { method: "POST", body });
    assert.equal(deployed.status, edits, name);
  }
  const scan = { method: "POST", body: { place: "nowhere" } };
  assert.equal((await ask("viewer", "busbar/scan", scan)).status, 401);
  assert.equal(
    (await ask("viewer", "busbar/check", { method: "POST", body: { nodes: [] } })).status,
    200,
  );
  const lines = readFileSync(audit, "utf8").trim().split("\n");
  const deploys = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "deploy");
  assert.deepEqual(
    deploys.map(({ user }) => user),
    ["start", "operator", "user-1"],
  );
  const settings = (await (await ask("viewer", "settings")).json()) as { user: unknown };
  assert.deepEqual(settings.user, { username: "viewer", permissions: "read" });
  // Whoever has a session goes on to the editor; whom it does not serve is told as whom it came.
  const through = await ask("viewer", "auth/strategy");
  assert.deepEqual([through.status, through.headers.get("location")], [303, "../"]);
  const refused = await ask("user-2", "auth/strategy");
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /signed in as user-2 \(owner\)/);
});

test("a page elsewhere that sends an operator's cookie changes nothing", async () => {
  const body = flow;
  for (const headers of [
    { origin: portal.url.replace(/\/$/, "") },
    { origin: "https://elsewhere.example.org" },
  ]) {
    assert.equal((await ask("operator", "flows", { method: "POST", body, headers })).status, 403);
  }
  const own = { origin: new URL(flows.url).origin };
  assert.equal(
    (await ask("operator", "flows", { method: "POST", body, headers: own })).status,
    204,
  );
});

test("pages that flows make are for those who may look, and do not get the portal's cookie", async () => {
  assert.equal((await ask(undefined, "page")).status, 401);
  assert.equal((await ask("user-2", "page")).status, 403);
  const page = await there("viewer", "page", {
    headers: { cookie: `own=1; ${sessions.get("viewer")}` },
  });
  const text = await page.text();
  assert.equal(page.status, 200);
  assert.ok(text.includes("own=1") && !text.includes("busbar-session"), text);
});

/** The first line of what a socket is answered that asks to be upgraded. */
async function upgrade(path: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const { hostname, port, host } = new URL(flows.url);
  const socket = connect(Number(port), hostname);
  const lines = {
    host,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
    ...headers,
  };
  const text = Object.entries(lines).map((line) => line.join(": "));
  socket.write([`GET ${path} HTTP/1.1`, ...text, "", ""].join("\r\n"));
  const answered = once(socket, "data");
  const closed = once(socket, "close").then(() => ["closed"]);
  const [first] = await Promise.race([answered, closed]);
  socket.destroy();
  return String(first).split("\r\n")[0] ?? "";
}

test("sockets of flows and of the editor ask who is there, too", async () => {
  const cookie = sessions.get("viewer") ?? "";
  const stranger = sessions.get("user-2") ?? "";
  const may = sessions.get("operator") ?? "";
  assert.match(await upgrade("/live", { cookie: may }), / 101 /);
  assert.match(await upgrade("/live", { cookie }), / 403 /);
  assert.match(await upgrade("/live", {}), / 401 /);
  assert.match(await upgrade("/live", { cookie: stranger }), / 403 /);
  const elsewhere = { cookie: may, origin: "https://elsewhere.example.org" };
  assert.match(await upgrade("/live", elsewhere), / 403 /);
  assert.match(await upgrade("/comms", { cookie }), / 101 /);
  assert.match(await upgrade("/comms", elsewhere), / 403 /);
  assert.equal(await upgrade("/comms", { cookie: stranger }), "closed");
  assert.equal(await upgrade("/nowhere", { cookie: "" }), "HTTP/1.1 401 Refused");
});

test("an editor that is open holds up no stop, and a portal that is away lets nobody in", async () => {
  const { hostname, port, host } = new URL(flows.url);
  await portal.stop();
  const shown = await ask(`busbar-session=${"y".repeat(43)}`, "auth/strategy");
  assert.equal(shown.status, 503);
  assert.equal((await ask(`busbar-session=${"y".repeat(43)}`, "flows")).status, 401);
  const socket = connect(Number(port), hostname);
  socket.write(
    `GET /comms HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  const [first] = await once(socket, "data");
  assert.match(String(first), / 101 /);
  const ended = once(socket, "close");
  assert.equal((await flows.stop()).code, 0);
  await ended;
});
