import assert from "node:assert/strict";
import { test } from "node:test";
import { wh } from "@busbar/protocol";
import fc from "fast-check";
import { crossings } from "./crossing.ts";
import { purchaseAfter, saleAfter, saleMetered } from "./machine.ts";
import {
  clockEnd,
  explore,
  nexts,
  purchaseOf,
  quantityWh,
  saleOf,
  tickA,
  tickB,
  type World,
} from "./test-explore.ts";

const worlds = explore();
const told = (world: World) => JSON.stringify(world);
const isOver = (stage: string | undefined) =>
  stage === undefined || !["offered", "confirmed", "delivered", "escrowed"].includes(stage);

test("all worlds of two chains were looked at, each stage among them", () => {
  assert.ok(worlds.length > 900, `${worlds.length} worlds`);
  const stages = new Set(worlds.flatMap((w) => [saleOf(w).stage, purchaseOf(w)?.stage]));
  const all = ["offered", "confirmed", "delivered", "closed", "lapsed", "failed", "abandoned"];
  for (const stage of [...all, "escrowed", "paid", "released"]) {
    assert.ok(stages.has(stage as never), stage);
  }
});

test("in every order money is conserved on each chain, and what is aside is there", () => {
  for (const world of worlds) {
    for (const { free, aside, via } of [world.a, world.b]) {
      assert.equal(free + aside + via, 0, told(world));
      assert.ok(aside >= 0, told(world));
    }
  }
});

test("in every order the buyer pays once at most, and gets back what it does not pay", () => {
  for (const world of worlds) {
    assert.ok(world.paidTimes <= 1, told(world));
    const stage = purchaseOf(world)?.stage;
    if (stage === "released") assert.deepEqual(world.b, { free: 0, aside: 0, via: 0 }, told(world));
    if (stage !== "paid") assert.equal(world.b.via, 0, told(world));
    if (isOver(stage)) assert.equal(world.b.aside, 0, told(world));
    if (isOver(saleOf(world).stage)) assert.equal(world.a.aside, 0, told(world));
  }
});

test("in every order the seller is paid exactly where the buyer paid, and as much", () => {
  for (const world of worlds) {
    const [sale, purchase] = [saleOf(world), purchaseOf(world)];
    if (sale.stage === "closed") {
      assert.equal(purchase?.stage, "paid", told(world));
      assert.equal(world.a.via + world.b.via, 0, told(world));
    } else if (world.a.aside === 0) assert.equal(world.a.free, 0, told(world));
    // A payment is never answered by a fallen obligation that no proof could make good.
    if (purchase?.stage === "paid") {
      assert.ok(["delivered", "abandoned", "closed"].includes(sale.stage), told(world));
    }
  }
});

test("whoever was paid for closes the trade by showing it, however late", () => {
  for (const world of worlds) {
    const [sale, purchase] = [saleOf(world), purchaseOf(world)];
    if (purchase?.stage !== "paid" || sale.stage === "closed") continue;
    for (let time = world.timeA; time <= clockEnd + 10; time += 1) {
      assert.equal(saleAfter(sale, purchase, time)?.to, "closed", told(world));
    }
  }
});

test("where the other chain stands still for ever, each one's own clock frees all that it holds", () => {
  const toEnd = (world: World, tick: typeof tickA) => {
    let now = world;
    for (let next = tick(now); next !== undefined; next = tick(now)) now = next;
    return now;
  };
  for (const world of worlds) {
    const [a, b] = [toEnd(world, tickA), toEnd(world, tickB)];
    assert.ok(isOver(saleOf(a).stage) && a.a.aside === 0, told(world));
    assert.ok(isOver(purchaseOf(b)?.stage) && b.b.aside === 0, told(world));
  }
});

test("what is over changes no more, but that an abandoned trade is closed by its payment", () => {
  for (const world of worlds) {
    for (const next of nexts(world)) {
      const [before, after] = [saleOf(world).stage, saleOf(next).stage];
      if (isOver(before) && before !== after) {
        assert.equal(before, "abandoned", told(next));
        assert.ok(after === "closed" || after === "failed", told(next));
      }
      const was = purchaseOf(world)?.stage;
      if (was !== undefined && isOver(was)) assert.equal(purchaseOf(next)?.stage, was, told(next));
    }
  }
});

test("nobody pays for more than crossed by both meters", () => {
  for (const world of worlds) {
    const purchase = purchaseOf(world);
    if (purchase?.paidWh === undefined) continue;
    const sold = world.sales.find(({ crossedWh }) => crossedWh !== undefined)?.crossedWh;
    assert.equal(purchase.paidWh, Math.min(purchase.crossedWh ?? 0, sold ?? 0), told(world));
    assert.ok(purchase.paidWh <= quantityWh);
  }
});

test("at its deadline a step is too late, also in the block that is the first to see it", () => {
  const terms = { confirmBy: 1, deliverBy: 2, payBy: 3, closeBy: 4 } as never;
  const escrowed = { stage: "escrowed", terms, crossedWh: wh(4) } as const;
  const delivered = { stage: "delivered", terms, crossedWh: wh(4) } as const;
  assert.equal(saleAfter({ stage: "offered", terms }, escrowed, 0)?.to, "confirmed");
  assert.equal(saleAfter({ stage: "offered", terms }, escrowed, 1), undefined);
  assert.equal(saleMetered({ stage: "confirmed", terms }, wh(4), 1)?.to, "delivered");
  assert.equal(saleMetered({ stage: "confirmed", terms }, wh(4), 2), undefined);
  assert.deepEqual(purchaseAfter(escrowed, delivered, 2), { to: "paid", paidWh: 4 });
  assert.deepEqual(purchaseAfter(escrowed, delivered, 3), { to: "released" });
  const unread = { stage: "escrowed", terms } as const;
  assert.equal(purchaseAfter(unread, delivered, 2), "unmetered");
});

test("what crossed is shared out to the last Wh, and trades of opposite ways need not flow", () => {
  const trades = fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 5 });
  fc.assert(
    fc.property(trades, trades, fc.integer({ min: -20_000, max: 20_000 }), (sells, buys, net) => {
      const out = sells.map((energy, i) => ({ id: `o${i}`, energy: wh(energy) }));
      const into = buys.map((energy, i) => ({ id: `i${i}`, energy: wh(energy) }));
      const shares = crossings(net, { out, into });
      const sum = (list: typeof out) =>
        list.reduce((all, { id }) => all + (shares.get(id) ?? 0), 0);
      const whole = (list: typeof out) => list.reduce((all, { energy }) => all + energy, 0);
      for (const { id, energy } of [...out, ...into]) {
        const share = shares.get(id) ?? -1;
        assert.ok(share >= 0 && share <= energy);
      }
      const position = whole(out) - whole(into);
      // Within the position's reach all of the direction that is not short is delivered.
      if (net >= position) assert.equal(sum(out), whole(out));
      if (net <= position) assert.equal(sum(into), whole(into));
      // What was taken away by the meter is what lacks.
      const lacking = Math.abs(net - position);
      const short = whole(out) - sum(out) + (whole(into) - sum(into));
      assert.equal(short, Math.min(lacking, net < position ? whole(out) : whole(into)));
    }),
    { numRuns: 300 },
  );
});
