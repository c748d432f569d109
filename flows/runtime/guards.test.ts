import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openGuard, passwordGuard } from "./node-guard.ts";
import { bcrypt } from "./node-red.ts";
import { openPassword, setPassword } from "./secrets.ts";
import { isOpenToOthers, pagesGuard, portalSignIn } from "./sign-in.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-guards-"));
after(() => rmSync(folder, { recursive: true }));
const password = "a long enough one";
const hash = bcrypt().hashSync(password, 4);

function request(headers: Readonly<Record<string, string>>, method = "GET", ip = "10.0.0.1") {
  const rawHeaders = Object.entries(headers).flat();
  const made = { method, headers: { ...headers }, rawHeaders, socket: { remoteAddress: ip } };
  return made as unknown as IncomingMessage;
}
const basic = (given: string, user = "admin") => ({
  authorization: `Basic ${Buffer.from(`${user}:${given}`).toString("base64")}`,
});

test("the right password comes in while others are compared, and no flow is given it", async () => {
  const guard = passwordGuard("admin", hash);
  const first = request(basic(password));
  assert.equal(await guard(first), undefined);
  assert.deepEqual([first.headers, first.rawHeaders], [{}, []]);
  const crowd = Array.from({ length: 4 }, (_, i) => guard(request(basic("wrong"), "GET", `${i}`)));
  assert.equal((await guard(request(basic("wrong"), "GET", "9")))?.status, 429);
  assert.equal(await guard(request(basic(password))), undefined);
  for (const denial of await Promise.all(crowd)) assert.equal(denial?.status, 401);
});

test("wrong passwords are told, and after ten an address waits; who is right goes on", async () => {
  const told: { blocked: boolean; ip: string }[] = [];
  let time = 0;
  const onWrong = (wrong: { blocked: boolean; ip: string }) => void told.push(wrong);
  const guard = passwordGuard("admin", hash, { onWrong, now: () => time });
  const status = async (given: string, ip?: string, user?: string) =>
    (await guard(request(basic(given, user), "GET", ip)))?.status;
  for (let i = 0; i < 5; i += 1) {
    assert.equal(await status("wrong"), 401);
    assert.equal(await status("wrong", undefined, "root"), 401);
  }
  assert.equal(told.length, 10);
  assert.deepEqual([told[8]?.blocked, told[9]?.blocked], [false, true]);
  // Compared no more: neither a guess nor the right one, from there.
  assert.equal(await status("wrong"), 429);
  assert.equal(await status(password), 429);
  assert.equal(await status(password, "10.0.0.2"), undefined);
  assert.equal(await status(password), undefined);
  assert.equal(told.length, 10);
  time += 600_001;
  assert.equal(await status("wrong"), 401);
});

test("a page elsewhere sends nothing with the password that a browser keeps", async () => {
  const guard = passwordGuard("admin", hash);
  const foreign = {
    ...basic(password),
    host: "here:1880",
    origin: "https://elsewhere.example.org",
  };
  assert.equal((await guard(request(foreign, "POST")))?.status, 403);
  assert.equal((await guard(request({ ...foreign, upgrade: "websocket" })))?.status, 403);
  assert.equal(await guard(request({ ...foreign, origin: "http://here:1880" }, "POST")), undefined);
});

test("pages that are open to all are not so to a page elsewhere", async () => {
  const here = { host: "here:1880", origin: "http://here:1880" };
  const foreign = { ...here, origin: "https://elsewhere.example.org" };
  for (const [headers, method, status] of [
    [{ host: "here:1880" }, "POST", undefined],
    [here, "POST", undefined],
    [foreign, "GET", undefined],
    [foreign, "POST", 403],
    [{ ...foreign, upgrade: "websocket" }, "GET", 403],
    [{ ...here, "sec-fetch-site": "cross-site" }, "DELETE", 403],
    [{ host: "here:1880", origin: "null" }, "POST", 403],
  ] as const) {
    assert.equal((await openGuard(request(headers, method)))?.status, status, method);
  }
  // With the portal's sign-in it is the same, and the portal's cookie stays away from flows.
  const signIn = portalSignIn(
    { portal: "http://127.0.0.1:9", edit: [], read: [], act: [] },
    { httpNode: "open" },
  );
  const cookie = `own=1; busbar-session=${"x".repeat(43)}`;
  const own = request({ ...here, cookie }, "POST");
  assert.equal(await signIn.guard(own), undefined);
  assert.equal(own.headers.cookie, "own=1");
  assert.equal((await signIn.guard(request({ ...foreign, cookie }, "POST")))?.status, 403);
  signIn.close();
});

test("who may only look sends nothing and opens no socket on flows' pages", async () => {
  const guardOf = (may: "edit" | "read" | "nothing", acts: boolean) =>
    pagesGuard({ visitorOf: async () => ({ id: "v", role: "viewer", may, acts }) }, "http://p");
  const upgrade = { upgrade: "websocket" };
  for (const [may, acts, looks, does] of [
    ["edit", true, undefined, undefined],
    ["read", false, undefined, 403],
    ["read", true, undefined, undefined],
    ["nothing", true, undefined, undefined],
    ["nothing", false, 403, 403],
  ] as const) {
    const status = async (asked: IncomingMessage) => (await guardOf(may, acts)(asked))?.status;
    assert.equal(await status(request({})), looks, may);
    assert.equal(await status(request({}, "HEAD")), looks, may);
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      assert.equal(await status(request({}, method)), does, `${may} ${method}`);
    }
    assert.equal(await status(request(upgrade)), does, may);
  }
});

test("a portal on another machine without TLS is seen", () => {
  for (const [url, open] of [
    ["http://127.0.0.1:8080", false],
    ["http://localhost:8080/", false],
    ["http://[::1]:8080", false],
    ["https://portal.example.org", false],
    ["http://portal.example.org", true],
    ["http://192.168.0.4:8080", true],
  ] as const) {
    assert.equal(isOpenToOthers(url), open, url);
  }
});

test("another password ends the sessions that were begun with the one before, a restart does not", () => {
  const userDir = join(folder, "user");
  const sessions = join(userDir, ".sessions.json");
  openPassword(userDir, password);
  writeFileSync(sessions, "{}");
  openPassword(userDir);
  assert.ok(existsSync(sessions));
  setPassword(userDir, "another long one");
  assert.ok(!existsSync(sessions));
  writeFileSync(join(userDir, "run.pid"), "garbage");
  writeFileSync(sessions, "{}");
  openPassword(userDir);
  assert.ok(existsSync(sessions));
});
