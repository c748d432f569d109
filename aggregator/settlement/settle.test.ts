import assert from "node:assert/strict";
import { test } from "node:test";
import { cost, microPerKwh, wh } from "@busbar/protocol";
import fc from "fast-check";
import { netIncomes } from "../market/game/equations.ts";
import { netMetered, type Participant, type Sale } from "./position.ts";
import { type Movement, type Settlement, settleImbalance, settleSale } from "./settle.ts";

const settlement: Settlement = {
  bureau: "c",
  terms: {
    feedIn: microPerKwh(400_000),
    retail: microPerKwh(700_000),
    imbalancePermille: 100,
    subsidyPermille: 50,
  },
};

const energy = fc.nat(1_000_000).map(wh);
const price = fc.integer({ min: 400_000, max: 700_000 }).map(microPerKwh);
const sales = fc.array(
  fc.record({
    contract: fc.uuid(),
    seller: fc.constantFrom("g", "c"),
    buyer: fc.constantFrom("u1", "u2"),
    energy,
    price,
  }),
  { maxLength: 8 },
);
const participants = fc.tuple(
  ...["g", "u1", "u2"].map((owner) =>
    fc.record({
      owner: fc.constant(owner),
      metered: fc.record({ importWh: energy, exportWh: energy }),
    }),
  ),
);

function settle(list: readonly Sale[], parties: readonly Participant[]): Movement[] {
  return [
    ...list.flatMap((sale) => settleSale(sale, settlement)),
    ...parties.flatMap((party) => settleImbalance(party, list, settlement) ?? []),
  ];
}

/** What a party gets, and gives in Wh, in all movements. */
function totals(owner: string, movements: readonly Movement[]) {
  let [money, given] = [0, 0];
  for (const movement of movements) {
    if (movement.seller === owner) {
      money += movement.money;
      given += movement.energy;
    }
    if (movement.buyer === owner) {
      money -= movement.money;
      given -= movement.energy;
    }
  }
  return { money, given };
}

test("every party is settled for exactly what its meters showed", () => {
  fc.assert(
    fc.property(sales, participants, (list, parties) => {
      const movements = settle(list, parties);
      for (const { owner, metered } of parties) {
        assert.equal(totals(owner, movements).given, netMetered(metered), owner);
      }
    }),
  );
});

test("a difference between meter and contract is always worse than the market", () => {
  fc.assert(
    fc.property(energy, energy, price, (sold, metered, at) => {
      const sale = { contract: "k", seller: "g", buyer: "u1", energy: sold, price: at };
      const party = { owner: "g", metered: { importWh: wh(0), exportWh: metered } };
      const got = totals("g", settle([sale], [party])).money;
      const planned = { ...sale, energy: metered };
      const best = totals("g", settle([planned], [party])).money;
      assert.ok(got <= best + 1, `${got} > ${best}`);
    }),
  );
});

test("sales and subsidies add up to the net incomes of eq. 1–8", () => {
  fc.assert(
    fc.property(energy, energy, price, price, (gu, cu, pGu, pCu) => {
      const list: Sale[] = [
        { contract: "1", seller: "g", buyer: "u", energy: gu, price: pGu },
        { contract: "2", seller: "c", buyer: "u", energy: cu, price: pCu },
      ];
      const movements = list.flatMap((sale) => settleSale(sale, settlement));
      const expected = netIncomes({
        quantities: { cg: wh(0), cu, gc: wh(0), gu },
        prices: { cg: undefined, cu: pCu, gc: undefined, gu: pGu },
        subsidyPermille: 50,
      });
      const of = (owner: string) => totals(owner, movements).money;
      assert.deepEqual(
        [of("g"), of("c"), of("u")],
        [expected.company, expected.bureau, expected.user],
      );
    }),
  );
});

test("a shortage costs retail and a tenth, a surplus brings feed-in less a tenth", () => {
  const short = { owner: "u1", metered: { importWh: wh(1000), exportWh: wh(0) } };
  assert.deepEqual(settleImbalance(short, [], settlement), {
    reason: "imbalance-shortage",
    seller: "c",
    buyer: "u1",
    energy: 1000,
    money: cost(microPerKwh(770_000), wh(1000)),
  });
  const long = { owner: "g", metered: { importWh: wh(0), exportWh: wh(1000) } };
  assert.equal(settleImbalance(long, [], settlement)?.money, 360_000);
  const even = { owner: "u1", metered: { importWh: wh(5), exportWh: wh(5) } };
  assert.equal(settleImbalance(even, [], settlement), undefined);
});
