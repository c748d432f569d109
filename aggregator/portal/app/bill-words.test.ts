import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountLine, BillLine, BillSlot } from "../../settlement/bill/document.ts";
import { accountWhat, accountWhy, byKind, carbonRows, lineState, otherSide } from "./bill-words.ts";

/** What a bill's lines are called, without a browser. */

const noon = Date.UTC(2026, 5, 14, 12);

const line = (changes: Partial<BillLine>): BillLine => ({
  ...{ line: 1, kind: "sale", state: "paid", money: 1, energyWh: 1, price: null, with: "anna" },
  ...{ contract: null, charge: null, version: 1, order: null, ...changes },
});

const slot = (lines: readonly BillLine[], changes: Partial<BillSlot> = {}): BillSlot => ({
  ...{ slot: noon, state: "final", why: "due", importWh: 0, exportWh: 0, method: null },
  site: { paid: 0, received: 0, fees: 0, taxes: 0, subsidies: 0, rounding: 0 },
  ...{ meters: [], money: 0, lines, ...changes },
});

test("lines are summed by kind, fees by name; what is void counts nothing", () => {
  const found = byKind([
    slot([
      line({ kind: "grid-loss", money: -5, energyWh: -2 }),
      line({ kind: "fee", charge: "metering", money: -3, energyWh: 0 }),
      line({ kind: "losses-sold", money: 4, energyWh: 2 }),
    ]),
    slot([
      line({ kind: "grid-loss", money: -7, energyWh: -3 }),
      line({ kind: "fee", charge: "roads", money: -1, energyWh: 0 }),
      line({ kind: "grid-loss", money: -100, energyWh: -100, state: "void" }),
    ]),
  ]);
  assert.deepEqual(
    found.map(({ name, money, energyWh, lines }) => [name, money, energyWh, lines.length]),
    [
      ["Lost on the way", -12, -5, 3],
      ["Fee: metering", -3, 0, 1],
      ["Sold for the lines’ losses", 4, 2, 1],
      ["Fee: roads", -1, 0, 1],
    ],
  );
  assert.deepEqual(byKind([]), []);
});

test("a line says where it stands: what comes from meters as its slot does, a trade by itself", () => {
  const held = slot([], { state: "held", method: "profile" });
  assert.equal(
    lineState(held, line({ version: 2 })),
    "paid, held, estimated, corrected, version 2",
  );
  assert.equal(lineState(held, line({ contract: "c", state: "due" })), "not paid yet");
  assert.equal(lineState(slot([]), line({ version: null })), "paid");
  assert.deepEqual([otherSide("~all"), otherSide("anna")], ["all parties", "anna"]);
});

test("payments, collateral, seizures and orders are told apart, and by whose side", () => {
  const demand = {
    ...{ order: "ab", slot: noon, slots: 2, orderedWh: 600, deliveredWh: 500, price: 1 },
    ...{ word: "unkept" as const, checked: true, frame: 0 },
  };
  const account = (changes: Partial<AccountLine>): AccountLine => ({
    ...{ line: 9, kind: "payment", entry: 1, time: noon, money: 5, with: "bureau" },
    ...{ payment: null, demand: null, unread: null, ...changes },
  });
  const cases = [
    ["payment", 5, "Payment made"],
    ["payment", -5, "Payment received"],
    ["collateral", 5, "Collateral handed over"],
    ["collateral", -5, "Collateral handed back"],
    ["escrow", -5, "Put aside for a trade with another feeder"],
    ["bond", 5, "For energy that did not come over"],
    ["seized", 5, "Collateral taken for what was owed"],
    ["seized", -5, "Collateral taken for what was owed"],
    ["demand", 5, "Demand response, paid to this account"],
    ["demand", -5, "Demand response, paid by this account"],
    ["unread", 5, "For energy drawn in a silence"],
    ["unread", -5, "Energy drawn in a silence, beyond the estimates"],
  ] as const;
  for (const [kind, money, what] of cases)
    assert.equal(accountWhat(account({ kind, money })), what, `${kind} ${money}`);
  assert.equal(accountWhy(account({})), "");
  assert.equal(
    accountWhy(account({ payment: { by: "bureau", version: 3, frame: 0 } })),
    "acknowledged by bureau, its no. 3",
  );
  assert.equal(
    accountWhy(account({ kind: "demand", demand })),
    "0.500 of 0.600 kWh less, slots: 2, from Sun 14 Jun, 12:00 UTC; " +
      "not kept: on the credit report; made anew from the meters’ readings",
  );
});

test("the carbon figure's energies are what was drawn, each at its factor", () => {
  const rows = carbonRows({
    ...{ source: "a table", takenWh: 1000, greenTakenWh: 400, grams: 1 },
    ...{ gramsPerKwh: { solar: 41, wind: 11, rest: 581 }, retiredWh: { solar: 300, wind: 100 } },
  });
  assert.deepEqual(rows, [
    ["Retired solar certificates", 300, 41],
    ["Retired wind certificates", 100, 11],
    ["All other", 600, 581],
  ]);
});
