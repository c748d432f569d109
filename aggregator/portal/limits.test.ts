import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import type { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Failure, requestText } from "@busbar/protocol";
import { signerOfName } from "../../test/support/portal-site.ts";
import { addressKey } from "../broker/token-bucket.ts";
import { sha256 } from "../ledger/sha256.ts";
import { Store } from "../ledger/store.ts";
import { outbox } from "../notices/outbox.ts";
import { putExtra } from "../notices/read.ts";
import { AccessError } from "./access/codes.ts";
import { ConnectionShare } from "./connections.ts";
import { EventStreams, type Reader, streamLimits } from "./event-stream.ts";
import { TurnsFor } from "./turns.ts";
import { deliveriesPage, deliveryStates, sendAgain } from "./views/deliveries.ts";
import { Mailbox } from "./views/mailbox.ts";

/** What one person, or one address, can take from all others. */

/** An answer that goes nowhere. */
class NoResponse extends EventEmitter {
  ended = false;
  readonly writableLength = 0;
  writeHead(): void {}
  write(): void {}
  end(): void {
    this.ended = true;
  }
}

function streamsOf(limits: object) {
  const streams = new EventStreams({ ...streamLimits, ...limits });
  const opened: { reader: Reader; response: NoResponse }[] = [];
  const open = (by: string, person: string | null = null) => {
    const reader = { by, person };
    const room = streams.admits(reader);
    if (room !== "yes") return room;
    const response = new NoResponse();
    const taken = response as unknown as ServerResponse;
    streams.add(taken, { headers: {}, ...reader, sees: () => true });
    opened.push({ reader, response });
    return room;
  };
  const left = () =>
    opened.filter(({ response }) => !response.ended).map(({ reader }) => reader.by);
  return { streams, opened, open, left };
}

test("one address and one session have six streams, and one person so many by all of its sessions", () => {
  const { streams, opened, open } = streamsOf({ mostOfPerson: 8 });
  for (let i = 0; i < 6; i++) assert.equal(open("at 192.0.2.1"), "yes");
  assert.equal(open("at 192.0.2.1"), "own-full");
  assert.equal(open("at 192.0.2.2"), "yes");
  for (let i = 0; i < 6; i++) assert.equal(open("as s1", "owner anna"), "yes");
  assert.equal(open("as s1", "owner anna"), "own-full");
  for (let i = 0; i < 2; i++) assert.equal(open("as s2", "owner anna"), "yes");
  assert.equal(open("as s2", "owner anna"), "own-full");
  assert.equal(open("as s3", "owner ben"), "yes");
  assert.deepEqual([streams.refused, streams.displaced], [3, 0]);
  opened[0]?.response.emit("close");
  assert.equal(open("at 192.0.2.1"), "yes");
  streams.close();
});

test("where there is no room guests make it for who signed in, and who holds most for who holds least", () => {
  const { streams, open, left } = streamsOf({ clientsMax: 6 });
  for (let i = 0; i < 4; i++) open("at 192.0.2.1");
  open("as a", "owner anna");
  open("as a", "owner anna");
  // A guest displaces one of an address that holds two more, but nobody who signed in.
  assert.equal(open("at 192.0.2.2"), "yes");
  assert.deepEqual(left().filter((by) => by === "at 192.0.2.1").length, 3);
  assert.equal(open("at 192.0.2.2"), "yes");
  assert.equal(open("at 192.0.2.2"), "full");
  for (let i = 0; i < 4; i++) assert.equal(open("as a", "owner anna"), "yes");
  assert.deepEqual(left(), ["as a", "as a", "as a", "as a", "as a", "as a"]);
  assert.equal(open("at 192.0.2.3"), "full");
  for (let i = 0; i < 3; i++) assert.equal(open("as b", "owner ben"), "yes");
  assert.equal(open("as b", "owner ben"), "full", "both hold as many");
  assert.deepEqual(left(), ["as a", "as a", "as a", "as b", "as b", "as b"]);
  assert.equal(streams.clients, 6);
  streams.close();
  const odd = streamsOf({ clientsMax: 3 });
  for (const one of ["a", "a", "b"]) odd.open(`as ${one}`, `owner ${one}`);
  assert.equal(
    odd.open("as b", "owner b"),
    "full",
    "it would hold as many more as the other one has now",
  );
  odd.streams.close();
});

test("one address holds a share of the connections, and those of a proxy or of this machine are not one's", () => {
  const share = new ConnectionShare(2, ["10.0.0.0/8", "2001:db8:9::1", "192.0.2.200"]);
  const open = (remoteAddress: string | undefined) => {
    const socket = Object.assign(new EventEmitter(), { remoteAddress, ended: false, destroy() {} });
    socket.destroy = () => {
      socket.ended = true;
    };
    share.take(socket as never);
    return socket;
  };
  const held = ["192.0.2.1", "::ffff:192.0.2.1"].map(open);
  assert.equal(open("192.0.2.1").ended, true);
  assert.equal(open("192.0.2.2").ended, false);
  held[0]?.emit("close");
  assert.deepEqual([open("192.0.2.1").ended, open("192.0.2.1").ended], [false, true]);
  assert.deepEqual(
    ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map((one) => open(one).ended),
    [false, false, true],
  );
  for (const each of ["127.0.0.1", "::ffff:127.0.0.9", "::1", "10.9.9.9", "2001:db8:9::1"]) {
    for (let i = 0; i < 3; i++) assert.equal(open(each).ended, false, each);
  }
  for (const odd of [undefined, "", "no address"]) assert.doesNotThrow(() => open(odd));
});

const request = (name: string) => {
  const key = signerOfName(name).publicKey;
  const owner = { id: name, party: "user" as const, name, key, boxKey: key };
  const meters = [{ id: `${name}-net`, role: "connection" as const, feeder: "feeder-1" }];
  return requestText({ owner, device: { id: `edge-${name}`, owner: name, key, meters } }, sha256);
};

test("one sender does not fill the mailbox for others, and what waits does not wait for ever", () => {
  let now = 1_000;
  const store = new Store(":memory:");
  store.db.exec(
    "CREATE TABLE mailbox_request (request TEXT PRIMARY KEY, text TEXT NOT NULL, received INTEGER NOT NULL) STRICT",
  );
  const mailbox = new Mailbox({ store, now: () => now });
  const put = (name: string, address: string) => {
    now += 1;
    return mailbox.put(request(name), addressKey(address)).request;
  };
  const owners = () => mailbox.list().map(({ owner }) => owner.id);
  const host = (last: number) => `2001:db8:0:1::${last}`;
  for (let i = 0; i < 3; i++) put(`flood-${i}`, host(i + 1));
  const full = (error: unknown) =>
    error instanceof AccessError && error.code === "portal.mailbox-full";
  assert.throws(() => put("flood-3", host(9)), full);
  assert.doesNotThrow(() => put("flood-0", host(9)), "the same one waits already");
  const [first] = mailbox.list();
  assert.deepEqual([first?.received, first?.from], [1_001, "2001:db8:0:1::/64"]);

  // So many addresses that there is no room: the one that holds most makes it.
  for (let i = 0; i < 97; i++) put(`one-${i}`, `192.0.2.${i}`);
  assert.equal(owners().length, 100);
  const late = put("late", "198.51.100.1");
  assert.deepEqual([owners().length, owners().includes("flood-0")], [100, false]);
  put("later", "198.51.100.2");
  put("latest", "198.51.100.3");
  assert.deepEqual(
    ["flood-1", "flood-2", "one-0"].map((one) => owners().includes(one)),
    [false, false, true],
    "where all hold one, the oldest goes",
  );

  const again = new Mailbox({ store, now: () => now });
  assert.deepEqual(again.list(), mailbox.list(), "all of it is on disk");
  assert.deepEqual(mailbox.dropFrom("198.51.100.1"), [late]);
  assert.deepEqual(mailbox.dropFrom("198.51.100.1"), []);
  assert.equal(owners().length, 99);
  now = 1_001 + 14 * 86_400_000;
  put("one-96", "192.0.2.96");
  now += 200;
  assert.deepEqual(owners(), [], "who asks again waits no longer for that");
  store.close();
});

test("costly work is done in turn, one of each person, and the same once for all who ask", async () => {
  const turns = new TurnsFor<string>();
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  const take = (person: string, key: string) =>
    turns.take(person, key, () => {
      begun.push(key);
      const end = Promise.withResolvers<string>();
      ends.set(key, end);
      return end.promise;
    });
  const [mine, same, others] = [take("a", "bill a"), take("b", "bill a"), take("c", "bill c")];
  const busy = (error: unknown) => error instanceof Failure && error.code === "portal.busy";
  await assert.rejects(take("a", "report"), busy);
  await assert.rejects(take("b", "report"), busy);
  assert.deepEqual(begun, ["bill a"]);
  ends.get("bill a")?.resolve("done");
  assert.deepEqual([await mine, await same], ["done", "done"]);
  ends.get("bill c")?.reject(new Error("broken"));
  await assert.rejects(others, /broken/);
  const next = take("c", "bill c");
  assert.deepEqual(begun, ["bill a", "bill c", "bill c"]);
  const waiting = Array.from({ length: 16 }, (_, i) => take(`p${i}`, `bill p${i}`));
  await assert.rejects(take("p16", "bill p16"), busy);
  ends.get("bill c")?.resolve("");
  await next;
  for (const [i, one] of waiting.entries()) {
    ends.get(`bill p${i}`)?.resolve(String(i));
    assert.equal(await one, String(i));
  }
  const faulty = turns.take("a", "x", () => {
    throw new Error("at once");
  });
  await assert.rejects(faulty, /at once/);
  const last = take("a", "y");
  ends.get("y")?.resolve("y");
  assert.equal(await last, "y");
});

test("whatever an owner has sent again is told from what was given up, and no look goes through all deliveries", () => {
  const notices = outbox({
    ...{ currency: "EUR", member: "m1", send: true, webhooks: new Set<string>() },
  });
  const store = new Store(":memory:", [notices]);
  const { db, state } = store;
  for (let i = 0; i < 12; i++) {
    const notice = {
      ...({ id: `n-${i}`, owner: "anna", type: "test", topic: "test", key: "test" } as const),
      ...{ time: i, urgent: true, facts: {}, money: null, currency: "" },
    };
    putExtra(db, notice, "email");
  }
  db.exec(
    "UPDATE delivery SET state = 'delivered'; UPDATE delivery SET state = 'dead' WHERE notice = 'n-0'",
  );
  let left = 10;
  const again = (notice: string, owner?: string) => {
    const grounds = { now: 5_000_000, allows: () => left-- > 0 };
    return sendAgain(db, { notice, channel: "email", owner }, grounds);
  };
  for (let i = 1; i < 11; i++) assert.deepEqual(again(`n-${i}`, "anna"), ["email"]);
  assert.equal(again("n-11", "anna"), "lately");
  assert.deepEqual(again("n-0", "anna"), ["email"], "it was given up");
  assert.equal(again("n-0", "ben"), undefined);
  assert.deepEqual(again("n-11"), ["email"], "a member may");

  const plans: string[] = [];
  const prepare = db.prepare.bind(db);
  const watched = new Proxy(db, {
    get: (of, name) =>
      name !== "prepare"
        ? Reflect.get(of, name)
        : (sql: string) => {
            const statement = prepare(sql);
            if (!sql.includes("FROM delivery LEFT JOIN")) return statement;
            return {
              all: (values: Record<string, string | number>) => {
                const plan = prepare(`EXPLAIN QUERY PLAN ${sql}`).all(values);
                plans.push(plan.map(({ detail }) => String(detail)).join("; "));
                return statement.all(values);
              },
            };
          },
  }) as DatabaseSync;
  for (const page of [{ limit: 5 }, { limit: 5, before: 9 }]) {
    for (const asked of deliveryStates) {
      deliveriesPage({ db: watched, state }, { owner: "anna", state: asked, ...page });
      deliveriesPage({ db: watched, state }, { state: asked, ...page });
    }
  }
  const found = plans.map((plan) => /^SEARCH delivery USING INDEX (\w+)/.exec(plan)?.[1]);
  assert.deepEqual(found, Array(10).fill(["delivery_owner", "delivery_state"]).flat());
  store.close();
});
