import assert from "node:assert/strict";
import { test } from "node:test";
import { micro, wh } from "@busbar/protocol";
import fc from "fast-check";
import type { Movement } from "../../../settlement/settle.ts";
import { accountSums, accounts, openAccounts, post } from "../../accounts.ts";
import { emptyState, Overlay } from "../../state/overlay.ts";
import { differenceOf, entriesOf } from "./posting.ts";

const parties = ["a", "b", "c"];

const movement = fc
  .record({
    seller: fc.constantFrom(...parties),
    buyer: fc.constantFrom(...parties),
    energy: fc.nat(1_000_000_000).map(wh),
    money: fc.integer({ min: -(10 ** 12), max: 10 ** 12 }).map(micro),
  })
  .map((terms): Movement => ({ reason: "imbalance-surplus", ...terms }));

function balances(run: (state: Overlay) => void) {
  const state = new Overlay(emptyState);
  for (const owner of parties) openAccounts(state, owner);
  run(state);
  assert.deepEqual(accountSums(state), { money: 0n, energyWh: 0n });
  return [...accounts.scan(state)];
}

test("what was posted and then the difference is what would have been posted at once", () => {
  const list = fc.array(movement, { maxLength: 3 });
  fc.assert(
    fc.property(list, list, (before, after) => {
      const difference = differenceOf(before, after);
      assert.ok(difference);
      const stepwise = balances((state) => {
        post(state, entriesOf(before));
        post(state, difference);
      });
      assert.deepEqual(
        stepwise,
        balances((state) => post(state, entriesOf(after))),
      );
      const accountsNamed = difference.map(({ owner, side }) => `${owner}/${side}`);
      assert.equal(new Set(accountsNamed).size, difference.length, "a line for each account");
    }),
  );
  assert.deepEqual(differenceOf([], []), []);
});

test("a difference beyond 2⁵³ is none, rather than one that is not exact", () => {
  const most = (sign: number): Movement => ({
    reason: "imbalance-surplus",
    seller: "a",
    buyer: "b",
    energy: wh(1),
    money: micro(sign * (Number.MAX_SAFE_INTEGER - 1)),
  });
  assert.equal(differenceOf([most(-1)], [most(1)]), undefined);
  assert.notEqual(differenceOf([most(1)], [most(1)]), undefined);
});
