import assert from "node:assert/strict";
import { test } from "node:test";
import { GridChain, line } from "../ledger/rules/market/test-grid.ts";
import { gridLines, gridStatus } from "./grid-status.ts";

test("status tells each feeder's price and flow, and the fees that were paid", () => {
  const grid = [line("north", 20_000, {}), line("south", 30_000, {})];
  const run = new GridChain({ "company-a": ["north"], "user-a": ["south"] }, grid);
  assert.equal(gridStatus(run.state), null, "nothing is traded yet");
  assert.deepEqual(gridLines(null), []);
  const wishes = [
    { owner: "company-a", side: "ask", quantity: 2_000, limit: 600_000 },
    { owner: "user-a", side: "bid", quantity: 2_000, limit: 650_000 },
  ] as const;
  run.trade(0, wishes);
  for (const gate of [1, 2]) run.trade(gate, []);
  run.deliver((owner) => (owner === "user-a" ? -2_000 : 2_000));
  const status = gridStatus(run.state);
  assert.deepEqual(status, {
    slot: "2026-06-01T01:00:00.000Z",
    feeders: [
      { feeder: null, price: null, sentWh: 0 },
      { feeder: "north", price: 600_000, sentWh: 2_000 },
      { feeder: "south", price: 650_000, sentWh: -2_000 },
    ],
    feesPaid: 100_000,
  });
  assert.match(
    gridLines(status).join("\n"),
    /fees paid +100000\n.*north +price 600000, sends 2000 Wh/s,
  );
});
