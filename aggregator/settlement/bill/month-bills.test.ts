import assert from "node:assert/strict";
import { test } from "node:test";
import { inclusionProof, type Message } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { sha256 } from "../../ledger/sha256.ts";
import { rememberingVerify } from "../../ledger/verified.ts";
import { BlockTrees } from "./block-trees.ts";
import { checkBill } from "./check.ts";
import { billCsv } from "./csv.ts";
import type { Bill, BillFile } from "./document.ts";
import { billedOwners, monthBills } from "./month-bills.ts";
import { contractsIn, contractsOfAll } from "./own-contracts.ts";
import { hashesIn } from "./proved-nodes.ts";
import { Community, usualDeed } from "./test-community.ts";

/** All of a site's bills: turned clocks, the borders of months, who leaves within one, and what they share. */

const minute = 60_000;
const hour = 60 * minute;
const berlin = { timeZone: "CET-1CEST,M3.5.0,M10.5.0/3" };
const once = rememberingVerify(verify);

function sourceOf({ store, application }: Community) {
  const head = store.header(store.height) ?? assert.fail("no block");
  const prove = (key: string) => application.query(key).path;
  return { head, state: store.state, prove, blocks: store, history: store.history, steps: [] };
}

/** Everybody's bills of a month, each checked as whoever gets it checks it. */
function billsOf(community: Community, month: string): ReadonlyMap<string, BillFile> {
  const { chain } = community.genesis;
  const against = { pinned: { chain, members: community.members }, verify: once };
  const source = sourceOf(community);
  const made = monthBills(source, { owners: billedOwners(source), month, ...against });
  return new Map(
    Array.from(made, ({ owner, made: file }) => {
      assert.ok(!("ok" in file), JSON.stringify(file));
      const checked = checkBill(file, against);
      assert.ok(checked.ok, JSON.stringify(checked));
      return [owner, file];
    }),
  );
}

const billIn = (bills: ReadonlyMap<string, BillFile>, owner: string): Bill =>
  bills.get(owner)?.bill ?? assert.fail(owner);
const slotsIn = (bill: Bill) => bill.slots.map(({ slot }) => slot);
const hourly = (from: number) =>
  new Community({ owners: 2, from, slotMinutes: 60, verify: once, parameters: berlin });
/** So that each slot shows which it is. */
const deed = (owner: string, slot: number) => {
  const importWh = 100 + (Math.floor(slot / hour) % 97) + (owner === "home-2" ? 1_000 : 0);
  return { ...usualDeed(owner, slot), importWh, exportWh: 0 };
};

for (const { month, day, from, slots, twice } of [
  { month: "2026-03", day: "2026-03-29", from: Date.UTC(2026, 2, 28, 23), slots: 23, twice: 0 },
  { month: "2026-10", day: "2026-10-25", from: Date.UTC(2026, 9, 24, 22), slots: 25, twice: 1 },
]) {
  test(`the day of ${slots} hours is billed hour by hour, each once (Berlin, ${day})`, () => {
    const community = hourly(from);
    community.live(from, slots, deed);
    const bills = billsOf(community, month);
    for (const owner of community.owners) {
      const bill = billIn(bills, owner);
      const lived = Array.from({ length: slots }, (_, i) => from + i * hour);
      assert.deepEqual(slotsIn(bill), lived);
      const drawn = lived.reduce((sum, slot) => sum + deed(owner, slot).importWh, 0);
      const { hours, ...own } = bill.days.find(({ date }) => date === day) ?? assert.fail(day);
      assert.deepEqual([hours, own.slots, own.importWh], [slots, slots, drawn]);
      assert.deepEqual([bill.totals.importWh, own.money], [drawn, bill.totals.total]);
      const length = Math.round((bill.to - bill.from) / hour);
      assert.equal(length, 31 * 24 + slots - 24);
      assert.equal(bill.totals.slots.open, length - slots);
      // The hour from two to three is not there in March; in October it is there twice, told apart by its offset.
      const rows = billCsv(bill).split("\r\n");
      const at = (offset: string) => rows.some((row) => row.includes(`${day} 02:00 ${offset}`));
      assert.deepEqual([at("+02:00"), at("+01:00")], twice === 1 ? [true, true] : [false, false]);
    }
  });
}

test("two months' bills share no slot and leave none out, whatever the clock at their border", () => {
  for (const { border, months } of [
    { border: Date.UTC(2026, 2, 31, 22), months: ["2026-03", "2026-04"] },
    { border: Date.UTC(2026, 9, 31, 23), months: ["2026-10", "2026-11"] },
  ] as const) {
    const community = hourly(border - 2 * hour);
    community.live(border - 2 * hour, 4, deed);
    const [before, after] = months.map((month) => billsOf(community, month));
    assert.ok(before && after);
    for (const owner of community.owners) {
      const first = billIn(before, owner);
      const second = billIn(after, owner);
      assert.deepEqual(slotsIn(first), [border - 2 * hour, border - hour]);
      assert.deepEqual(slotsIn(second), [border, border + hour]);
      const { sales, purchase } = second.accounts;
      assert.equal(first.totals.total + second.totals.total, sales + purchase, owner);
    }
  }
});

test("who leaves within a month is billed to the last slot of its meter, and owes what the account holds", () => {
  const from = Date.UTC(2026, 4, 10);
  const community = new Community({ owners: 3, from, slotMinutes: 60, verify: once });
  const lived = 2;
  community.live(from, lived, deed);
  const gone = community.genesis.devices.find(({ owner }) => owner === "home-2") ?? assert.fail();
  const admission: Message<"admission"> = {
    ...{ nonce: new Uint8Array(16).fill(9), member: "member-a", owners: [] },
    devices: [{ ...gone, meters: [] }],
  };
  // It goes as a slot ends; what its meter showed then still comes in.
  const end = from + (lived + 1) * hour;
  community.block(end, [community.seal("member-a", "admission", admission)]);
  community.block(end + minute, community.readings(end - hour, deed));
  for (let slot = end + hour; slot < end + 4 * hour; slot += hour) {
    community.block(slot + minute, community.readings(slot - hour, deed, ["home-2"]));
  }
  const bills = billsOf(community, "2026-05");
  const left = billIn(bills, "home-2");
  assert.deepEqual(slotsIn(left), [from, from + hour, from + 2 * hour]);
  assert.equal(left.totals.slots.final, lived + 1);
  assert.equal(left.accounts.balance, left.totals.total);
  assert.equal(billIn(bills, "home-3").slots.length, lived + 4);
  // What all came to is what the accounts hold: nobody else pays for who is gone.
  for (const [owner, { bill }] of bills) {
    assert.equal(bill.accounts.sales + bill.accounts.purchase, bill.totals.total, owner);
  }
});

test("contracts that are looked for together are those that each owner finds alone", () => {
  const from = Date.UTC(2026, 4, 1, 10);
  const community = new Community({ owners: 5, from, verify: once });
  community.live(from, 3);
  const { state } = community.store;
  const slots = [0, 1, 2, 3].map((i) => from + i * community.slotMs);
  const some = new Set(["home-1", "home-2", "bureau-a", "nobody"]);
  const [together, alone] = [contractsOfAll(state, slots, some), contractsIn(state)];
  let found = 0;
  for (const slot of slots) {
    for (const owner of some) {
      assert.deepEqual(together(slot, owner), alone(slot, owner));
      found += together(slot, owner).length;
    }
    assert.deepEqual(together(slot, "home-3"), [], "was not asked for");
  }
  assert.ok(found > 6, String(found));
});

test("trees in memory, in the scratch file and hashed again give the same paths", () => {
  const blocks = Array.from({ length: 9 }, (_, height) =>
    Array.from({ length: 1 + height * 3 }, (_, i) => Uint8Array.of(height, i)),
  );
  const all = [
    new BlockTrees(),
    new BlockTrees({ scratch: true, bytesMax: 600 }),
    new BlockTrees({ bytesMax: 600 }),
  ];
  let asked = 0;
  const framesOf = (height: number) => {
    asked += 1;
    return blocks[height] ?? [];
  };
  for (const [i, trees] of all.entries()) {
    asked = 0;
    for (const round of [1, 2]) {
      for (const [height, frames] of blocks.entries()) {
        for (const index of frames.keys()) {
          const found = trees.path({ height, index }, framesOf);
          assert.deepEqual(found && hashesIn(found.path), inclusionProof(frames, index, sha256));
          assert.equal(found?.size, frames.length, `round ${round}`);
        }
        assert.equal(trees.path({ height, index: frames.length }, framesOf), undefined);
      }
    }
    if (i === 2) assert.ok(asked > blocks.length, "what is forgotten is hashed again");
    else assert.equal(asked, blocks.length, "each block once");
    trees.close();
  }
});
