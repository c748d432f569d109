import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { type KeyKind, keyKinds, netOf, payShares, type Sharer, shareSlot } from "./allocation.ts";

const energy = fc.nat(20_000).map(wh);
const members = fc.uniqueArray(
  fc.record({
    id: fc.stringMatching(/^[a-z]{1,3}$/),
    importWh: energy,
    exportWh: energy,
    weight: fc.nat(100),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 9 },
);
const key = fc.constantFrom(...keyKinds);

const total = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
const member = (id: string, importWh: number, exportWh: number, weight = 1): Sharer => {
  return { id, importWh: wh(importWh), exportWh: wh(exportWh), weight };
};
const received = (list: readonly Sharer[], kind: KeyKind) =>
  shareSlot(list, kind).map(({ receivedWh }) => receivedWh);

test("nobody gets more than it needs or gives more than it has, and what is received is given", () => {
  fc.assert(
    fc.property(members, key, (list, kind) => {
      const shares = shareSlot(list, kind);
      assert.deepEqual(
        shares.map(({ id }) => id),
        list.map(({ id }) => id),
      );
      for (const [i, { givenWh, receivedWh }] of shares.entries()) {
        const { surplusWh, needWh } = netOf(list[i] ?? member("", 0, 0));
        assert.ok(receivedWh <= needWh && givenWh <= surplusWh);
      }
      assert.equal(
        total(shares.map(({ givenWh }) => givenWh)),
        total(shares.map(({ receivedWh }) => receivedWh)),
      );
    }),
  );
});

test("dynamic and hybrid keys share all that can be shared, a static one no more than a hybrid", () => {
  fc.assert(
    fc.property(members, (list) => {
      const nets = list.map(netOf);
      const most = Math.min(
        total(nets.map(({ surplusWh }) => surplusWh)),
        total(nets.map(({ needWh }) => needWh)),
      );
      assert.equal(total(received(list, "dynamic")), most);
      assert.equal(total(received(list, "hybrid")), most);
      const hybrid = received(list, "hybrid");
      for (const [i, wh] of received(list, "static").entries()) assert.ok(wh <= (hybrid[i] ?? 0));
    }),
  );
});

test("the order of the members changes nobody's part", () => {
  fc.assert(
    fc.property(members, key, fc.infiniteStream(fc.nat()), (list, kind, random) => {
      const order = new Map(list.map(({ id }) => [id, random.next().value ?? 0]));
      const shuffled = list.toSorted((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
      const byId = (all: readonly Sharer[]) =>
        new Map(shareSlot(all, kind).map(({ id, ...share }) => [id, share]));
      for (const [id, share] of byId(list)) assert.deepEqual(byId(shuffled).get(id), share);
    }),
  );
});

test("parts are within 1 Wh of exact proportion", () => {
  fc.assert(
    fc.property(members, (list) => {
      const nets = list.map(netOf);
      const needed = total(nets.map(({ needWh }) => needWh));
      const surplus = Math.min(total(nets.map(({ surplusWh }) => surplusWh)), needed);
      for (const [i, wh] of received(list, "dynamic").entries()) {
        const exact = needed === 0 ? 0 : (surplus * (nets[i]?.needWh ?? 0)) / needed;
        assert.ok(Math.abs(wh - exact) < 1, `${wh} for ${exact}`);
      }
    }),
  );
});

test("what members pay for shares is what members get, and the price of the whole once", () => {
  fc.assert(
    fc.property(members, key, fc.integer({ min: -200_000, max: 900_000 }), (list, kind, at) => {
      const shares = shareSlot(list, kind);
      const paid = payShares(shares, microPerKwh(at));
      assert.equal(total(paid), 0);
      const whole = cost(microPerKwh(at), wh(total(shares.map(({ receivedWh }) => receivedWh))));
      const bought = paid.filter((_, i) => (shares[i]?.receivedWh ?? 0) > 0);
      assert.equal(total(bought), whole);
    }),
  );
});

test("a sunny quarter of an hour under each key", () => {
  const list = [
    member("roof", 0, 1000, 0),
    member("a", 600, 0, 3),
    member("b", 100, 0, 1),
    member("c", 900, 0, 1),
  ];
  // Entitled to 600, 200, 200: b needs half of its part.
  assert.deepEqual(received(list, "static"), [0, 600, 100, 200]);
  assert.deepEqual(received(list, "dynamic"), [0, 375, 63, 562]);
  assert.deepEqual(received(list, "hybrid"), [0, 600, 100, 300]);
  const shares = shareSlot(list, "static");
  assert.deepEqual(
    shares.map(({ givenWh }) => givenWh),
    [900, 0, 0, 0],
  );
  assert.deepEqual(payShares(shares, microPerKwh(500_000)), [-450_000, 300_000, 50_000, 100_000]);
});

test("without weights, without a surplus and with wrong members nothing is shared by guess", () => {
  const list = [member("roof", 0, 1000, 0), member("a", 600, 0, 0)];
  assert.deepEqual(received(list, "static"), [0, 0]);
  assert.deepEqual(received(list, "hybrid"), [0, 600]);
  assert.deepEqual(received([member("a", 5, 0), member("b", 7, 7)], "dynamic"), [0, 0]);
  assert.deepEqual(shareSlot([], "hybrid"), []);
  for (const kind of keyKinds) {
    assert.throws(() => shareSlot([member("a", 1, 0), member("a", 0, 1)], kind), RangeError);
  }
  assert.throws(() => shareSlot([member("a", 1, 0, 1.5)], "static"), RangeError);
  assert.throws(() => shareSlot([member("a", 1, 0)], "fair" as KeyKind), RangeError);
});
