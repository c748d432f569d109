import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTopic } from "@busbar/protocol";
import {
  deviceIdentity,
  memberIdentity,
  ownerIdentity,
  testSigner,
} from "../../test/support/memory-registry.ts";
import { mayLookOn, mayPublish, mayRetain, maySubscribe } from "./rights.ts";

const key = testSigner(1);
/** Devices d1 and d2; owner o1 has d1, owner o2 has d2. */
const who = {
  device: deviceIdentity("d1", key, "o1"),
  owner: ownerIdentity("o1", key, "company"),
  operator: ownerIdentity("op", key, "operator"),
  member: memberIdentity("m1", key),
} as const;
const grounds = {
  site: "site",
  ownerOf: (device: string) => ({ d1: "o1", d2: "o2" })[device],
  hasMeter: (device: string, meter: string) => meter === `${device}-m`,
};

/** For each name: who may publish, then who may subscribe (d device, o owner, p operator, m member). */
const table: readonly (readonly [topic: string, publish: string, subscribe: string])[] = [
  ["busbar/v1/site/d1/state", "dm", "dopm"],
  ["busbar/v1/site/d1/readings", "dm", "m"],
  ["busbar/v1/site/d1/live", "dm", "opm"],
  ["busbar/v1/site/d1/acks", "dm", "m"],
  ["busbar/v1/site/d1/receipts", "m", "dm"],
  ["busbar/v1/site/d1/commands", "m", "dm"],
  ["busbar/v1/site/d2/state", "m", "pm"],
  ["busbar/v1/site/d2/readings", "m", "m"],
  ["busbar/v1/site/d2/live", "m", "pm"],
  ["busbar/v1/site/d2/acks", "m", "m"],
  ["busbar/v1/site/d2/receipts", "m", "m"],
  ["busbar/v1/site/d2/commands", "m", "m"],
  ["busbar/v1/site/market/prices", "m", "dopm"],
  ["busbar/v1/site/market/gates", "m", "dopm"],
  ["busbar/v1/site/market/quotes", "dopm", "m"],
  ["busbar/v1/site/market/trades", "m", "pm"],
  ["busbar/v1/site/owners/o1/notices", "m", "om"],
  ["busbar/v1/site/owners/o1/trades", "m", "om"],
  ["busbar/v1/site/owners/o1/positions", "m", "dom"],
  ["busbar/v1/site/owners/o2/positions", "m", "m"],
  ["busbar/v1/site/owners/o2/notices", "m", "m"],
  ["busbar/v1/site/owners/o2/trades", "m", "m"],
  ["busbar/v1/site/owners/op/notices", "m", "pm"],
  ["busbar/v1/site/owners/d1/notices", "m", "m"],
  ["busbar/v1/site/host/m1/state", "m", "dopm"],
  ["busbar/v1/site/host/m2/state", "m", "dopm"],
  ["busbar/v1/site/host/m1/transactions", "m", "m"],
  ["busbar/v1/site/host/m2/transactions", "", "m"],
  ["busbar/v1/site/host/d1/transactions", "", "m"],
  ["busbar/v1/site/host/m1/receipts", "", "m"],
  ["busbar/v1/site/host/m2/receipts", "", "m"],
  // Names of no meaning: below the site a member may listen, nobody may speak.
  ["busbar/v1/site/d1", "", "m"],
  ["busbar/v1/site/d1/other", "", "m"],
  ["busbar/v1/site/d1/state/more", "", "m"],
  ["busbar/v1/site/market/state", "", "m"],
  ["busbar/v1/site/owners/readings", "", "m"],
  ["busbar/v1/site/host/transactions", "", "m"],
  ["busbar/v1/site/host/m1/notices", "", "m"],
  ["busbar/v1/site/__proto__/readings", "", "m"],
  ["busbar/v1/site/constructor/constructor", "", "m"],
  ["busbar/v1/site/d1/__proto__", "", "m"],
  ["busbar/v1/site/D1/readings", "", "m"],
  // Wildcards.
  ["busbar/v1/site/host/+/state", "", "dopm"],
  ["busbar/v1/site/host/+/transactions", "", "m"],
  ["busbar/v1/site/host/+/receipts", "", "m"],
  ["busbar/v1/site/host/m1/+", "", "m"],
  ["busbar/v1/site/host/m1/#", "", "m"],
  ["busbar/v1/site/+/live", "", "pm"],
  ["busbar/v1/site/+/state", "", "pm"],
  ["busbar/v1/site/+/readings", "", "m"],
  ["busbar/v1/site/+/receipts", "", "m"],
  ["busbar/v1/site/+/+", "", "m"],
  ["busbar/v1/site/owners/+/notices", "", "m"],
  ["busbar/v1/site/d1/#", "", "m"],
  ["busbar/v1/site/d1/+", "", "m"],
  ["busbar/v1/site/market/+", "", "m"],
  ["busbar/v1/site/#", "", "m"],
  ["busbar/v1/site/#/live", "", ""],
  ["busbar/v1/site/d+/live", "", ""],
  ["busbar/v1/site/", "", ""],
  ["busbar/v1/site//state", "", ""],
  ["busbar/v1/+/d1/receipts", "", ""],
  ["busbar/v1/#", "", ""],
  ["busbar/+/site/d1/state", "", ""],
  ["+/v1/site/d1/state", "", ""],
  ["+/+/+/+/+", "", ""],
  ["+", "", ""],
  ["#", "", ""],
  ["", "", ""],
  ["/", "", ""],
  // Beside the site.
  ["busbar/v1/other/d1/readings", "", ""],
  ["busbar/v1/other/#", "", ""],
  ["busbar/v1/site2/d1/state", "", ""],
  ["busbar/v2/site/d1/state", "", ""],
  ["$SYS/#", "", ""],
  ["$SYS/m1/new/clients", "", ""],
  ["$share/g/busbar/v1/site/d1/receipts", "", ""],
  ["$share/g/busbar/v1/site/#", "", ""],
  ["$share/g/#", "", ""],
  ["__proto__", "", ""],
  // A support session: the owner asks and sees all of it, its unit answers.
  ["busbar/v1/site/d1/support-ask", "om", "dom"],
  ["busbar/v1/site/d1/support-answer", "dm", "om"],
  ["busbar/v1/site/d2/support-ask", "m", "m"],
  ["busbar/v1/site/d2/support-answer", "m", "m"],
  ["busbar/v1/site/market/releases", "m", "dopm"],
  // What people's tools look at.
  ["busbar/v1/site/d1/live/d1-m", "dm", "opm"],
  ["busbar/v1/site/d2/live/d2-m", "m", "pm"],
  ["busbar/v1/site/d1/live/+", "", "m"],
  ["busbar/v1/site/market/live/d1-m", "", "m"],
  ["homeassistant/device/d1/config", "d", "op"],
  ["homeassistant/device/d1/d1-m/config", "d", "op"],
  ["homeassistant/device/d2/config", "", "p"],
  ["homeassistant/device/d2/d2-m/config", "", "p"],
  ["homeassistant/device/d1/config/more", "", ""],
  ["homeassistant/sensor/d1/config", "", ""],
  ["homeassistant/status", "", ""],
  ["homeassistant/+/+/config", "", "op"],
  ["homeassistant/+/+/+/config", "", "op"],
  ["homeassistant/#", "", ""],
  ["homeassistant/device/+/config", "", ""],
];

for (const [topic, publish, subscribe] of table) {
  test(`${JSON.stringify(topic)}: who may publish and subscribe`, () => {
    const letters = { device: "d", owner: "o", operator: "p", member: "m" } as const;
    for (const role of ["device", "owner", "operator", "member"] as const) {
      const letter = letters[role];
      const may = [mayPublish(who[role], topic, grounds), maySubscribe(who[role], topic, grounds)];
      assert.deepEqual(may, [publish.includes(letter), subscribe.includes(letter)], role);
    }
  });
}

test("no filter of a device, an owner or an operator matches a topic it may not hear", () => {
  const ids = "busbar v1 site d1 d2 d1-m market owners host o1 o2 m1";
  const names = "state readings receipts live notices trades quotes prices transactions";
  const levels = [...ids.split(" "), ...names.split(" "), "+"];
  // A name of no meaning is never spoken on: whoever may listen there hears nothing.
  const topics = table.filter(([topic]) => parseTopic("site", topic) !== undefined);
  let granted = 0;
  for (const path of pathsOf(levels, 3)) {
    for (const wish of [`busbar/v1/site/${path}`, `busbar/v1/site/${path}/#`]) {
      for (const role of ["device", "owner", "operator"] as const) {
        if (!maySubscribe(who[role], wish, grounds)) continue;
        granted += 1;
        for (const [topic] of topics.filter(([name]) => matches(wish, name))) {
          assert.ok(maySubscribe(who[role], topic, grounds), `${role} by ${wish} hears ${topic}`);
        }
      }
    }
  }
  assert.ok(granted > 20, `${granted} filters were granted`);
});

/** All paths of one to `depth` levels. */
function* pathsOf(levels: readonly string[], depth: number): Generator<string> {
  for (const level of levels) {
    yield level;
    if (depth > 1) for (const rest of pathsOf(levels, depth - 1)) yield `${level}/${rest}`;
  }
}

test("a program that only looks on hears no notices, trades and support sessions of its owner", () => {
  const hears = table.filter(([topic]) => mayLookOn(who.owner, topic, grounds));
  const owner = table.filter(([topic]) => maySubscribe(who.owner, topic, grounds));
  assert.deepEqual(
    owner.filter((row) => !hears.includes(row)).map(([topic]) => topic),
    [
      "busbar/v1/site/owners/o1/notices",
      "busbar/v1/site/owners/o1/trades",
      "busbar/v1/site/owners/o1/positions",
      "busbar/v1/site/d1/support-ask",
      "busbar/v1/site/d1/support-answer",
    ],
  );
});

test("discovery is kept for admitted meters only, and live values never are", () => {
  const kept = (name: string) => {
    const topic = parseTopic("site", name);
    return topic !== undefined && mayRetain(topic, grounds);
  };
  assert.equal(kept("homeassistant/device/d1/config"), true);
  assert.equal(kept("homeassistant/device/d1/d1-m/config"), true);
  assert.equal(kept("homeassistant/device/d1/another/config"), false);
  assert.equal(kept("busbar/v1/site/d1/live/d1-m"), false);
});

/** MQTT 3.1.1 §4.7.1, spelled out. */
function matches(filter: string, topic: string): boolean {
  const [wanted, given] = [filter.split("/"), topic.split("/")];
  const hash = wanted.indexOf("#");
  const fixed = hash < 0 ? wanted : wanted.slice(0, hash);
  if (hash < 0 ? fixed.length !== given.length : fixed.length > given.length) return false;
  return fixed.every((level, i) => level === "+" || level === given[i]);
}
