import assert from "node:assert/strict";
import { test } from "node:test";
import { wh } from "@busbar/protocol";
import fc from "fast-check";
import { allocateQuantities } from "./quantities.ts";

const energy = fc.nat(2_000_000).map(wh);
const situation = fc.record({ generationWh: energy, ownLoadWh: energy, usersLoadWh: energy });

test("every watt-hour is allocated: the company's balance and the users' load close exactly", () => {
  fc.assert(
    fc.property(situation, (slot) => {
      const { cg, cu, gc, gu } = allocateQuantities(slot);
      assert.equal(gu + gc - cg, slot.generationWh - slot.ownLoadWh);
      assert.equal(gu + cu, slot.usersLoadWh);
    }),
  );
});

test("no meter carries both directions in one slot", () => {
  fc.assert(
    fc.property(situation, (slot) => {
      const { cg, cu, gc, gu } = allocateQuantities(slot);
      assert.ok(cg === 0 || gu + gc === 0, "the company buys or sells");
      assert.ok(gc === 0 || cu === 0, "the users come before the bureau");
      assert.ok(gc === 0 || cg + cu === 0, "the bureau buys or sells");
    }),
  );
});

test("the paper's noon: the company's surplus goes to the users, the bureau covers the rest", () => {
  const noon = { generationWh: wh(700_000), ownLoadWh: wh(376_000), usersLoadWh: wh(733_000) };
  assert.deepEqual(allocateQuantities(noon), { cg: 0, cu: 409_000, gc: 0, gu: 324_000 });
});
