import assert from "node:assert/strict";
import { test } from "node:test";
import { micro, utcMs, wh } from "@busbar/protocol";
import fc from "fast-check";
import { newestSlot } from "../../../publish/prices.ts";
import { accountSums, accounts } from "../../accounts.ts";
import { emptyState, Overlay } from "../../state/overlay.ts";
import { entry, frameOf, MeterChain, startTime, testGenesis } from "../../test-site.ts";
import { boundaryKeepMs } from "../boundaries.ts";
import { contracts, slotKey, slots, unsettled } from "./tables.ts";
import { Chain, hour, mandate, minute, quote, slot } from "./test-chain.ts";
import {
  countWaitedFor,
  isWaitedFor,
  slotsWaitedFor,
  waitedSlots,
  waitFor,
  waitNoMore,
} from "./waited-slots.ts";
import { waitMsMax } from "./waiting.ts";

/** A company sells 50 kWh to a user in the first slot; its meter reports what it promised. */
function sold(run: Chain): Chain {
  const ask = quote("company-a", 1, { side: "ask", quantity: wh(50_000) });
  const bid = quote("user-a", 2, { quantity: wh(50_000) });
  run.block(20, mandate("company-a"), mandate("user-a"));
  assert.deepEqual(run.block(25, ask.seal, bid.seal), []);
  assert.deepEqual(run.block(41, ask.open, bid.open), []);
  run.block(51);
  const company = new MeterChain("company-a");
  run.block(121, company.frame(entry(slot, 0, 0), entry(slot + hour, 0, 50_000)));
  assert.equal(run.of("contract-settled").length, 0, "the user's meter is waited for");
  return run;
}

test("a meter that began within a slot does not hold up those who trade with its owner", () => {
  const run = sold(new Chain());
  const user = new MeterChain("user-a");
  const late = slot + 30 * minute;
  run.block(181, user.frame(entry(late, 7), entry(slot + 2 * hour, 9)));
  assert.equal(run.of("contract-settled").length, 1, "what was signed is paid");
  const guessed = run.of("imbalance-settled").filter((event) => event.slot === slot);
  assert.deepEqual(guessed, [], "nobody is billed by a guess");
  assert.equal(run.of("slot-settled").length, 1);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a second meter admitted after a slot is not waited for in it", () => {
  const run = sold(new Chain());
  const device = testGenesis().devices.find(({ owner }) => owner === "user-a");
  assert.ok(device !== undefined);
  const second = { id: "user-a2-meter", role: "connection", feeder: "feeder-1" } as const;
  const admission = frameOf("member-a", "admission", {
    nonce: new Uint8Array(16),
    member: "member-a",
    owners: [],
    devices: [{ ...device, meters: [...device.meters, second] }],
  });
  const user = new MeterChain("user-a");
  assert.deepEqual(
    run.block(181, admission, user.frame(entry(slot, 0), entry(slot + 2 * hour, 100_000))),
    [],
  );
  assert.equal(run.of("contract-settled").length, 1);
  assert.deepEqual(
    run.of("slot-settled").map((event) => event.slot),
    [slot],
  );
});

test("a meter that stays silent is waited for a month, then contracts count as signed", () => {
  const run = sold(new Chain());
  const end = 120 + waitMsMax / minute;
  run.block(end - 1);
  assert.equal(run.of("contract-settled").length, 0);
  run.block(end);
  assert.equal(run.of("contract-settled").length, 1);
  assert.deepEqual(
    run.of("slot-settled").map((event) => event.slot),
    [slot],
  );
  for (const owner of ["company-a", "user-a"]) assert.ok(!isWaitedFor(run.state, owner, slot));
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("slots that are cleared after their meters reported are settled at once", () => {
  const run = new Chain();
  run.block(20);
  const company = new MeterChain("company-a");
  const user = new MeterChain("user-a");
  const far = slot + 5 * hour;
  run.block(
    60 + 5 * 60,
    company.frame(entry(startTime, 0, 0), entry(far, 0, 0)),
    user.frame(entry(startTime, 0), entry(far, 10_000)),
  );
  run.block(60 + 5 * 60 + 1);
  assert.equal(run.of("slot-settled").length, 5);
  const open = [...unsettled.scan(run.state)].map(([, { slot: start }]) => start);
  assert.deepEqual(open, [far]);
});

test("an account that can hold no more stops nobody: the payment is held, and on record", () => {
  const run = sold(new Chain());
  const full = micro(Number.MAX_SAFE_INTEGER - 1);
  accounts.set(run.state, "company-a/sales", { money: full, energyWh: 0 });
  accounts.set(run.state, "~site/sales", { money: micro(-full), energyWh: 0 });
  const user = new MeterChain("user-a");
  run.block(122, user.frame(entry(slot, 0), entry(slot + hour, 60_000)));
  assert.equal(run.of("contract-settled").length, 0);
  assert.deepEqual(
    run.of("settlement-held").map(({ seller, buyer }) => [seller, buyer]),
    [["company-a", "user-a"]],
  );
  assert.equal(run.of("imbalance-settled").length, 1, "others go on");
  assert.equal(run.of("slot-settled").length, 1);
  assert.deepEqual(accountSums(run.state), { money: 0n, energyWh: 0n });
});

test("a slot and its contracts leave the state two months after they are settled", () => {
  const run = sold(new Chain());
  const user = new MeterChain("user-a");
  run.block(122, user.frame(entry(slot, 0), entry(slot + hour, 50_000)));
  assert.equal(run.of("slot-settled").length, 1);
  const days = boundaryKeepMs / (24 * hour);
  for (let day = 1; day <= days; day++) run.block(day * 24 * 60 - 10);
  assert.equal(slots.get(run.state, slotKey(slot))?.stage, "settled");
  assert.equal([...contracts.scan(run.state, `${slotKey(slot)}-`)].length, 1);
  run.block(days * 24 * 60 + 60);
  run.block(days * 24 * 60 + 61);
  assert.equal(slots.get(run.state, slotKey(slot)), undefined);
  assert.equal([...contracts.scan(run.state, `${slotKey(slot)}-`)].length, 0);
  assert.equal(newestSlot(run.state), run.of("slot-opened").at(-1)?.slot);
});

test("without a bureau the parties of the book still pay each other", () => {
  const genesis = testGenesis();
  const run = sold(
    new Chain({
      owners: genesis.owners.filter(({ party }) => party !== "bureau"),
      devices: genesis.devices.filter(({ owner }) => owner !== "bureau-a"),
    }),
  );
  const user = new MeterChain("user-a");
  run.block(122, user.frame(entry(slot, 0), entry(slot + hour, 60_000)));
  const [settled] = run.of("contract-settled");
  assert.equal(run.money("company-a"), settled?.amount);
  assert.equal(run.money("user-a"), -(settled?.amount ?? 0));
});

test("the slots that a party is waited for are a set, however they come and go", () => {
  const step = 15 * minute;
  const slots = fc.array(fc.nat(12), { maxLength: 12 });
  const moves = fc.array(fc.record({ come: slots, go: fc.nat(5) }), { maxLength: 8 });
  fc.assert(
    fc.property(moves, (list) => {
      const state = new Overlay(emptyState);
      let wanted: number[] = [];
      for (const { come, go } of list) {
        for (const n of come) {
          waitFor(state, "user-a", { slot: utcMs(n * step), lengthMs: step });
          if (!wanted.includes(n * step)) wanted.push(n * step);
        }
        wanted.sort((a, b) => a - b);
        waitNoMore(state, "user-a", go);
        wanted = wanted.slice(go);
        assert.deepEqual([...slotsWaitedFor(state, "user-a")], wanted);
        const span = { from: 3 * step - 1, to: 7 * step + 1 };
        const within = wanted.filter((slot) => slot >= span.from && slot < span.to);
        assert.equal(countWaitedFor(state, "user-a", span), within.length);
        for (let n = -1; n < 14; n++) {
          const slot = n * step;
          assert.equal(isWaitedFor(state, "user-a", slot), wanted.includes(slot));
          assert.ok(!isWaitedFor(state, "user-a", slot + minute));
        }
        const gaps = wanted.filter((slot, i) => i > 0 && slot - step !== wanted[i - 1]);
        const runs = waitedSlots.get(state, "user-a")?.runs.length ?? 0;
        assert.equal(runs, wanted.length === 0 ? 0 : gaps.length + 1, "as few runs as can be");
      }
    }),
  );
});
