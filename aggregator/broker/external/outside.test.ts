import assert from "node:assert/strict";
import { createHash, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import { topicsOf } from "@busbar/protocol";
import { identities, site } from "../../../test/support/test-broker.ts";
import { externalBroker } from "../../config/external-broker.ts";
import { mayDiscover, mayPublish, maySubscribe } from "../rights.ts";
import { urlProblem } from "./address.ts";
import { mosquittoFiles } from "./files/mosquitto.ts";
import { natsFiles, subjectOf } from "./files/nats.ts";
import { patternOf, rabbitmqFiles } from "./files/rabbitmq.ts";
import { matches, rightsLine } from "./files/rights-table.ts";
import { inward, outward, siteKey } from "./passage.ts";
import { chooseMode, rowsOf } from "./probe/choose.ts";
import type { Facts } from "./probe/facts.ts";

const topics = topicsOf(site);
const devices = identities.flatMap((one) => (one.kind === "device" ? [one.device] : []));
const devicesOf = (owner: string) =>
  devices.filter((one) => one.owner === owner).map(({ id }) => id);
const grounds = {
  site,
  ownerOf: (id: string) => devices.find((one) => one.id === id)?.owner,
  hasMeter: () => true,
};
/** Every topic there is, of everybody; and some that there are not. */
const names = ["d1", "d2", "o1", "o2", "op", "m1", "m2", "nobody"];
const allTopics = [
  ...names.flatMap((id) =>
    [
      ...["state", "readings", "receipts", "live", "live/a", "commands", "acks", "support-ask"],
      ...["support-answer", "more"],
    ].map((name) => `busbar/v1/${site}/${id}/${name}`),
  ),
  ...names.flatMap((id) =>
    ["notices", "trades", "positions", "x"].map((name) => `busbar/v1/${site}/owners/${id}/${name}`),
  ),
  ...names.flatMap((id) =>
    ["state", "transactions", "receipts", "workers"].map(
      (name) => `busbar/v1/${site}/host/${id}/${name}`,
    ),
  ),
  ...names.flatMap((id) => [topics.claims(id), topics.claimReceipts(id)]),
  ...["prices", "gates", "quotes", "trades", "releases", "x"].map(
    (name) => `busbar/v1/${site}/market/${name}`,
  ),
  ...names.flatMap((id) => [
    `homeassistant/device/${id}/config`,
    `homeassistant/device/${id}/m/config`,
  ]),
  ...["busbar/v1/other/d1/readings", "d1", "$SYS/broker/uptime"],
];

test("another broker lets everybody say and hear exactly what our own does", () => {
  for (const identity of identities) {
    const line = rightsLine(site, identity, devicesOf);
    assert.ok(line !== undefined);
    for (const topic of allTopics) {
      const says = line.publish.some((filter) => matches(filter, topic));
      assert.equal(says, mayPublish(identity, topic, grounds), `${identity.id} says ${topic}`);
      // Discovery is granted as a filter with wildcards here, and judged message by message.
      const device = /^homeassistant\/device\/([^/]+)\//.exec(topic)?.[1];
      const may =
        device === undefined
          ? maySubscribe(identity, topic, grounds)
          : mayDiscover(identity, device, grounds);
      const isReal = device === undefined || device.length > 0;
      const hears = line.hear.some((filter) => matches(filter, topic));
      if (isReal && !isMembersOwn(identity.kind, device)) {
        assert.equal(hears, may, `${identity.id} hears ${topic}`);
      }
    }
  }
});

/** Members hear the site; what units tell Home Assistant is none of it. */
const isMembersOwn = (kind: string, device: string | undefined) =>
  kind === "member" && device !== undefined;

test("a filter is one subject of NATS, and one expression of RabbitMQ, that match the same topics", () => {
  for (const identity of identities) {
    const line = rightsLine(site, identity, devicesOf);
    for (const filters of [line?.publish ?? [], line?.hear ?? []]) {
      const pattern = new RegExp(patternOf(filters));
      for (const topic of allTopics) {
        const may = filters.some((filter) => matches(filter, topic));
        assert.equal(pattern.test(topic.replaceAll("/", ".")), may, topic);
      }
      // Nobody but a member gets more by asking with wildcards.
      if (identity.kind === "member") continue;
      for (const wide of ["#", `busbar.v1.${site}.#`, "busbar.v1.*.d1.receipts", "*.*"]) {
        assert.equal(pattern.test(wide), false, wide);
      }
    }
  }
  assert.equal(subjectOf("busbar/v1/site/+/state"), "busbar.v1.site.*.state");
  assert.equal(subjectOf("busbar/v1/site/#"), "busbar.v1.site.>");
});

test("what is written for a broker holds each password as that broker checks it", () => {
  const users = [{ id: "d1", publish: ["a/b"], hear: ["a/c"], password: "p4ss-word" }];
  const listen = { host: "127.0.0.1", port: 1884 };
  const plan = { listen, folder: "/f", data: "/d", users };
  const [conf, acl, passwords] = mosquittoFiles(plan).map(({ text }) => text);
  assert.match(conf ?? "", /^allow_anonymous false$/m);
  assert.match(conf ?? "", /^listener 1884 127\.0\.0\.1$/m);
  assert.equal(acl, "user d1\ntopic write a/b\ntopic read a/c\n");
  const [, iterations, salt = "", key] =
    /^d1:\$7\$(\d+)\$([^$]+)\$([^$]+)\n$/.exec(passwords ?? "") ?? [];
  const made = pbkdf2Sync(
    "p4ss-word",
    Buffer.from(salt, "base64"),
    Number(iterations),
    64,
    "sha512",
  );
  assert.equal(made.toString("base64"), key);

  const rabbit = rabbitmqFiles({ ...plan, tls: { certificate: "/c.pem", key: "/k.pem" } });
  assert.match(rabbit[0]?.text ?? "", /^mqtt\.listeners\.tcp = none$/m);
  const definitions = JSON.parse(rabbit[2]?.text ?? "");
  const hash = Buffer.from(definitions.users[0].password_hash, "base64");
  const digest = createHash("sha256").update(hash.subarray(0, 4)).update("p4ss-word").digest();
  assert.ok(hash.subarray(4).equals(digest));
  assert.deepEqual(definitions.topic_permissions[0].write, "^(a\\.b)$");

  const [nats] = natsFiles({ ...plan, tls: { certificate: "/c.pem", key: "/k.pem" } });
  assert.equal(nats?.secret, true);
  assert.match(nats?.text ?? "", /user: "d1", password: "p4ss-word"/);
  assert.match(nats?.text ?? "", /tls \{ cert_file: "\/c\.pem"/);
});

test("only frames of their own topics pass inward, and only as large as a member's broker takes", () => {
  const key = (topic: string, size = 10) => {
    const passed = inward(site, topic, new Uint8Array(size));
    return passed.ok ? passed.key : passed.code;
  };
  assert.equal(key(topics.readings("d1")), "d1");
  assert.equal(key(topics.quotes), siteKey);
  const room = 16_384 - 4 - topics.readings("d1").length;
  assert.equal(key(topics.readings("d1"), room), "d1");
  assert.equal(key(topics.readings("d1"), room + 1), "worker.frame-too-large");
  const readings = new Set(names.map(topics.readings));
  for (const topic of [...allTopics, "", "\0", "a".repeat(70_000), `${topics.readings("d1")}/x`]) {
    if (readings.has(topic) || topic === topics.quotes) continue;
    assert.equal(key(topic), "worker.not-ours", topic.slice(0, 80));
  }
});

test("what passes outward is kept where the member keeps it, and nothing else passes", () => {
  const pass = (topic: string, payload = "") =>
    outward(site, "m1", topic, new Uint8Array(Buffer.from(payload)))?.retain;
  assert.equal(pass(topics.receipts("d1")), false);
  assert.equal(pass(topics.host("m1")), true);
  assert.equal(pass(topics.host("m2")), undefined);
  assert.equal(pass(topics.positions("o1")), true);
  assert.equal(pass(topics.prices, '{"gatesLeft":0}'), true);
  for (const other of ['{"gatesLeft":1}', "null", "{", ""]) {
    assert.equal(pass(topics.prices, other), false);
  }
  for (const never of [topics.readings("d1"), topics.quotes, topics.notices("o1"), "x", ""]) {
    assert.equal(pass(never), undefined);
  }
});

test("a URL that would go in clear, carry a password, or mean something else is refused", () => {
  for (const good of ["mqtt://127.0.0.1:1883", "mqtts://broker.example", "mqtt://[::1]:1883/"]) {
    assert.equal(urlProblem(good, false), undefined);
  }
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["", /expected a URL/],
    ["broker", /expected a URL/],
    ["mqt://h", /did you mean mqtts?\?/],
    ["http://h", /expected mqtt or mqtts/],
    ["mqtt://192.0.2.7", /expected mqtts to another machine/],
    ["mqtts://user:word@h", /no user or password/],
    ["mqtts://h/path", /nothing after host and port/],
    ["mqtts://h?x=1", /nothing after host and port/],
  ];
  for (const [url, message] of wrong) assert.match(urlProblem(url, false) ?? "", message);
  assert.equal(urlProblem("mqtt://192.0.2.7", true), undefined);
  const said = externalBroker.safeParse({ urls: ["mqtt://192.0.2.7"] });
  assert.equal(said.success, false);
  assert.equal(externalBroker.safeParse({ urls: [] }).success, false);
});

const mosquitto: Facts = {
  ...{ mqtt311: true, mqtt5: true, anonymous: false, connectMs: 2, will: true, takesOver: true },
  inOrder: { came: 50, of: 50, ordered: true },
  retained: { byName: true, byWildcard: true },
  share: { granted: true, got: [10, 10], of: 20 },
  ...{ payloadBytes: 1_048_576, payloadTriedBytes: 1_048_576 },
  queued: { came: 20, of: 20, remembered: true },
  replayed: { again: true, marked: true },
  filters: { granted: 1_000, of: 1_000 },
};
const chosen = (facts: Facts, isOwn = false) => chooseMode({ facts, failed: [] }, isOwn);

test("the mode goes by what was seen, each lack is named, and what was not seen is not claimed", () => {
  const whole = chosen(mosquitto);
  assert.equal(whole.mode === "topics" && whole.session, "persistent");
  assert.match(whole.why.join(), /loses their order/);
  assert.equal(chosen(mosquitto, true).mode, "embedded");
  const few = chosen({ ...mosquitto, filters: { granted: 63, of: 1_000 } });
  assert.deepEqual([few.mode, /63 subscriptions/.test(few.why.join())], ["wildcard", true]);
  const byName = chosen({ ...mosquitto, retained: { byName: true, byWildcard: false } });
  assert.equal(byName.mode, "wildcard");
  const forgets = chosen({ ...mosquitto, queued: { came: 0, of: 20, remembered: false } });
  assert.equal(forgets.mode === "topics" && forgets.session, "clean");
  const { share, ...noShare } = mosquitto;
  assert.ok(share !== undefined && /no \$share/.test(chosen(noShare).why.join()));

  const lacks: readonly (readonly [Facts, RegExp])[] = [
    [{}, /lets nobody in/],
    [{ ...mosquitto, inOrder: { came: 3, of: 50, ordered: true } }, /QoS 1 do not arrive/],
    [{ ...mosquitto, retained: { byName: false, byWildcard: false } }, /no retained/],
    [{ ...mosquitto, payloadBytes: 1_024 }, /16384 bytes/],
    [{ ...mosquitto, will: false }, /last wills/],
  ];
  for (const [facts, why] of lacks) {
    const choice = chosen(facts);
    assert.equal(choice.mode, "unfit");
    assert.match(choice.why.join(), why);
  }
  const rows = rowsOf({ facts: mosquitto, failed: [] }, "untold");
  assert.deepEqual(
    rows.find(({ check }) => check === "kill -9"),
    { check: "kill -9", state: "unprobed", saw: "untold" },
  );
  assert.deepEqual(rowsOf({ facts: {}, failed: [{ name: "connect", reason: "no" }] }, "untold"), [
    { check: "connect", state: "bad", saw: "could not be seen: no" },
  ]);
});
