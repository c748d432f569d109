import assert from "node:assert/strict";
import { test } from "node:test";
import { settleSale } from "../settlement/settle.ts";
import { accountSums, accounts } from "./accounts.ts";
import { bureauOf } from "./rules/market/parties.ts";
import { contracts } from "./rules/market/tables.ts";
import { paymentOf, type Settlement, settlements } from "./settlements.ts";
import { owners } from "./tables.ts";
import { LedgerRun } from "./test-run.ts";
import { Week, weekGenesis } from "./test-week.ts";

const week = new Week("a mixed week", 7 * 24);

test("the week has everything in it that can happen to a meter, a unit and a contract", () => {
  const { kinds, events } = week;
  for (const kind of [
    "readings",
    "mandate",
    "admission",
    "quote-commit",
    "quote-reveal",
    "device-change",
    "correction",
    "objection",
    "ruling",
  ] as const) {
    assert.ok((kinds.get(kind) ?? 0) >= 3, `${kind}: ${kinds.get(kind)}`);
  }
  for (const type of [
    "registers-restarted",
    "quote-void",
    "contract-settled",
    "contract-void",
    "contract-stands",
    "slot-corrected",
    "settlement-corrected",
    "device-resumed",
  ] as const) {
    assert.ok((events.get(type) ?? 0) >= 2, `${type}: ${events.get(type)}`);
  }
});

test("every block comes to the same hashes from genesis and from a copied state", () => {
  const fromGenesis = LedgerRun.fromGenesis(weekGenesis());
  let copied = LedgerRun.fromGenesis(weekGenesis());
  for (const [i, { minutes, frames }] of week.blocks.entries()) {
    if (i % 40 === 0) copied = fromGenesis.copy();
    const ran = fromGenesis.block(minutes, frames);
    assert.deepEqual(copied.block(minutes, frames), ran, `block ${i + 1}`);
    assert.deepEqual(ran.refused, []);
  }
  assert.equal(fromGenesis.freshRoot(), week.run.freshRoot());
});

test("every frame of the week sent again, next, soon and long after, changes nothing", () => {
  const plain = LedgerRun.fromGenesis(weekGenesis());
  const pestered = LedgerRun.fromGenesis(weekGenesis());
  const framesOf = (block: number) => week.blocks[block]?.frames ?? [];
  for (const [i, { minutes, frames }] of week.blocks.entries()) {
    const again = [1, 6, 60, 400].flatMap((back) => framesOf(i - back));
    const wanted = plain.block(minutes, frames);
    const got = pestered.block(minutes, [...frames, ...again]);
    assert.deepEqual(got.taken, frames, `block ${i + 1}`);
    assert.equal(got.refused.length, again.length);
    assert.equal(got.hashes, wanted.hashes, `block ${i + 1}`);
  }
  const all = week.blocks.flatMap(({ frames }) => frames);
  const end = (week.blocks.at(-1)?.minutes ?? 0) + 1;
  const wanted = plain.block(end, []);
  // The newest first, which nobody sent them in.
  const got = pestered.block(end, [...all].reverse());
  assert.deepEqual([got.taken.length, got.hashes], [0, wanted.hashes]);
});

test("each account holds its paid contracts and its slots' last versions, and nothing else", () => {
  const { state } = week.run;
  const bureau = bureauOf(state) ?? "";
  const terms = weekGenesis().parameters;
  const sums = new Map<string, { money: number; energyWh: number }>();
  const add = (owner: string, money: number, energyWh: number) => {
    const sum = sums.get(owner) ?? { money: 0, energyWh: 0 };
    sums.set(owner, { money: sum.money + money, energyWh: sum.energyWh + energyWh });
  };
  for (const [contract, sale] of contracts.scan(state)) {
    if (paymentOf(state, contract, sale) === undefined) continue;
    for (const { seller, buyer, energy, money } of settleSale(
      { contract, ...sale },
      { bureau, terms },
    )) {
      add(seller, money, -energy);
      add(buyer, -money, energy);
    }
  }
  const last = new Map<string, Settlement>();
  for (const [id, { versions }] of settlements.scan(state)) {
    const version = versions.at(-1);
    if (version !== undefined) last.set(id, version);
  }
  for (const [id, { money, imbalanceWh }] of last) {
    add(id.slice(16), money, -imbalanceWh);
    add(bureau, -money, imbalanceWh);
  }
  for (const [owner] of owners.scan(state)) {
    const held = { money: 0, energyWh: 0 };
    for (const side of ["sales", "purchase"]) {
      const account = accounts.get(state, `${owner}/${side}`);
      held.money += account?.money ?? 0;
      held.energyWh += account?.energyWh ?? 0;
    }
    assert.deepEqual(held, sums.get(owner) ?? { money: 0, energyWh: 0 }, owner);
  }
  assert.deepEqual(accountSums(state), { money: 0n, energyWh: 0n });
  assert.ok([...last.keys()].length > 300);
});
