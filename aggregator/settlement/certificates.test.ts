import assert from "node:assert/strict";
import { test } from "node:test";
import { wh } from "@busbar/protocol";
import fc from "fast-check";
import { certifySlot, type Generator, type GreenSale, greenForms } from "./certificates.ts";

const owners = ["a", "b", "c", "d"];
const energy = fc.nat(5000);
const generators = fc.tuple(
  ...owners.map((owner) =>
    fc.record({
      owner: fc.constant(owner),
      made: fc.record({ solar: energy.map(wh), wind: energy.map(wh) }, { requiredKeys: [] }),
      netWh: fc.option(fc.integer({ min: -5000, max: 5000 }), { nil: undefined }),
    }),
  ),
);
const sales = fc
  .array(
    fc.record({
      seller: fc.constantFrom(...owners),
      buyer: fc.constantFrom(...owners, "bureau"),
      form: fc.constantFrom(...greenForms),
      energy: energy.map(wh),
    }),
    { maxLength: 8 },
  )
  .map((all) =>
    all
      .filter(({ seller, buyer }) => seller !== buyer)
      .map((sale, i): GreenSale => ({ ...sale, contract: `k${i}` })),
  );
const total = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

test("each Wh that was made is issued once, to who made it, and held or retired once", () => {
  fc.assert(
    fc.property(generators, sales, (all, signed) => {
      const { certificates } = certifySlot(all, signed);
      for (const form of greenForms) {
        const lines = certificates.filter((line) => line.form === form);
        const made = total(all.map((one) => one.made[form] ?? 0));
        assert.equal(total(lines.map(({ issuedWh }) => issuedWh)), made);
        assert.equal(
          total(lines.map(({ boughtWh }) => boughtWh)),
          total(lines.map(({ soldWh }) => soldWh)),
        );
        const held = lines.map(({ issuedWh, boughtWh, soldWh, retiredWh }) => {
          return issuedWh + boughtWh - soldWh - retiredWh;
        });
        assert.ok(
          held.every((wh) => wh >= 0),
          `${held}`,
        );
        assert.equal(total(held) + total(lines.map(({ retiredWh }) => retiredWh)), made);
      }
    }),
  );
});

test("nobody sells more than it made and gave, or retires more than it used", () => {
  fc.assert(
    fc.property(generators, sales, (all, signed) => {
      const { certificates, sales: moved } = certifySlot(all, signed);
      for (const { owner, made, netWh } of all) {
        const lines = certificates.filter((line) => line.owner === owner);
        const [sold, retired] = [
          total(lines.map(({ soldWh }) => soldWh)),
          total(lines.map(({ retiredWh }) => retiredWh)),
        ];
        for (const { form, soldWh } of lines) assert.ok(soldWh <= (made[form] ?? 0));
        if (netWh === undefined) assert.equal(retired, 0);
        else {
          const used = (made.solar ?? 0) + (made.wind ?? 0) - netWh;
          assert.ok(sold <= Math.max(0, netWh));
          assert.ok(retired <= Math.max(0, used, -netWh), `${retired} of ${used}`);
        }
      }
      for (const { contract, energy } of moved) {
        const found = signed.find((sale) => sale.contract === contract);
        assert.ok(found !== undefined && energy <= found.energy);
      }
    }),
  );
});

test("the order of readings and contracts changes nothing", () => {
  fc.assert(
    fc.property(generators, sales, (all, signed) => {
      assert.deepEqual(
        certifySlot(all.toReversed(), signed.toReversed()),
        certifySlot(all, signed),
      );
    }),
  );
});

const maker = (made: Generator["made"], netWh: number | undefined): Generator => {
  return { owner: "g", made, netWh };
};
const user = (owner: string, netWh: number): Generator => ({ owner, made: {}, netWh });
const sale = (contract: string, buyer: string, energy: number): GreenSale => {
  return { contract, seller: "g", buyer, form: "solar", energy: wh(energy) };
};

test("sun that was sold goes over in proportion, and is retired where it was used", () => {
  const { certificates, sales: moved } = certifySlot(
    // 100 made, 30 of it used at home; 90 signed away.
    [maker({ solar: wh(60), wind: wh(40) }, 70), user("u1", -50), user("u2", -10)],
    [sale("1", "u1", 60), sale("2", "u2", 30)],
  );
  assert.deepEqual(moved, [
    { contract: "1", energy: 40 },
    { contract: "2", energy: 20 },
  ]);
  assert.deepEqual(certificates, [
    { owner: "g", form: "solar", issuedWh: 60, boughtWh: 0, soldWh: 60, retiredWh: 0 },
    { owner: "g", form: "wind", issuedWh: 40, boughtWh: 0, soldWh: 0, retiredWh: 30 },
    { owner: "u1", form: "solar", issuedWh: 0, boughtWh: 40, soldWh: 0, retiredWh: 40 },
    // It bought 20, used 10: the rest it holds.
    { owner: "u2", form: "solar", issuedWh: 0, boughtWh: 20, soldWh: 0, retiredWh: 10 },
  ]);
});

test("what never left the house is not sold, and what nobody measured is not retired", () => {
  const stayed = certifySlot(
    [maker({ solar: wh(100) }, -20), user("u1", -50)],
    [sale("1", "u1", 60)],
  );
  assert.deepEqual(stayed.sales, []);
  assert.equal(stayed.certificates[0]?.retiredWh, 100);
  const silent = certifySlot([maker({ solar: wh(100) }, undefined)], [sale("1", "bureau", 60)]);
  assert.deepEqual(silent.sales, [{ contract: "1", energy: 60 }]);
  assert.deepEqual(
    silent.certificates.map(({ owner, retiredWh }) => [owner, retiredWh]),
    [
      ["bureau", 0],
      ["g", 0],
    ],
  );
});

test("an owner or a contract that stands twice is refused", () => {
  assert.throws(() => certifySlot([user("u1", 0), user("u1", 0)], []), RangeError);
  const twice = [sale("1", "u1", 5), sale("1", "u2", 5)];
  assert.throws(() => certifySlot([maker({ solar: wh(9) }, 9)], twice), RangeError);
});
