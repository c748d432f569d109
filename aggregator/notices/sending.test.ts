import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Failure, type NoticeLease, utcMs } from "@busbar/protocol";
import { openProjections } from "../ledger/projection.ts";
import { noticeLeases } from "../ledger/rules/notices/tables.ts";
import { nobodyListens } from "./channel.ts";
import { countDeliveries, DeliveryTable } from "./delivery-table.ts";
import { outbox } from "./outbox.ts";
import { attemptsOf, putExtra, readNotice, readNotices, resend } from "./read.ts";
import { Sender } from "./sender.ts";
import { hour, Member, once, one, owners, Site, startTime } from "./test-members.ts";

/** What happens between the outbox and the channels, on clocks that the test owns. */

test("a notice that fails is sent again after a growing pause, and counts as delivered once", async () => {
  const { site, member } = one();
  let down = true;
  const ids: string[] = [];
  member.deliver = async ({ id }) => {
    ids.push(id);
    if (down) throw new Failure("notice.unreachable", "away", { retry: "later" });
  };
  site.block();
  await member.until(() => member.failed.length === 2);
  assert.deepEqual(countDeliveries(member.db), { queued: 2, delivered: 0, dead: 0 });
  member.sender.wake();
  assert.equal(ids.length, 2, "nothing is sent before its pause is over");
  down = false;
  site.time += 1_000;
  member.sender.wake();
  await member.until(() => member.sent.length === 2);
  assert.deepEqual(countDeliveries(member.db), { queued: 0, delivered: 2, dead: 0 });
  assert.equal(new Set(ids).size, 2, "the receiver sees the same id both times");
  const [record] = readNotices(member.db, { owner: "company", limit: 5 });
  assert.ok(record);
  assert.deepEqual(
    attemptsOf(member.db, record.notice.id).map(({ channel, error }) => [channel, error]),
    [
      ["email", "away"],
      ["email", null],
    ],
  );
  await site.stop();
});

test("what comes later waits behind what failed: an owner reads its notices in order", async () => {
  const { site, member } = one();
  let down = true;
  const heights: string[] = [];
  member.deliver = async ({ id, owner }) => {
    if (owner !== "user-1") return;
    if (down) throw new Failure("notice.unreachable", "away", { retry: "later" });
    heights.push(id.split("-")[1] ?? "");
  };
  site.block();
  await member.until(() => member.failed.length === 1);
  down = false;
  site.block();
  site.block();
  await member.until(() => member.sent.length === 3);
  assert.deepEqual(heights, [], "its pause is not over");
  assert.deepEqual([member.table.dueLanes(site.time), member.failed.length], [[], 1]);
  site.time += 1_000;
  member.sender.wake();
  await member.until(() => member.sent.length === 6);
  assert.deepEqual(heights, ["1", "2", "3"]);
  await site.stop();
});

test("a receiver that asks to be left alone for a while is", async () => {
  const { site, member } = one();
  member.deliver = async () => {
    throw new Failure("notice.refused", "429", { retry: "later", cause: { waitMs: 90_000 } });
  };
  site.block();
  await member.until(() => member.failed.length === 2);
  site.time += 89_999;
  member.sender.wake();
  assert.equal(member.failed.length, 2);
  site.time += 1;
  member.sender.wake();
  await member.until(() => member.failed.length === 4);
  await site.stop();
});

test("what can never succeed is dead at once, what keeps failing in the end, and both are seen and sent again", async () => {
  const { site, member } = one();
  let how: "never" | "later" | "ok" = "never";
  member.deliver = async () => {
    if (how !== "ok") throw new Failure("notice.refused", "no such mailbox", { retry: how });
  };
  site.block();
  await member.until(() => member.failed.length === 2);
  assert.deepEqual(countDeliveries(member.db), { queued: 0, delivered: 0, dead: 2 });
  how = "later";
  site.block();
  for (let attempt = 1; attempt <= 6; attempt++) {
    await member.until(() => member.failed.length === 2 + 2 * attempt);
    site.time += 5 * 3_600_000;
    member.sender.wake();
  }
  assert.deepEqual(countDeliveries(member.db), { queued: 0, delivered: 0, dead: 4 });
  const dead = readNotices(member.db, { state: "dead", limit: 10 });
  assert.equal(dead.length, 4);
  assert.deepEqual(
    dead[0]?.deliveries.map(({ attempts, error }) => [attempts, error]),
    [[6, "no such mailbox"]],
  );
  how = "ok";
  for (const { notice } of dead) assert.deepEqual(resend(member.db, notice.id), ["email"]);
  assert.deepEqual(resend(member.db, "nothing"), []);
  member.sender.wake();
  await member.until(() => member.sent.length === 4);
  assert.deepEqual(countDeliveries(member.db), { queued: 0, delivered: 4, dead: 0 });
  await site.stop();
});

for (const random of [0, 1]) {
  test(`a receiver is tried for a day, with whatever jitter, and what waits behind has no second one: ${random}`, async () => {
    const { site, member } = one();
    member.random = random;
    member.deliver = async ({ owner }) => {
      if (owner === "user-1") throw new Failure("notice.refused", "500", { retry: "later" });
    };
    site.block();
    await member.until(() => member.failed.length === 1);
    site.time += hour;
    site.block();
    await member.until(() => member.failed.length === 2);
    const died: number[] = [];
    while (died.length < 2) {
      const { at } = member.table.next(site.time);
      // It is under way.
      if (at === undefined) await turn();
      else {
        assert.ok(at - site.time <= 4 * hour && at < startTime + 60 * hour);
        site.time = at;
        member.sender.wake();
      }
      const dead = member.statesOf("user-1").filter((state) => state === "dead");
      while (died.length < dead.length) died.push((site.time - startTime) / hour - died.length);
    }
    for (const hours of died) assert.ok(hours >= 24 && hours <= 28, `${died} h`);
    assert.ok(member.failed.length < 60);
    await site.stop();
  });
}

test("a receiver that has taken something is tried for a day anew", async () => {
  const { site, member } = one();
  let taken = "";
  member.deliver = async ({ owner, id }) => {
    if (owner !== "user-1" || id === taken) return;
    throw new Failure("notice.refused", "500", { retry: "later" });
  };
  site.block();
  await member.until(() => member.failed.length === 1);
  site.block();
  site.time += hour;
  member.sender.wake();
  await member.until(() => member.failed.length === 2);
  taken = "elm-1-0-user-1";
  for (const [failed, states] of [
    [3, ["delivered", "queued"]],
    [4, ["delivered", "queued"]],
  ] as const) {
    site.time += 20 * hour;
    member.sender.wake();
    await member.until(() => member.failed.length === failed);
    assert.deepEqual(member.statesOf("user-1"), states);
  }
  await site.stop();
});

test("how a notice fared is kept for as long as is said, and what nobody fetched is let go with it", async () => {
  const site = new Site([], { ways: [once("email"), once("mqtt")] });
  site.keepMs = 10 * hour;
  const member = new Member("m1", site);
  site.members.push(member);
  member.deliver = async (_, channel) => {
    if (channel === "mqtt") throw new Failure(nobodyListens, "away", { retry: "later" });
  };
  while (site.blocks.length < 63) site.block();
  await member.until(() => member.sent.length === 126);
  const made = 4 * 63;
  assert.equal(member.states.length, made);
  site.time += 10 * hour;
  site.block();
  assert.equal(member.states.length, made + 4, "it is as old, and no older");
  await member.until(() => member.sent.length === 128);
  site.time += 1;
  while (site.blocks.length < 128) site.block();
  await member.until(() => member.sent.length === 256);
  assert.equal(member.states.length, 4 * 65);
  assert.deepEqual(countDeliveries(member.db), { queued: 130, delivered: 256, dead: 0 });
  assert.equal(readNotices(member.db, { limit: 500 }).length, 256, "the notices stay");
  await site.stop();
});

test("what its owner does not want any more is dropped, and what is gone is dead", async () => {
  const { site, member } = one();
  site.block();
  await member.until(() => member.sent.length === 2);
  member.wanted = false;
  site.block();
  while (member.states.at(-1) !== "dropped") await turn();
  assert.deepEqual(member.states, ["delivered", "delivered", "dropped", "dropped"]);
  assert.deepEqual(countDeliveries(member.db), { queued: 0, delivered: 2, dead: 0 });
  await site.stop();

  const other = one();
  other.site.time = startTime;
  other.member.deliver = async () => {
    throw new Failure(nobodyListens, "away", { retry: "later" });
  };
  other.site.block();
  await other.member.sender.stop();
  other.member.db.exec("DELETE FROM notice_message");
  const again = new Sender({
    ...{
      table: other.member.table,
      permit: { may: () => true, want: () => {}, failed: () => {} },
      now: () => startTime,
    },
    ...{ clock: { now: () => startTime, delay: (ms) => ms }, random: () => 1 },
    channelOf: () => undefined,
    tellingOf: () => ({ reader: { language: "en", timeZone: "UTC0" }, portal: "" }),
  });
  again.start();
  await again.stop();
  assert.deepEqual(other.member.states, ["dead", "dead"]);
  await other.site.stop();
});

test("notices wait for the end of quiet hours, and a digest brings all of its time as one", async () => {
  const { site, member } = one({
    ways: [
      { channel: "push", when: "at-once", quiet: true },
      { channel: "email", when: "daily", quiet: false },
    ],
    quiet: { from: 9 * 60, to: 11 * 60, urgent: true },
  });
  site.block();
  site.time += 60_000;
  site.block();
  const silent = { type: "meter-silent", meter: "m", device: "u", owner: "user-1", since: 0 };
  site.block(silent);
  await member.until(() => member.sent.length === 2);
  assert.deepEqual(
    member.sent.map(({ topic }) => topic),
    ["meter", "meter"],
    "it does not wait, by either channel",
  );
  site.time = Date.UTC(2026, 5, 21, 11);
  member.sender.wake();
  await member.until(() => member.sent.length === 6);
  assert.ok(member.by.slice(2).every((channel) => channel === "push"));
  site.time = Date.UTC(2026, 5, 21, 18) - 1;
  member.sender.wake();
  assert.equal(member.sent.length, 6);
  site.time += 1;
  member.sender.wake();
  await member.until(() => member.sent.length === 8);
  const digests = member.sent.slice(6);
  assert.deepEqual(
    digests.map(({ topic, items }) => [topic, items?.length]),
    [
      ["digest", 2],
      ["digest", 2],
    ],
  );
  assert.ok(member.states.every((state) => state === "delivered"));
  await site.stop();
});

test("a webhook of the member's own configuration is its own to send, whatever the owner prefers", async () => {
  const site = new Site(["m1", "m2"], { ways: [] });
  site.webhooks = new Set(["user-1"]);
  site.block();
  for (const member of site.members) {
    await member.until(() => member.sent.length === 1);
    assert.deepEqual([member.by, member.sent[0]?.owner], [["member-webhook"], "user-1"]);
  }
  await site.stop();
});

test("of several members one sends, by a lease; when it is away another goes on where it was", async () => {
  const site = new Site(["m1", "m2", "m3"]);
  const [first, second, third] = site.members;
  assert.ok(first && second && third);
  site.block();
  assert.deepEqual(
    site.members.map(({ sent }) => sent.length),
    [0, 0, 0],
    "nobody sends without one",
  );
  assert.deepEqual(site.grant(), ["m1 email"], "all asked, one has it");
  await first.until(() => first.sent.length === 2);
  assert.deepEqual([second.sent.length, third.sent.length], [0, 0]);

  site.block();
  await first.until(() => first.sent.length === 4);
  // It sends to one owner and dies before the other heard; of what it sent the ledger knows a part.
  const lease = noticeLeases.get(site.state, "email") as NoticeLease;
  await first.leases.stop();
  site.grant();
  assert.deepEqual(second.states, ["elsewhere", "elsewhere", "elsewhere", "elsewhere"]);
  assert.ok((noticeLeases.get(site.state, "email")?.until ?? 0) < lease.until, "it was given back");
  await first.sender.stop();
  site.block();
  const took = site.grant();
  assert.equal(took.length, 1);
  const [taker, other] = took[0] === "m2 email" ? [second, third] : [third, second];
  await taker.until(() => taker.sent.length === 2);
  assert.deepEqual(
    taker.sent.map(({ id }) => id.split("-")[1]),
    [String(site.blocks.length - 1), String(site.blocks.length - 1)],
    "only what had not been sent",
  );
  assert.equal(other.sent.length, 0);
  await site.stop();
});

test("who takes over from a member that died without a word sends again what the ledger does not know of, under the same ids", async () => {
  const site = new Site(["m1", "m2"]);
  const [first, second] = site.members;
  assert.ok(first && second);
  first.deliver = async ({ owner }) => {
    if (owner === "user-1") throw new Failure("notice.unreachable", "away", { retry: "later" });
  };
  site.block();
  site.grant();
  await first.until(() => first.sent.length === 1 && first.failed.length === 1);
  site.block();
  await first.until(() => first.sent.length === 2);
  await first.sender.stop();
  const { until = 0 } = noticeLeases.get(site.state, "email") ?? {};
  site.time = until - 1;
  second.sender.wake();
  assert.deepEqual(site.grant(), [], "it has its lease to the end");
  site.time = until;
  second.sender.wake();
  assert.deepEqual(site.grant(), ["m2 email"]);
  await second.until(() => second.sent.length === 4);
  const heard = new Set([...first.sent, ...second.sent].map(({ id }) => id));
  assert.equal(heard.size, 4, "none is lost, and what comes twice has one id");
  await site.stop();
});

test("what one member cannot bring about another tries: a holder that failed gives its lease back, and nobody hears twice", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const site = new Site(["m1", "m3", "m2"]);
  const [first, third, second] = site.members;
  assert.ok(first && second && third);
  for (const member of [first, third]) {
    member.deliver = async ({ owner }) => {
      if (owner !== "user-1") return;
      throw new Failure("notice.sealed-to-others", "not for this one", { retry: "later" });
    };
  }
  site.block();
  assert.deepEqual(site.grant(), ["m1 email"]);
  await first.until(() => first.sent.length === 1 && first.failed.length === 1);
  const pass = (ms: number) => {
    site.time += ms;
    t.mock.timers.tick(ms);
  };
  pass(60_000);
  // What comes now is not in the word that is under way, and waits for the next holder.
  site.block();
  assert.deepEqual([first.sent.length, site.grant()], [1, ["m1 email"]]);
  assert.deepEqual(second.states.slice(0, 2), ["elsewhere", "queued"]);
  assert.deepEqual(site.grant(), ["m3 email"], "m1 lets others come first");
  await third.until(() => third.sent.length === 1 && third.failed.length === 1);
  await first.sender.stop();
  pass(60_000);
  assert.deepEqual(site.grant(), ["m3 email"]);
  assert.deepEqual(site.grant(), ["m2 email"]);
  await second.until(() => second.sent.length === 2);
  await second.leases.stop();
  site.grant();
  assert.deepEqual(first.states, ["delivered", "elsewhere", "elsewhere", "elsewhere"]);
  const ids = site.members.flatMap((member) => member.sent.map(({ id }) => id));
  assert.deepEqual([ids.length, new Set(ids).size], [4, 4]);
  await site.stop();
});

test("a member for which an owner's address is not sealed takes no lease for that owner", async () => {
  const site = new Site(["m1", "m2"]);
  const [first] = site.members;
  assert.ok(first);
  for (const owner of owners) first.unreached.add(owner);
  site.block();
  assert.deepEqual(site.grant(), ["m2 email"]);
  await site.stop();
});

test("a member that began with a snapshot leaves what it never saw to those who did", async () => {
  const site = new Site(["m1", "m2"]);
  const [old] = site.members;
  assert.ok(old);
  site.block();
  const late = new Member("m3", site);
  site.block();
  late.db.exec("DELETE FROM delivery; UPDATE projection SET height = 2");
  site.members.push(late);
  site.block();
  const progress = late.table.progress("email");
  assert.deepEqual([progress.from, progress.done], [3, 3]);
  const lease = {
    member: "m3",
    channel: "email",
    number: 1,
    until: utcMs(site.time + 1),
    ...late.table.progress("email"),
    behind: [],
  };
  site.block({ type: "notice-lease-taken", ...lease });
  assert.deepEqual(
    new Set(old.states.slice(0, 4)),
    new Set(["queued"]),
    "what it never had it cannot have sent",
  );
  assert.deepEqual(old.states.slice(-2), ["elsewhere", "elsewhere"]);
  await site.stop();
});

test("what owners acknowledged at one member's broker is not told again at another's", async () => {
  const site = new Site(["m1", "m2"], { ways: [once("mqtt")] });
  const [first, second] = site.members;
  assert.ok(first && second);
  second.deliver = async () => {
    throw new Failure(nobodyListens, "at the other broker", { retry: "later" });
  };
  site.block();
  site.block();
  await first.until(() => first.sent.length === 4);
  await first.sender.stop();
  await first.leases.stop();
  assert.deepEqual(site.grant(), ["notice-report-taken"]);
  assert.deepEqual(second.states, ["elsewhere", "elsewhere", "elsewhere", "elsewhere"]);
  await site.stop();
});

for (const channel of ["email", "mqtt"] as const) {
  test(`what waits for its hour is neither told nor missing, and nothing after it comes twice: ${channel}`, async () => {
    const site = new Site(["m1", "m2"], {
      ways: [{ channel, when: "at-once", quiet: true }],
      quiet: { from: 9 * 60, to: 11 * 60, urgent: true },
    });
    const [first, second] = site.members;
    assert.ok(first && second);
    const elsewhere = async () => {
      throw new Failure(nobodyListens, "at the other broker", { retry: "later" });
    };
    if (channel === "mqtt") second.deliver = elsewhere;
    site.block();
    site.block({ type: "meter-silent", meter: "m", device: "u", owner: "user-1", since: 0 });
    site.grant();
    await first.until(() => first.sent.length === 1);
    await first.stop();
    site.grant();
    assert.deepEqual(second.states, ["queued", "queued", "elsewhere"]);

    // Another one goes on; it may be where the owners are now.
    second.deliver = async () => {};
    site.time = Date.UTC(2026, 5, 21, 11);
    for (const owner of owners) second.sender.heard(owner, channel);
    second.sender.wake();
    site.grant();
    await second.until(() => second.sent.length === 2);
    site.block();
    await second.until(() => second.sent.length === 4);
    await second.stop();
    site.grant();
    assert.deepEqual(new Set(first.states.slice(0, 2)), new Set(["elsewhere"]));
    assert.deepEqual(new Set(first.states.slice(3)), new Set(["elsewhere"]));
    await site.stop();
  });
}

test("a test, and what is sent again, goes out by the member that was asked for it, and stands in no lease", async () => {
  const site = new Site(["m1", "m2"]);
  const [, second] = site.members;
  assert.ok(second);
  site.block();
  const notice = {
    ...({ id: "test-1", owner: "user-1", type: "test", topic: "test", key: "test" } as const),
    ...{ time: site.time, urgent: true, facts: {}, money: null, currency: "" },
  };
  putExtra(second.db, notice, "email");
  second.sender.wake();
  await second.until(() => second.sent.length === 1);
  assert.equal(second.sent[0]?.title, "A test");
  assert.deepEqual(
    readNotice(second.db, "test-1")?.deliveries.map(({ state }) => state),
    ["delivered"],
  );
  assert.deepEqual(
    second.table.progress("email").behind.map(({ height }) => height),
    [1, 1],
  );
  assert.deepEqual(site.grant(), ["m1 email"]);
  const sent = readNotices(second.db, { owner: "user-1", limit: 1 })[0]?.notice.id ?? "";
  assert.deepEqual(resend(second.db, sent, "email"), ["email"]);
  second.sender.wake();
  await second.until(() => second.sent.length === 2);
  assert.equal(second.sent[1]?.id, sent);
  await site.stop();
});

test("a file of before is brought along, and what it holds goes out", () => {
  const db = new DatabaseSync(":memory:");
  db.exec(`CREATE TABLE projection (name TEXT PRIMARY KEY, schema TEXT, height INTEGER);
    CREATE TABLE delivery (notice TEXT NOT NULL, channel TEXT NOT NULL, owner TEXT NOT NULL,
      state TEXT NOT NULL, attempts INTEGER NOT NULL, next INTEGER NOT NULL, error TEXT,
      PRIMARY KEY (notice, channel)) STRICT;
    CREATE TABLE delivery_reach (one INTEGER PRIMARY KEY CHECK (one = 1), height INTEGER NOT NULL) STRICT;
    INSERT INTO delivery_reach VALUES (1, 4);
    INSERT INTO delivery VALUES ('elm-4-0-user-1', 'mqtt', 'user-1', 'queued', 2, 7, 'away');`);
  const projection = outbox({
    ...{ currency: "EUR", member: "m1", send: true, webhooks: new Set<string>() },
    preferences: () => undefined,
  });
  openProjections(db, [projection], { height: 0, block: () => assert.fail("there is none") });
  const table = new DeliveryTable(db);
  assert.deepEqual(table.progress("email"), { from: 1, done: 4, behind: [] });
  const [lane, ...more] = table.dueLanes(7);
  assert.deepEqual([{ ...lane }, more], [{ owner: "user-1", channel: "mqtt", own: 1 }, []]);
  openProjections(db, [projection], { height: 0, block: () => assert.fail("there is none") });
  db.close();
});
