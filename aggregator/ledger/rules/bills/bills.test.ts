import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTimeZone, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import fc from "fast-check";
import { billOf } from "../../../commands/bill-source.ts";
import { noticesOf } from "../../../notices/tell/notices.ts";
import { monthPeriod } from "../../../settlement/bill/period.ts";
import { Community, usualDeed } from "../../../settlement/bill/test-community.ts";
import type { CommittedBlock } from "../../block.ts";
import { rememberingVerify } from "../../verified.ts";
import { monthFrom } from "./month.ts";
import { bills } from "./tables.ts";

const minute = 60_000;
const day = 1_440 * minute;
const june = Date.UTC(2026, 5, 1);
const once = rememberingVerify(verify);

/** The last slots of May, two of which are traded; in the second one's the meter of home-2 is silent. */
function lastOfMay() {
  const community = new Community({ owners: 3, from: june - 30 * minute, verify: once });
  const last = june - community.slotMs;
  const blocks: CommittedBlock[] = [];
  const live = (slot: number) => (slot === last ? ["home-2"] : []);
  community.live(june - 30 * minute, 2, usualDeed, live);
  const block = (time: number, frames: readonly Uint8Array[] = []) => {
    blocks.push(community.block(time, frames));
    return ready(blocks.at(-1));
  };
  const deed = usualDeed("home-2", last);
  return { community, block, blocks, late: () => community.reading("home-2", june, deed) };
}

function ready(block: CommittedBlock | undefined) {
  return (block?.events ?? []).flatMap((event) => (event.type === "bill-ready" ? [event] : []));
}

test("a bill is ready when its month is settled, and says what the bill comes to", () => {
  const { community, block, blocks, late } = lastOfMay();
  assert.deepEqual(block(june + 5 * minute), []);
  // Three owners' slots of a quarter of an hour are more than one block adds up.
  const all = block(june + 6 * minute, [late()]);
  for (let second = 1; second < 10; second++)
    all.push(...block(june + 6 * minute + second * 1_000));
  assert.deepEqual(
    all.map(({ owner, month }) => [owner, month]),
    ["bureau-a", ...community.owners].map((owner) => [owner, "2026-05"]),
  );
  const { store, application, genesis } = community;
  for (const { owner, total, importWh, exportWh, final, provisional, open } of all) {
    const grounds = { store, application, genesis, blocks: store };
    const file = billOf(grounds, { owner, month: "2026-05" });
    assert.ok(!("ok" in file), JSON.stringify(file));
    const { totals } = file.bill;
    assert.notEqual(total, 0);
    assert.deepEqual([total, importWh, exportWh], [totals.total, totals.importWh, totals.exportWh]);
    assert.deepEqual([final, provisional, open], [totals.slots.final, 0, 0]);
    const entry = { total, importWh, exportWh, final, provisional, open };
    assert.deepEqual(bills.get(store.state, `${owner}/2026-05`), entry);
  }
  const told = blocks.flatMap((one) =>
    noticesOf(one, { currency: "EUR", isOwner: (id) => id.startsWith("home") }),
  );
  const notice = told.find(({ type, owner }) => type === "bill-ready" && owner === "home-2");
  assert.deepEqual(notice?.proof?.prove, ["result", String(notice?.proof?.height), "block"]);
  // Once a month.
  assert.deepEqual(block(june + 20 * minute), []);
});

test("a meter that stays silent holds up the bills for three days, and they say what is open", () => {
  const { block } = lastOfMay();
  const told: ReturnType<typeof ready> = [];
  const lives = (to: number) => {
    for (let time = june + 30 * minute; time < to; time += 360 * minute) told.push(...block(time));
  };
  lives(june + 3 * day);
  assert.equal(told.length, 0);
  for (let second = 0; second < 10; second++) told.push(...block(june + 3 * day + second * 1_000));
  assert.deepEqual(
    told.map(({ owner, final, provisional, open }) => [owner, final, provisional, open]),
    [
      ["bureau-a", 0, 0, 0],
      ["home-1", 4, 0, 0],
      ["home-2", 3, 1, 0],
      ["home-3", 4, 0, 0],
    ],
  );
});

test("a month is the one that a bill is made of, in every zone, to the hour", () => {
  const zones = ["UTC0", "CST-8", "CET-1CEST,M3.5.0,M10.5.0/3", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1"];
  const time = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2100, 0, 1) });
  fc.assert(
    fc.property(fc.constantFrom(...zones), time, (text, at) => {
      const zone = parseTimeZone(text) ?? assert.fail();
      const { name, from, to } = monthFrom(utcMs(at), zone);
      const period = monthPeriod(name, zone) ?? assert.fail();
      assert.equal(to, period.to);
      assert.ok(from <= at && at < to && from >= period.from);
      assert.equal(monthFrom(to, zone).from, to);
    }),
    { numRuns: 300 },
  );
});
