import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { foreignSender } from "./foreign-sender.ts";
import { hidePortalCookie, PortalDoor } from "./portal-door.ts";

const cookie = (sign: string) => `busbar-session=${sign.repeat(43)}`;

/** A door at a portal that knows some cookies, and a clock that stands still. */
function doorOf(people: Readonly<Record<string, object>>, fails: { now?: unknown } = {}) {
  const asked: string[] = [];
  const told: string[] = [];
  const clock = { ms: 0 };
  const ask = async (_url: unknown, init?: RequestInit) => {
    const given = new Headers(init?.headers).get("cookie");
    asked.push(String(given));
    if (fails.now !== undefined) throw fails.now;
    const known = people[String(given)] ?? { role: "guest", id: null };
    return new Response(JSON.stringify(known));
  };
  const door = new PortalDoor({
    portal: "http://127.0.0.1:8080/",
    edit: ["operator", "owner:house-1"],
    read: ["viewer"],
    report: (text) => void told.push(text),
    fetch: ask as typeof fetch,
    now: () => clock.ms,
  });
  return { door, asked, told, clock, people: people as Record<string, object> };
}

const person = (role: string, id: string) => ({ role, id });

test("a role, or one person of a role, may edit or look; everybody else nothing", async () => {
  const { door } = doorOf({
    [cookie("a")]: person("operator", "grid"),
    [cookie("b")]: person("owner", "house-1"),
    [cookie("c")]: person("owner", "house-2"),
    [cookie("d")]: person("viewer", "guest-1"),
    // A name that is a role's, or an entry's, is no role.
    [cookie("e")]: person("owner", "operator"),
    [cookie("f")]: person("root", "house-1"),
  });
  const may = async (sign: string) => (await door.visitorOf(`x=1; ${cookie(sign)}; y=2`))?.may;
  assert.deepEqual(await Promise.all(["a", "b", "c", "d", "e", "f", "g"].map(may)), [
    "edit",
    "edit",
    "nothing",
    "read",
    "nothing",
    undefined,
    undefined,
  ]);
  door.close();
});

test("the portal is asked once for what a page asks at a time, and anew some seconds later", async () => {
  const { door, asked, clock, people } = doorOf({ [cookie("a")]: person("viewer", "v") });
  await Promise.all(Array.from({ length: 50 }, () => door.visitorOf(cookie("a"))));
  assert.equal(asked.length, 1);
  delete people[cookie("a")];
  clock.ms += 2_999;
  assert.equal((await door.visitorOf(cookie("a")))?.may, "read");
  clock.ms += 1;
  assert.equal(await door.visitorOf(cookie("a")), undefined);
  door.close();
});

test("a socket that is open closes when its visitor signed out, or may no more", async () => {
  const { door, clock, people } = doorOf({
    [cookie("a")]: person("viewer", "v"),
    [cookie("b")]: person("viewer", "w"),
  });
  const [gone, stays] = [new PassThrough(), new PassThrough()];
  door.watch(gone, cookie("a"));
  door.watch(stays, cookie("b"));
  await door.look();
  assert.deepEqual([gone.destroyed, stays.destroyed], [false, false]);
  delete people[cookie("a")];
  clock.ms += 10_000;
  await door.look();
  assert.deepEqual([gone.destroyed, stays.destroyed], [true, false]);
  door.close();
});

test("a portal that is away lets nobody in, is told once, and is asked again at once", async () => {
  const fails: { now?: unknown } = { now: new Error("connection refused") };
  const { door, told, asked } = doorOf({ [cookie("a")]: person("viewer", "v") }, fails);
  for (let i = 0; i < 3; i += 1) {
    await assert.rejects(door.visitorOf(cookie("a")), { code: "flows.portal" });
  }
  assert.equal(asked.length, 3);
  assert.equal(told.length, 1);
  assert.match(told[0] ?? "", /connection refused/);
  delete fails.now;
  assert.equal((await door.visitorOf(cookie("a")))?.may, "read");
  door.close();
});

test("of several portals on a host the cookies of all are handed on, and nothing else", async () => {
  const { door, asked } = doorOf({});
  const [first, second] = [cookie("a").replace("=", "-8080="), cookie("b").replace("=", "-8081=")];
  await door.visitorOf(`${first}; own=1; ${second}`);
  assert.deepEqual(asked, [`${first}; ${second}`]);
  door.close();
});

test("made-up cookies are not all asked after, and garbage never is", async () => {
  const { door, asked } = doorOf({});
  const many = Array.from(
    { length: 100 },
    (_, i) => `busbar-session=${String(i).padStart(43, "x")}`,
  );
  const answers = await Promise.allSettled(many.map((one) => door.visitorOf(one)));
  assert.equal(asked.length, 16);
  assert.equal(answers.filter(({ status }) => status === "rejected").length, 84);
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      assert.equal(await door.visitorOf(text), undefined);
    }),
  );
  assert.equal(asked.length, 16);
  door.close();
});

const request = (method: string, headers: Readonly<Record<string, string>>) =>
  ({ method, headers, rawHeaders: Object.entries(headers).flat() }) as unknown as IncomingMessage;

test("only the editor's own page may change anything, or open a socket", () => {
  const host = "127.0.0.1:1880";
  const own = { host, origin: `http://${host}` };
  const other = { host, origin: "http://127.0.0.1:8080" };
  const fetched = (site: string) => ({ ...other, "sec-fetch-site": site });
  const upgrade = { upgrade: "websocket" };
  for (const [method, headers, lets] of [
    ["GET", other, true],
    ["POST", own, true],
    ["POST", { host }, true],
    ["POST", other, false],
    ["POST", { host, origin: "null" }, false],
    ["POST", fetched("same-site"), false],
    ["POST", fetched("cross-site"), false],
    ["POST", fetched("same-origin"), true],
    ["DELETE", other, false],
    ["GET", { ...other, ...upgrade }, false],
    ["GET", { ...own, ...upgrade }, true],
  ] as const) {
    assert.equal(
      foreignSender(request(method, headers)) === undefined,
      lets,
      JSON.stringify(headers),
    );
  }
});

test("flows are not given the portal's cookie, and keep their own", () => {
  for (const [given, left] of [
    [cookie("a"), ""],
    [`own=1; ${cookie("a")}; two=2`, "own=1; two=2"],
    [`__Host-${cookie("a")};own=1`, "own=1"],
    [`own=1; ${cookie("a").replace("=", "-8080=")}`, "own=1"],
    ["own=1", "own=1"],
  ] as const) {
    const asked = request("GET", { Cookie: given, cookie: given });
    hidePortalCookie(asked);
    assert.equal(asked.headers.cookie, left);
    assert.ok(!JSON.stringify(asked.rawHeaders).includes("busbar-session"));
  }
});
