import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeStateProof } from "@busbar/protocol";
import fc from "fast-check";
import {
  orderedSlot,
  orderedUnit,
  orderId,
  orderLife,
} from "../../../test/support/demand-orders.ts";
import { OrderDesk } from "./orders.ts";

const life = orderLife();
const hour = 3_600_000;
const desk = (device = orderedUnit, membership = life.membership, remembered?: unknown) =>
  new OrderDesk({ device, slotMs: hour, membership, remembered });

test("a proven contract begins once: what may be drawn in its slot follows from the usual draw", () => {
  const one = desk();
  const begins = one.take(life.contracted);
  assert.ok(begins.ok && begins.what === "begins");
  const { order, action, status, slots, by } = begins.order;
  assert.deepEqual([order, action, status, by], [orderId, "shed", "contracted", "bureau-a"]);
  // 1 000 Wh an hour usually, 400 of them ordered away.
  assert.deepEqual(slots, [{ from: orderedSlot, until: orderedSlot + hour, limitW: 600 }]);
  for (const again of [life.contracted, life.acknowledged]) {
    const known = one.take(again);
    assert.ok(known.ok && known.what === "known");
  }
  const ended = one.take(life.refused);
  assert.ok(ended.ok && ended.what === "ended");
  assert.equal(one.known(orderId), undefined);
});

test("what is forged, for another unit, of other members or over never begins", () => {
  const { proof } = life;
  const value = proof.value?.map((byte, i) => (i === 9 ? byte ^ 1 : byte));
  const forged = encodeStateProof({ ...proof, ...(value === undefined ? {} : { value }) });
  const votes = proof.certificate.map((vote) => ({
    ...vote,
    signature: new Uint8Array(64).fill(1),
  }));
  const unsigned = encodeStateProof({ ...proof, certificate: votes });
  const late = encodeStateProof({ ...proof, header: { ...proof.header, time: orderedSlot } });
  const strangers = {
    ...life.membership,
    members: life.membership.members.map((member) => ({
      ...member,
      key: new Uint8Array(32).fill(7),
    })),
  };
  for (const [who, payload, code] of [
    [desk(), forged, "proof.path"],
    [desk(), unsigned, "certificate.signature"],
    [desk(), late, "certificate.signature"],
    [desk("other-unit"), life.contracted, "flows.order-other"],
    [desk(orderedUnit, strangers), life.contracted, /^certificate\./],
    [desk(), life.overdue, "flows.order-expired"],
  ] as const) {
    const heard = who.take(payload);
    assert.ok(!heard.ok, JSON.stringify(heard));
    if (typeof code === "string") assert.equal(heard.code, code);
    else assert.match(heard.code, code);
    assert.equal(who.count, 0);
  }
});

test("an order that ended, or that the flow is done with, never begins again, after a restart neither", () => {
  const [ended, done] = [desk(), desk()];
  for (const word of [life.contracted, life.refused]) assert.ok(ended.take(word).ok);
  assert.ok(done.take(life.acknowledged).ok);
  done.forget(orderId);
  const restarted = ({ remembered }: OrderDesk) =>
    desk(orderedUnit, life.membership, JSON.parse(JSON.stringify(remembered)));
  for (const one of [ended, done, restarted(ended), restarted(done)]) {
    for (const word of [life.contracted, life.acknowledged]) {
      const heard = one.take(word);
      assert.ok(heard.ok && heard.what === "known", JSON.stringify(heard));
      assert.equal(one.count, 0);
    }
  }
  // One that is open begins anew with the flow, by its newest word alone.
  const open = desk();
  open.take(life.acknowledged);
  const late = restarted(open);
  late.take(life.contracted);
  assert.equal(late.count, 0);
  const again = late.take(life.acknowledged);
  assert.ok(again.ok && again.what === "begins");
});

test("the unit's readings say when an order is over, though no block came since", () => {
  const one = desk();
  one.heed(orderedSlot + hour);
  const heard = one.take(life.contracted);
  assert.ok(!heard.ok && heard.code === "flows.order-expired");
  one.heed(orderedSlot + hour - 1);
  assert.ok(one.take(life.contracted).ok);
  for (const odd of [1, "x", [[]], { a: null }, { a: { height: "1", over: 1 } }]) {
    assert.deepEqual(desk(orderedUnit, life.membership, odd).remembered, {});
  }
});

test("garbage is refused with a code, and takes nothing from what is known", () => {
  const one = desk();
  one.take(life.contracted);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.equal(one.take(bytes).ok, false);
      one.takeAnswer(bytes);
    }),
  );
  assert.equal(one.count, 1);
  assert.ok(one.forget(orderId) && !one.forget(orderId));
});
