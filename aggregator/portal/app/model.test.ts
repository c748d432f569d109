import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PortalSite, portalSiteStart } from "../../../test/support/portal-site.ts";
import type { PortalEvent } from "../api.ts";
import { layOut } from "./diagram-layout.ts";
import { flowsOf } from "./flows.ts";
import {
  emptyModel,
  kept,
  type Model,
  siteTime,
  slotAt,
  withBlocks,
  withEvent,
  withMeters,
  withSlots,
  withStatus,
  withTrades,
} from "./model.ts";

const hour = 3_600_000;
const site = new PortalSite();
const events: PortalEvent[] = [];
site.source.subscribe((event) => events.push(event));
site.runUntil(portalSiteStart + 6 * hour);
const { source } = site;

function lists({ slots, trades, blocks, meters }: Model) {
  return { slots, trades, blocks, meters };
}

const asked = lists(
  withMeters(
    withBlocks(
      withTrades(
        withSlots(emptyModel, source.slots(kept.slots)),
        source.trades({ limit: kept.trades }),
      ),
      source.blocks({ limit: kept.blocks }),
    ),
    source.meters(),
  ),
);

test("events add up to what the portal answers when it is asked", () => {
  const followed = events.reduce(withEvent, emptyModel);
  // What meters measured in a slot has no event of its own; the page asks for it again.
  assert.deepEqual(lists(withSlots(followed, source.slots(kept.slots))), asked);
});

test("an answer that was overtaken by events takes nothing back", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 30 }), (late) => {
      const model = { ...emptyModel, ...asked };
      assert.deepEqual(lists(late.reduce(withEvent, model)), asked);
    }),
  );
});

test("an older status is dropped", () => {
  const status = source.status();
  const model = withStatus(emptyModel, status, 1_000);
  assert.equal(withStatus(model, { ...status, height: status.height - 1 }, 2_000), model);
});

test("site time runs on at the site's speed between two looks", () => {
  const status = { ...source.status(), time: 5_000, speed: 360 };
  assert.equal(siteTime(withStatus(emptyModel, status, 100), 110), 5_000 + 10 * 360);
  assert.equal(siteTime(emptyModel, 110), undefined);
});

test("the slot of a time is the half-open one that holds it", () => {
  const model = { ...emptyModel, ...asked, status: source.status() };
  const slot = asked.slots.at(-1)?.slot ?? 0;
  assert.equal(slotAt(model, slot)?.slot, slot);
  assert.equal(slotAt(model, slot + hour - 1)?.slot, slot);
  assert.notEqual(slotAt(model, slot + hour)?.slot, slot);
});

test("live flows balance: generation and grid feed the load", () => {
  const { grid, generationW, loadW, branches } = flowsOf(source.meters());
  assert.deepEqual(
    branches.map(({ id, behind }) => [id, behind.length]),
    [
      ["company", 3],
      ["user-1", 0],
      ["user-2", 0],
    ],
  );
  assert.ok(generationW !== null && loadW !== null);
  assert.equal((grid?.watts ?? 0) + loadW - generationW, 0);
});

test("without an exchange meter the grid is what all others leave", () => {
  const meters = source.meters();
  const without = flowsOf(meters.filter(({ role }) => role !== "exchange"));
  assert.equal(without.grid?.watts, flowsOf(meters).grid?.watts);
});

test("one power that is not known leaves no sum that looks known", () => {
  const meters = source
    .meters()
    .map((meter) => (meter.meter === "user-1-net" ? { ...meter, powerW: null } : meter));
  assert.equal(flowsOf(meters).loadW, null);
});

test("the diagram keeps its cards apart and inside, at any width and with any number of users", () => {
  const meters = source.meters();
  const [user] = meters.filter(({ role, party }) => role === "connection" && party === "user");
  assert.ok(user !== undefined);
  const property = fc.property(fc.integer({ min: 280, max: 1600 }), fc.nat(60), (width, users) => {
    const more = Array.from({ length: users }, (_, i) => ({
      ...user,
      owner: `w-${i}`,
      meter: `w-${i}`,
    }));
    const flows = flowsOf([...meters, ...more]);
    const { placed, height } = layOut(flows, width);
    for (const [i, { card }] of placed.entries()) {
      assert.ok(
        card.x >= 0 && card.x + card.width <= width && card.width > 90,
        JSON.stringify(card),
      );
      assert.ok(card.y >= 0 && card.y + card.height <= height);
      for (const other of placed.slice(i + 1)) {
        const apart =
          card.x + card.width <= other.card.x ||
          other.card.x + other.card.width <= card.x ||
          card.y + card.height <= other.card.y ||
          other.card.y + other.card.height <= card.y;
        assert.ok(apart, `${JSON.stringify(card)} ${JSON.stringify(other.card)}`);
      }
    }
    const shown = placed
      .slice(1)
      .filter(
        ({ branch }) => flows.branches.some(({ id }) => id === branch.id) || branch.id === "more",
      );
    const sum = shown.reduce((all, { branch }) => all + (branch.watts ?? 0), 0);
    assert.equal(
      sum,
      flows.branches.reduce((all, { watts }) => all + (watts ?? 0), 0),
    );
  });
  fc.assert(property, { numRuns: 60 });
});
