import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { discoveryTopic, parseTopic, topicsOf } from "./topics.ts";

const site = topicsOf("site-a");

test("every topic of a site says what it is", () => {
  assert.deepEqual(parseTopic("site-a", site.readings("d1")), {
    of: "device",
    id: "d1",
    name: "readings",
  });
  assert.deepEqual(parseTopic("site-a", site.quotes), { of: "market", name: "quotes" });
  assert.deepEqual(parseTopic("site-a", site.notices("u1")), {
    of: "owner",
    id: "u1",
    name: "notices",
  });
  for (const [topic, name] of [
    [site.host("a1"), "state"],
    [site.transactions("a1"), "transactions"],
    [site.memberReceipts("a1"), "receipts"],
  ] as const) {
    assert.deepEqual(parseTopic("site-a", topic), { of: "host", id: "a1", name });
  }
});

test("a meter's values and Home Assistant's discovery name the meter", () => {
  const live = { of: "device", id: "d1", name: "live", meter: "m1" };
  assert.deepEqual(parseTopic("site-a", site.meterLive("d1", "m1")), live);
  const unit = { of: "discovery", id: "d1", name: "config" };
  assert.deepEqual(parseTopic("site-a", discoveryTopic("d1")), unit);
  assert.deepEqual(parseTopic("site-a", discoveryTopic("d1", "m1")), { ...unit, meter: "m1" });
  for (const topic of [
    "homeassistant/status",
    "homeassistant/sensor/d1/config",
    "homeassistant/device/d1",
    "homeassistant/device//config",
    "homeassistant/device/D1/config",
    "homeassistant/device/d1/+/config",
    "homeassistant/device/d1/m1/more/config",
    "homeassistant/device/d1/config/config/config",
    "homeassistant/device/owners/config",
    "busbar/v1/site-a/market/live/m1",
    "busbar/v1/site-a/d1/state/m1",
  ]) {
    assert.equal(parseTopic("site-a", topic), undefined, topic);
  }
});

test("other sites, wildcards, reserved ids and deeper names mean nothing", () => {
  const others = [
    topicsOf("site-b").readings("d1"),
    "busbar/v1/site-a/+/readings",
    "busbar/v1/site-a/#",
    "busbar/v1/site-a/market/readings",
    "busbar/v1/site-a/owners/readings",
    "busbar/v1/site-a/owners/a1/transactions",
    "busbar/v1/site-a/host/receipts",
    "busbar/v1/site-a/host/a1/notices",
    "busbar/v1/site-a/host/+/transactions",
    "busbar/v1/site-a/d1/readings/more/yet",
    "busbar/v1/site-a/d1",
    "busbar/v1/site-a//readings",
    "busbar/v1/site-a/__proto__/readings",
    "busbar/v2/site-a/d1/readings",
    "$SYS/broker",
    "",
  ];
  for (const topic of others) assert.equal(parseTopic("site-a", topic), undefined, topic);
});

test("arbitrary text never throws", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("busbar/v1/site-a/", "homeassistant/device/", ""),
      fc.string(),
      (start, text) => void parseTopic("site-a", start + text),
    ),
  );
});
