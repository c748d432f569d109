import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { microPerKwh, requestText, sealFrame, sealQuotes, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { MemoryPool } from "../../../test/support/memory-pool.ts";
import {
  answerOf,
  ask,
  type Client,
  origin,
  signInAs,
} from "../../../test/support/portal-client.ts";
import { PortalSite, portalSiteStart, signerOfName } from "../../../test/support/portal-site.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { EventStreams, streamLimits } from "../event-stream.ts";
import { makePortal, type PortalAccess } from "../server.ts";
import { Mailbox } from "../views/mailbox.ts";
import { isHostAllowed } from "./hosts.ts";
import { access, type Role, type Route, roles } from "./roles.ts";

/** Who may do what, on the real ledger, without a socket. */

const hour = 3_600_000;
const page = mkdtempSync(join(tmpdir(), "busbar-access-"));
writeFileSync(join(page, "index.html"), "<!doctype html>");
const site = new PortalSite();
site.runUntil(portalSiteStart + 6 * hour);
const pool = new MemoryPool();
const streams = new EventStreams(streamLimits);
const plenty = { burst: 100_000, perSecond: 1 };
let wall = 1_000_000;
const clock = { now: () => wall, rates: { requests: plenty, signIns: plenty, messages: plenty } };

function open(options: Partial<PortalAccess> = {}, more: object = {}): Promise<FastifyInstance> {
  const log = pino({ level: "silent" });
  const grants = site.access(pool, { ...clock, links: true, ...options });
  const quotes = site.quoteDoor(pool);
  return makePortal({ source: site.source, access: grants, quotes, streams, log, page, ...more });
}

/** A person of each role, by name. */
const names: Readonly<Record<Exclude<Role, "guest">, string>> = {
  viewer: "viewer",
  owner: "user-1",
  operator: "operator",
  auditor: "auditor",
  member: "recorder-1",
};

let app: FastifyInstance;
const clients = new Map<Role, Client | undefined>([["guest", undefined]]);

before(async () => {
  app = await open();
  for (const [role, name] of Object.entries(names)) {
    clients.set(role as Role, await signInAs(app, name));
  }
});

after(async () => {
  await app.close();
  streams.close();
  rmSync(page, { recursive: true, force: true });
});

const trade = site.source.trades({ limit: 1, owner: "user-1" })[0];
const foreign = site.source
  .trades({ limit: 200 })
  .find(({ seller, buyer }) => ![seller, buyer].includes("user-1"));
const paid = site.source.trades({ limit: 200, owner: "user-1" }).find(({ settled }) => settled);
assert.ok(trade !== undefined && foreign !== undefined && paid !== undefined);

/** A result that is about one owner alone: that it sealed a quote. */
const own = resultAbout("quote-committed", "user-1");

function resultAbout(
  type: string,
  owner: string,
): { readonly height: number; readonly event: number } {
  for (let height = site.store.height; height > 0; height--) {
    const event = (site.store.block(height)?.events ?? []).findIndex(
      (one) => one.type === type && "owner" in one && one.owner === owner,
    );
    if (event >= 0) return { height, event };
  }
  throw new Error(`no ${type} of ${owner}`);
}

/** A request for each route that its roles are answered. `owner` is for those who see everybody. */
const requests: Readonly<Record<Route, (role: Role) => Omit<Parameters<typeof ask>[1], "client">>> =
  {
    "GET /api/status": () => ({ url: "/api/status" }),
    "GET /api/slots": () => ({ url: "/api/slots" }),
    "GET /api/gates": () => ({ url: "/api/gates" }),
    "GET /api/passes": () => ({ url: `/api/passes?slot=${trade.slot}` }),
    "GET /api/feeders": () => ({ url: "/api/feeders" }),
    "GET /api/feeders/proof": () => ({ url: "/api/feeders/proof?none=1" }),
    "GET /api/blocks": () => ({ url: "/api/blocks" }),
    "GET /api/membership": () => ({ url: "/api/membership" }),
    "GET /api/council-steps": () => ({ url: "/api/council-steps" }),
    // What streams carry is tested with a socket (server.test.ts).
    "GET /api/events": () => ({ url: "/api/events?none=1" }),
    "POST /api/quotes": () => ({ method: "POST", url: "/api/quotes", payload: "{}" }),
    "POST /api/requests": () => ({
      method: "POST",
      url: "/api/requests",
      payload: { text: "none" },
    }),
    "POST /api/challenges": () => ({ method: "POST", url: "/api/challenges" }),
    "POST /api/sessions": () => ({
      method: "POST",
      url: "/api/sessions",
      payload: { answer: "AAAA" },
    }),
    "GET /api/me": () => ({ url: "/api/me" }),
    // Another session than the one that goes on.
    "DELETE /api/sessions": () => ({ method: "DELETE", url: "/api/sessions?none=1" }),
    "POST /api/links": () => ({ method: "POST", url: "/api/links" }),
    "GET /api/meters": () => ({ url: "/api/meters" }),
    "GET /api/trades": () => ({ url: "/api/trades" }),
    "GET /api/account": of("/api/account"),
    "GET /api/statement": of("/api/statement"),
    "GET /api/statement/:slot": of(`/api/statement/${trade.slot}`),
    "GET /api/bill": (role) => ({
      url: `/api/bill?month=2026-06${isOwning(role) ? "" : "&owner=user-1"}`,
    }),
    "GET /api/payments": of("/api/payments"),
    "GET /api/notices": () => ({ url: "/api/notices" }),
    "GET /api/deliveries": () => ({ url: "/api/deliveries" }),
    "POST /api/deliveries/resend": () => ({
      method: "POST",
      url: "/api/deliveries/resend",
      payload: { notice: "none" },
    }),
    "GET /api/quotes": () => ({ url: "/api/quotes" }),
    "GET /api/proofs/state": () => ({ url: `/api/proofs/state?key=contract/${trade.contract}` }),
    "GET /api/proofs/reading": () => ({ url: "/api/proofs/reading?meter=user-1-net&sequence=1" }),
    "GET /api/proofs/event": (role) => ({
      url: `/api/proofs/event?${role === "owner" ? `height=${own.height}&event=${own.event}` : "height=2&event=0"}`,
    }),
    "GET /api/proofs/link": () => ({ url: `/api/proofs/link?path=payment/${paid.contract}` }),
    "GET /api/preferences": () => ({ url: "/api/preferences" }),
    "GET /api/devices": () => ({ url: "/api/devices" }),
    "GET /api/alarms": () => ({ url: "/api/alarms" }),
    "GET /api/credit": () => ({ url: "/api/credit" }),
    "GET /api/orders": () => ({ url: "/api/orders" }),
    "GET /api/green": () => ({ url: "/api/green?days=1" }),
    "GET /api/report": () => ({ url: "/api/report?days=1" }),
    "GET /api/flows": () => ({ url: `/api/flows?slot=${trade.slot}` }),
    "POST /api/messages": () => ({ method: "POST", url: "/api/messages", payload: "{}" }),
    "GET /api/requests": () => ({ url: "/api/requests" }),
    "DELETE /api/requests": () => ({ method: "DELETE", url: "/api/requests?from=192.0.2.1" }),
    "DELETE /api/requests/:request": () => ({
      method: "DELETE",
      url: "/api/requests/0123456789abcdef",
    }),
    "GET /api/consortium": () => ({ url: "/api/consortium" }),
    "GET /api/blocks/:height": () => ({ url: "/api/blocks/2" }),
    "GET /api/search": () => ({ url: "/api/search?q=2" }),
  };

function of(url: string) {
  return (role: Role) => ({ url: isOwning(role) ? url : `${url}?owner=user-1` });
}

/** Who asks for its own affairs, and need not say whose. */
function isOwning(role: Role): boolean {
  return role === "owner" || role === "operator";
}

for (const [route, allowed] of Object.entries(access)) {
  test(`${route}: ${allowed.join(", ")} and nobody else`, async () => {
    for (const role of roles) {
      const request = requests[route as Route](role);
      const answer = await ask(app, { ...request, client: clients.get(role) });
      const { statusCode } = answer;
      if ((allowed as readonly Role[]).includes(role)) {
        const known = (request.method ?? "GET") === "GET" && !request.url.includes("none");
        // What changes something is asked for with nothing in it: refused by its content alone.
        const fits = known ? statusCode === 200 : ![401, 403].includes(statusCode);
        const isSignIn =
          route === "POST /api/sessions" && answer.json().code === "access.malformed";
        assert.ok(fits || isSignIn, `${role}: ${statusCode} ${answer.body.slice(0, 200)}`);
        continue;
      }
      const code = role === "guest" ? "access.sign-in" : "access.denied";
      assert.equal(answer.json().code, code, role);
      assert.equal(statusCode, role === "guest" ? 401 : 403);
    }
  });
}

test("a server with a route that is not in the table does not start", async () => {
  const bare = await open();
  assert.throws(() => bare.get("/api/secret", () => ({})), /GET \/api\/secret is not in the table/);
  await bare.close();
});

test("on an open site guests see the board, and nothing else", async () => {
  const shown = await open({}, { open: true });
  assert.equal((await ask(shown, { url: "/api/trades" })).statusCode, 200);
  assert.equal((await ask(shown, { url: "/api/meters" })).json().length, 6);
  for (const url of [
    "/api/devices",
    "/api/account?owner=user-1",
    "/api/notices",
    "/api/consortium",
  ]) {
    assert.equal((await ask(shown, { url })).statusCode, 401, url);
  }
  assert.equal((await ask(shown, { method: "POST", url: "/api/links" })).statusCode, 401);
  await shown.close();
});

test("an owner's answers hold nobody else's affairs", async () => {
  const client = clients.get("owner");
  const trades = (await ask(app, { url: "/api/trades?limit=500", client })).json();
  assert.ok(trades.length > 3);
  for (const { seller, buyer } of trades) assert.ok([seller, buyer].includes("user-1"));
  const urls = [
    "/api/meters",
    "/api/devices",
    "/api/alarms",
    "/api/credit",
    "/api/account",
    "/api/statement",
    "/api/notices",
    "/api/quotes",
    "/api/preferences",
    "/api/orders",
    "/api/green?days=2",
    "/api/report?days=2",
    `/api/proofs/link?path=payment/${paid.contract}`,
  ];
  for (const url of urls) {
    const { body, statusCode } = await ask(app, { url, client });
    assert.equal(statusCode, 200, url);
    assert.doesNotMatch(body, /user-2/, url);
  }
  const refused = [
    "/api/trades?owner=user-2",
    "/api/account?owner=user-2",
    "/api/statement?owner=user-2",
    "/api/bill?month=2026-06&owner=user-2",
    `/api/statement/${trade.slot}?owner=user-2`,
    "/api/devices?owner=user-2",
    "/api/alarms?owner=user-2",
    "/api/credit?owner=user-2",
    "/api/orders?owner=user-2",
    "/api/green?owner=user-2",
    `/api/proofs/state?key=contract/${foreign.contract}`,
    "/api/proofs/state?key=account/user-2",
    `/api/proofs/state?key=settlement/${String(trade.slot).padStart(15, "0")}/user-2`,
    "/api/proofs/state?key=credit/user-2",
    `/api/proofs/state?key=green/${String(trade.slot).padStart(15, "0")}/company/solar`,
    "/api/proofs/state?key=device-status/edge-user-2",
    "/api/proofs/state?key=reading/user-2-net",
    "/api/proofs/reading?meter=user-2-net&sequence=1",
    "/api/proofs/event?height=2&event=0",
  ];
  for (const url of refused) {
    const answer = await ask(app, { url, client });
    assert.equal(answer.statusCode, 403, `${url}: ${answer.body.slice(0, 200)}`);
  }
  // A key that names two owners is no way around it.
  for (const key of [
    "account/user-1/../user-2",
    "account/user-1/user-2",
    "settlement/user-1/user-2",
    "owner/user-1",
  ]) {
    const url = `/api/proofs/state?key=${encodeURIComponent(key)}`;
    assert.ok([403, 404].includes((await ask(app, { url, client })).statusCode), key);
  }
});

test("who runs the site reads its own account and notices as an owner does, and nobody else's", async () => {
  const client = clients.get("operator");
  const add = site.store.db.prepare(
    "INSERT INTO notice_message (id, owner, time, height, json) VALUES (?, 'operator', 0, ?, ?)",
  );
  let events = 0;
  const frame = (site.store.block(own.height)?.eventCounts ?? []).findIndex((count) => {
    events += count;
    return events > own.event;
  });
  const prove = ["result", String(own.height), String(frame)];
  const proof = { chain: "busbar-demo", height: own.height, event: own.event, prove };
  const notice = {
    ...{ id: `busbar-demo-${own.height}-0-operator`, owner: "operator", type: "bill-ready" },
    ...{ topic: "bill", key: "bill-to-pay", time: 0, urgent: false, money: 1, currency: "CNY" },
    ...{ facts: { month: { month: "2026-06" }, money: { micro: 1 } }, proof },
  };
  add.run(notice.id, own.height, JSON.stringify(notice));
  const get = async (url: string) => (await ask(app, { url, client })).json();
  assert.deepEqual(
    (await get("/api/notices")).map(({ id }: { id: string }) => id),
    [notice.id],
  );
  assert.equal((await get("/api/account")).owner, "operator");
  assert.equal((await get("/api/account?owner=operator")).owner, "operator");
  assert.equal((await get("/api/preferences")).version, 0);
  assert.deepEqual(await get("/api/deliveries"), []);
  const link = await get(`/api/proofs/link?path=${prove.join("/")}`);
  assert.deepEqual([link.notices.length, link.notices[0]?.id], [1, notice.id]);
  assert.match(link.proofs[0], new RegExp(`^proofs/event\\?height=${own.height}&`));
  for (const url of [
    "/api/account?owner=user-1",
    "/api/statement?owner=user-1",
    `/api/statement/${trade.slot}?owner=user-1`,
    "/api/bill?month=2026-06&owner=user-1",
    "/api/deliveries?owner=user-1",
  ]) {
    assert.equal((await get(url)).code, "access.other-owner", url);
  }
  const payload = {
    notice: site.store.db
      .prepare("SELECT id FROM notice_message WHERE owner = 'user-1' LIMIT 1")
      .get()?.id,
  };
  const resend = { method: "POST", url: "/api/deliveries/resend", payload, client } as const;
  assert.equal((await ask(app, resend)).json().code, "portal.not-found");
  site.store.db.prepare("DELETE FROM notice_message WHERE id = ?").run(notice.id);
});

test("a stream tells an owner of its own trades and readings, and a guest of none", async () => {
  const own = await open();
  await own.listen({ host: "127.0.0.1", port: 0 });
  const address = own.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const listen = async (cookie: string) => {
    const at = { port: address.port, path: "/api/events", headers: { cookie }, agent: false };
    const request = http.get({ host: "127.0.0.1", ...at });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    return response;
  };
  const { cookie } = await signInAs(own, "user-1");
  const owner = await listen(cookie.replace("=", `-${address.port}=`));
  const nobody = await listen("");
  const stop = site.source.subscribe((event) => streams.send(event));
  const until = site.time + hour;
  site.runUntil(until);
  const last = `"height":${site.store.height}`;
  for (const [stream, sees] of [
    [owner, true],
    [nobody, false],
  ] as const) {
    let text = "";
    for await (const chunk of stream) {
      text += String(chunk);
      if (text.includes(last)) break;
    }
    const told = [...text.matchAll(/event: (trade|reading)\ndata: (.*)\n/g)];
    assert.equal(told.length > 0, sees);
    for (const [, , data = ""] of told) {
      const { owner: whose, seller, buyer } = JSON.parse(data);
      assert.ok([whose, seller, buyer].includes("user-1"), data);
    }
    assert.match(text, /event: price/);
  }
  stop();
  await own.close();
});

test("a challenge is good once, for two minutes, for this address, this chain and a known key", async () => {
  const post = (answer: string) =>
    ask(app, { method: "POST", url: "/api/sessions", payload: { answer } });
  const code = async (answer: string) => (await post(answer)).json().code;
  const once = await answerOf(app, "user-1");
  assert.equal((await post(once)).statusCode, 200);
  assert.equal(await code(once), "access.challenge");
  const late = await answerOf(app, "user-1");
  wall += 121_000;
  assert.equal(await code(late), "access.challenge");
  assert.equal(
    await code(await answerOf(app, "user-1", { at: "http://evil.example" })),
    "access.origin",
  );
  assert.equal(await code(await answerOf(app, "user-1", { chain: "other" })), "access.signature");
  assert.equal(await code(await answerOf(app, "stranger")), "access.unknown-key");
  assert.equal(await code(await answerOf(app, "edge-user-1")), "access.unknown-key");
  const cut = Buffer.from(await answerOf(app, "user-1"), "base64url");
  cut[cut.length - 1] = (cut.at(-1) ?? 0) ^ 1;
  assert.equal(await code(cut.toString("base64url")), "access.signature");
});

test("a session ends by itself, when it is idle, and when it is signed out", async () => {
  const own = await open({ sessions: { lifeMs: 10_000, idleMs: 4_000 } });
  const role = async (client: Client) => (await ask(own, { url: "/api/me", client })).json().role;
  const first = await signInAs(own, "user-1");
  for (let passed = 0; passed < 9_000; passed += 3_000) {
    assert.equal(await role(first), "owner");
    wall += 3_000;
  }
  wall += 1_000;
  assert.equal(await role(first), "guest");
  const second = await signInAs(own, "user-1");
  wall += 4_000;
  assert.equal(await role(second), "guest");
  const third = await signInAs(own, "user-1");
  const gone = await ask(own, { method: "DELETE", url: "/api/sessions", client: third });
  assert.match(String(gone.headers["set-cookie"]), /Max-Age=0/);
  assert.equal(await role(third), "guest");
  await own.close();
});

test("a session ends with its key: whoever was given another one signs in anew", async () => {
  let holds = true;
  const grants = site.access(pool, clock);
  const people = { ...grants.people, holds: () => holds };
  const own = await open({ people });
  const client = await signInAs(own, "user-1");
  assert.equal((await ask(own, { url: "/api/me", client })).json().role, "owner");
  holds = false;
  assert.equal((await ask(own, { url: "/api/me", client })).json().role, "guest");
  assert.equal((await ask(own, { url: "/api/account", client })).statusCode, 401);
  await own.close();
});

test("one identity has so many sessions; the oldest one goes", async () => {
  const own = await open({ sessions: { mostEach: 2 } });
  const all = [];
  for (let i = 0; i < 3; i++) all.push(await signInAs(own, "user-1"));
  const roles = [];
  for (const client of all) roles.push((await ask(own, { url: "/api/me", client })).json().role);
  assert.deepEqual(roles, ["guest", "owner", "owner"]);
  await own.close();
});

test("what changes something needs the session's token, and comes from the portal's own page", async () => {
  const client = clients.get("member");
  assert.ok(client !== undefined);
  const drop = (headers: Record<string, string>, as: Client = client) =>
    ask(app, { method: "DELETE", url: "/api/requests/0123456789abcdef", client: as, headers });
  assert.equal((await drop({})).statusCode, 404);
  const bare = { cookie: client.cookie, csrf: "" };
  assert.equal((await drop({}, bare)).json().code, "access.csrf");
  for (const headers of [
    { origin: "https://evil.example" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "null" },
  ]) {
    assert.equal((await drop(headers as Record<string, string>)).json().code, "access.csrf");
  }
  assert.equal((await drop({ origin, "sec-fetch-site": "same-origin" })).statusCode, 404);
  // Nor can another page sign its visitor in as somebody else.
  const payload = { answer: await answerOf(app, "user-2") };
  const headers = { origin: "https://evil.example" };
  const forced = await ask(app, { method: "POST", url: "/api/sessions", payload, headers });
  assert.equal(forced.json().code, "access.csrf");
});

test("the cookie is out of scripts' reach, and behind https goes over nothing else", async () => {
  const cookieOf = async (portal: FastifyInstance, at: string) => {
    const payload = { answer: await answerOf(portal, "user-1", { at }) };
    const answer = await ask(portal, { method: "POST", url: "/api/sessions", payload });
    return String(answer.headers["set-cookie"]);
  };
  assert.match(
    await cookieOf(app, origin),
    /^busbar-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/,
  );
  const behind = await open({}, { publicUrl: "https://market.example/" });
  const cookie = await cookieOf(behind, "https://market.example");
  assert.match(cookie, /^__Host-busbar-session=.*; Secure$/);
  const client = { cookie: cookie.split(";")[0] ?? "", csrf: "" };
  const role = async (sent: string) =>
    (await ask(behind, { url: "/api/me", headers: { cookie: sent } })).json().role;
  assert.equal(await role(client.cookie), "owner");
  // Whoever is on the line, or on a host beside this one, could set the bare name.
  const bare = client.cookie.replace("__Host-", "");
  assert.equal(await role(bare), "guest");
  assert.equal(await role(`${bare.slice(0, -43)}${"x".repeat(43)}; ${client.cookie}`), "owner");
  await behind.close();
});

test("two portals on one host do not sign each other's visitors out", async () => {
  const both = [await open(), await open()];
  const jar = new Map<string, string>();
  for (const portal of both) {
    const url = await portal.listen({ host: "127.0.0.1", port: 0 });
    const answer = await answerOf(portal, "user-1", { at: url });
    const reply = await fetch(`${url}/api/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ answer }),
    });
    const [name = "", token = ""] = (reply.headers.get("set-cookie") ?? "").split(/[=;]/);
    jar.set(name, token);
  }
  const cookie = Array.from(jar, ([name, token]) => `${name}=${token}`).join("; ");
  for (const portal of both) {
    const { port } = portal.server.address() as AddressInfo;
    const me = await fetch(`http://127.0.0.1:${port}/api/me`, { headers: { cookie } });
    assert.equal((await me.json()).role, "owner");
    await portal.close();
  }
});

test("a name that somebody else's name server answers for is none of the portal's", async () => {
  const codeAt = async (portal: FastifyInstance, host: string) =>
    (await ask(portal, { url: "/api/me", headers: { host } })).json().code;
  const named = await open({}, { hosts: ["market.example"] });
  for (const host of [
    "127.0.0.1:8080",
    "[::1]:8080",
    "localhost",
    "elm-1:8080",
    "elm.local",
    "elm.local.",
    "market.example:8080",
    "MARKET.example",
  ]) {
    assert.equal(await codeAt(named, host), undefined, host);
  }
  for (const host of ["evil.example", "market.example.evil.example", "127.0.0.1.evil.example"]) {
    assert.equal(await codeAt(named, host), "access.host", host);
  }
  fc.assert(fc.property(fc.string(), (text) => typeof isHostAllowed(text, []) === "boolean"));
  await named.close();
  const behind = await open({}, { publicUrl: "https://market.example/" });
  assert.equal(await codeAt(behind, "upstream.example"), undefined);
  await behind.close();
});

test("behind a proxy that is trusted each has its own limits, and nobody else makes up an address", async () => {
  const rates = { ...clock.rates, requests: { burst: 2, perSecond: 0.001 } };
  const statusOf = async (portal: FastifyInstance, remoteAddress: string, from: string) => {
    const headers = { host: "localhost", "x-forwarded-for": from };
    const answer = await portal.inject({ url: "/api/me", headers, remoteAddress });
    return answer.statusCode;
  };
  const behind = await open({ rates }, { proxies: ["10.0.0.0/8"] });
  for (const from of ["192.0.2.1", "192.0.2.2"]) {
    const got = [];
    for (let i = 0; i < 3; i++) got.push(await statusOf(behind, "10.0.0.5", from));
    assert.deepEqual(got, [200, 200, 429], from);
  }
  const got = [];
  for (let i = 0; i < 3; i++) got.push(await statusOf(behind, "203.0.113.9", `192.0.2.${i + 10}`));
  assert.deepEqual(got, [200, 200, 429]);
  await behind.close();
});

test("one address cannot ask without end, nor sign in without end", async () => {
  const tight = { requests: { burst: 5, perSecond: 1 }, signIns: { burst: 2, perSecond: 0.1 } };
  const own = await open({ rates: tight });
  const codes = [];
  for (let i = 0; i < 4; i++) {
    codes.push((await ask(own, { method: "POST", url: "/api/challenges" })).statusCode);
  }
  assert.deepEqual(codes, [200, 200, 429, 429]);
  const more = [];
  for (let i = 0; i < 2; i++) more.push((await ask(own, { url: "/api/me" })).json().code ?? "ok");
  assert.deepEqual(more, ["ok", "access.too-many"]);
  wall += 3_000;
  assert.equal((await ask(own, { url: "/api/me" })).statusCode, 200);
  await own.close();
});

test("neither an address nor a signer that floods the door for quotes keeps others from it", async () => {
  const own = await open({ rates: { ...clock.rates, frames: { burst: 2, perSecond: 0.001 } } });
  const headers = { host: "localhost:80", "content-type": "application/octet-stream" };
  const codes = async (remoteAddress: string) => {
    const all = [];
    for (let i = 0; i < 3; i++) {
      const asked = { method: "POST" as const, url: "/api/quotes", headers, remoteAddress };
      all.push((await own.inject({ ...asked, payload: Buffer.from("x") })).json().code);
    }
    return all.map((code) => code === "access.too-many");
  };
  assert.deepEqual(await codes("192.0.2.7"), [false, false, true]);
  assert.deepEqual(await codes("192.0.2.8"), [false, false, true]);
  await own.close();
  const door = site.quoteDoor(pool);
  // Whoever names another one's key without having it spends nothing of it.
  const codeOf = async (name: string, chain = "busbar-demo") => {
    const about = { id: new Uint8Array(16), owner: name, slot: utcMs(0), gate: utcMs(0) };
    const message = { ...about, hash: sealQuotes(about, [], new Uint8Array(32)) };
    const answer = await door(
      sealFrame("quote-commit", message, { chain, signer: signerOfName(name) }),
    );
    return answer.ok ? undefined : answer.code;
  };
  for (let i = 0; i < 30; i++) assert.equal(await codeOf("user-1", "other"), "ingest.signature");
  for (let i = 0; i < 20; i++) assert.notEqual(await codeOf("user-1"), "ingest.too-many");
  assert.equal(await codeOf("user-1"), "ingest.too-many");
  assert.notEqual(await codeOf("user-2"), "ingest.too-many");
});

test("a link signs in once, and only where links are made", async () => {
  const client = clients.get("owner");
  const { link } = (await ask(app, { method: "POST", url: "/api/links", client })).json();
  const follow = () => ask(app, { method: "POST", url: "/api/sessions", payload: { link } });
  assert.equal((await follow()).json().id, "user-1");
  assert.equal((await follow()).json().code, "access.link");
  const without = await open({ links: false });
  const own = await signInAs(without, "user-1");
  const refused = await ask(without, { method: "POST", url: "/api/links", client: own });
  assert.equal(refused.json().code, "access.links-off");
  await without.close();
});

test("a member signs a request that waits, and it leaves the list with the block that admits it", async () => {
  const client = clients.get("member");
  const owner = {
    id: "anna",
    party: "user" as const,
    name: "Anna",
    key: signerOfName("anna").publicKey,
    boxKey: signerOfName("anna box").publicKey,
  };
  const meters = [{ id: "anna-net", role: "connection" as const, feeder: "feeder-1" }];
  const device = {
    id: "edge-anna",
    owner: "anna",
    key: signerOfName("edge-anna").publicKey,
    meters,
  };
  const text = requestText({ owner, device }, sha256);
  const put = await ask(app, { method: "POST", url: "/api/requests", payload: { text } });
  assert.equal(put.statusCode, 202, put.body);
  const waiting = async () => (await ask(app, { url: "/api/requests", client })).json();
  const [request] = await waiting();
  assert.deepEqual(
    [request.owner.id, request.device.id, request.text],
    ["anna", "edge-anna", text],
  );
  // Whoever was told that it waits is not forgotten with the process.
  const again = new Mailbox({ store: site.store, now: Date.now });
  assert.deepEqual(again.list(), [request]);
  const admission = {
    nonce: new Uint8Array(16),
    member: "recorder-1",
    owners: [owner],
    devices: [device],
    until: utcMs(site.time + hour),
  };
  const frame = (by: string) =>
    Buffer.from(
      sealFrame("admission", admission, { chain: "busbar-demo", signer: signerOfName(by) }),
    );
  const headers = { "content-type": "application/octet-stream" };
  const hand = (payload: Buffer, as = client) =>
    ask(app, { method: "POST", url: "/api/messages", client: as, payload, headers });
  assert.equal((await hand(frame("user-1"))).json().code, "ingest.wrong-signer");
  assert.equal(
    (await hand(frame("recorder-1"), clients.get("owner"))).json().code,
    "ingest.wrong-kind",
  );
  const taken = await hand(frame("recorder-1"));
  assert.equal(taken.statusCode, 202, taken.body);
  site.commit(pool.frames.splice(0).map(({ bytes }) => bytes));
  assert.deepEqual(await waiting(), []);
  const anna = await signInAs(app, "anna");
  assert.equal((await ask(app, { url: "/api/account", client: anna })).json().owner, "anna");
});

test("what was given up is shown to its owner and to members, and goes out again", async () => {
  const { db } = site.store;
  const newest = db.prepare("SELECT id FROM notice_message WHERE owner = ? ORDER BY seq DESC");
  const [own = "", other = ""] = ["user-1", "company"].map((one) => String(newest.get(one)?.id));
  const add = db.prepare(
    `INSERT INTO delivery (notice, channel, owner, state, attempts, next, error, height)
     VALUES (?, ?, ?, ?, 14, 5, 'hooks.example answered 500', 1)`,
  );
  add.run(own, "webhook", "user-1", "dead");
  add.run(own, "mqtt", "user-1", "delivered");
  add.run(other, "email", "company", "dead");
  const list = async (query: string, who: Role) =>
    (await ask(app, { url: `/api/deliveries${query}`, client: clients.get(who) })).json();
  const names = (rows: readonly { notice: string; channel: string }[]) =>
    rows.map(({ notice, channel }) => [notice, channel]);
  assert.deepEqual(names(await list("?state=dead", "member")), [
    [other, "email"],
    [own, "webhook"],
  ]);
  const mine = await list("", "owner");
  assert.deepEqual(names(mine), [
    [own, "mqtt"],
    [own, "webhook"],
  ]);
  assert.deepEqual(names(await list(`?before=${mine[0].seq}`, "owner")), [[own, "webhook"]]);
  assert.equal(mine[1].error, "hooks.example answered 500");
  assert.equal((await list("?owner=company", "owner")).code, "access.other-owner");
  assert.equal((await list("?state=lost", "member")).code, "portal.query");
  const resend = async (payload: object, who: Role) =>
    (
      await ask(app, {
        ...{ method: "POST", url: "/api/deliveries/resend", payload },
        client: clients.get(who),
      })
    ).json();
  assert.equal((await resend({ notice: other }, "owner")).code, "portal.not-found");
  assert.equal((await resend({ notice: own, channel: "pigeon" }, "owner")).code, "portal.query");
  assert.deepEqual(await resend({ notice: own }, "owner"), { notice: own, channels: ["webhook"] });
  assert.deepEqual(await resend({ notice: own }, "owner"), { notice: own, channels: [] });
  assert.deepEqual(await resend({ notice: other, channel: "email" }, "member"), {
    ...{ notice: other, channels: ["email"] },
  });
  assert.deepEqual(await list("?state=dead", "member"), []);
  assert.deepEqual(names(await list("?state=queued", "member")).length, 2);
  // What was not given up goes again once an hour: an address may be somebody else's.
  const attempt = db.prepare("INSERT INTO delivery_log VALUES (NULL, ?, 'mqtt', ?, 1, NULL)");
  const byMqtt = () => resend({ notice: own, channel: "mqtt" }, "owner");
  attempt.run(own, Date.now() - 3_000_000);
  assert.equal((await byMqtt()).code, "portal.sent-lately");
  db.prepare("UPDATE delivery_log SET at = at - 700000").run();
  assert.deepEqual((await byMqtt()).channels, ["mqtt"]);
  attempt.run(own, Date.now());
  assert.equal((await byMqtt()).code, "portal.sent-lately");
  assert.deepEqual((await resend({ notice: own, channel: "mqtt" }, "member")).channels, ["mqtt"]);
  db.exec("DELETE FROM delivery_log; DELETE FROM delivery;");
});

test("an owner's message is judged by the ledger's rule at once, and is its own", async () => {
  const client = clients.get("owner");
  const [gate] = site.source.gates().gates;
  const slot = utcMs(gate?.slot ?? 0);
  const about = { id: new Uint8Array(16), owner: "user-2", slot, gate: utcMs(gate?.gate ?? 0) };
  const message = { ...about, hash: sealQuotes(about, [], new Uint8Array(32)) };
  const signing = { chain: "busbar-demo", signer: signerOfName("user-2") };
  const payload = Buffer.from(sealFrame("quote-commit", message, signing));
  const headers = { "content-type": "application/octet-stream" };
  const answer = await ask(app, { method: "POST", url: "/api/messages", client, payload, headers });
  assert.equal(answer.json().code, "ingest.wrong-signer");
});

test("an operator signs as the owner that it is: its order is judged by the ledger", async () => {
  const client = clients.get("operator");
  const slot = utcMs(Math.ceil(site.time / hour) * hour + hour);
  const message = {
    ...{ id: new Uint8Array(16), by: "operator", device: "edge-user-1", action: "shed" as const },
    ...{ slot, slots: 1, energy: wh(400), price: microPerKwh(500_000), answerBy: slot },
  };
  const signing = { chain: "busbar-demo", signer: signerOfName("operator") };
  const payload = Buffer.from(sealFrame("demand-order", message, signing));
  const headers = { "content-type": "application/octet-stream" };
  const hand = (as: Client | undefined) =>
    ask(app, { method: "POST", url: "/api/messages", client: as, payload, headers });
  // Six hours of readings are too few for a baseline; nobody else hands it in.
  assert.equal((await hand(client)).json().code, "demand.no-baseline");
  assert.equal((await hand(clients.get("owner"))).json().code, "ingest.wrong-signer");
});

test("whatever is asked, nothing breaks, and every no has a code and a reason", async () => {
  const document = (await ask(app, { url: "/docs/openapi.json" })).json();
  const operations = Object.entries(
    document.paths as Record<string, Record<string, Operation>>,
  ).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  assert.ok(operations.length >= Object.keys(access).length);
  const odd = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.integer().map(String),
    fc.constantFrom(
      "",
      "0",
      "-1",
      "1e9",
      "9007199254740993",
      "null",
      "../../etc",
      "%00",
      "'; --",
      "a".repeat(500),
    ),
  );
  const body = fc.oneof(
    fc.jsonValue().map((value) => ({ payload: JSON.stringify(value), type: "application/json" })),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({
      payload: Buffer.from(bytes),
      type: "application/octet-stream",
    })),
    fc.string({ maxLength: 80 }).map((payload) => ({ payload, type: "application/json" })),
    fc.constant({ payload: "<x/>", type: "application/xml" }),
  );
  const session = fc.constantFrom(...roles);
  const request = fc.record({
    which: fc.nat(operations.length - 1),
    values: fc.array(odd, { minLength: 6, maxLength: 6 }),
    extra: fc.option(odd),
    body,
    session,
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ which, values, extra, body: sent, session: role }) => {
      const chosen = operations[which];
      if (chosen === undefined || chosen.path === "/api/events") return;
      const { path, method, operation } = chosen;
      // Signing out would end the session that the others are asked with.
      if (method === "delete" && path === "/api/sessions") return;
      let [url, next] = [path, 0];
      const query = new URLSearchParams();
      for (const { name, in: place } of operation.parameters) {
        const value = values[next++ % values.length] ?? "";
        if (place === "path") url = url.replace(`{${name}}`, encodeURIComponent(value));
        else query.append(name, value);
      }
      if (extra !== null) query.append(extra, "1");
      const answer = await ask(app, {
        method: method.toUpperCase() as "GET",
        url: `${url}?${query}`,
        client: clients.get(role),
        ...(method === "get"
          ? {}
          : { payload: sent.payload, headers: { "content-type": sent.type } }),
      });
      const seen = `${role} ${method} ${url}?${query}: ${answer.statusCode} ${answer.body.slice(0, 300)}`;
      assert.ok(answer.statusCode < 500, seen);
      if (answer.statusCode < 400) return;
      const { code, message } = answer.json();
      assert.match(code, /^[a-z]+\.[a-z-]+$/, seen);
      assert.ok(typeof message === "string" && message.length > 0, seen);
    }),
    { numRuns: 400 },
  );
});

type Operation = {
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly "x-roles": readonly string[];
};

test("the document says of each route what the server checks, and needs nothing from elsewhere", async () => {
  const { paths, openapi } = (await ask(app, { url: "/docs/openapi.json" })).json();
  assert.equal(openapi, "3.1.0");
  for (const [route, allowed] of Object.entries(access)) {
    const [method = "", url = ""] = route.split(" ");
    const operation = paths[url.replace(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
    assert.ok(operation?.summary.length > 5, route);
    assert.deepEqual(operation["x-roles"], allowed, route);
  }
  const html = await ask(app, { url: "/docs" });
  assert.equal(html.headers["content-type"], "text/html; charset=utf-8");
  assert.doesNotMatch(html.body, /<script|https?:\/\/|style=/);
  assert.match(html.body, /GET \/api\/statement\/\{slot\}/);
});
