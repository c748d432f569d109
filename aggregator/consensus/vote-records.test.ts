import assert from "node:assert/strict";
import { test } from "node:test";
import { utcMs } from "@busbar/protocol";
import { Store } from "../ledger/store.ts";
import type { DurableRecord } from "./pbft/ports.ts";
import { recordOf, rowOf } from "./vote-records.ts";

const signature = new Uint8Array(64).fill(9);
const digest = new Uint8Array(32).fill(7);
const at = { epoch: 1, view: 2, height: 3, digest, signature };
const prePrepare = { ...at, phase: "pre-prepare", from: "a" } as const;
const prepare = { ...at, phase: "prepare", from: "b" } as const;
const proposal = { height: 3, time: utcMs(0), proposer: "a", view: 2, frames: [digest] };
const change = { epoch: 1, view: 2, prepared: [], from: "b", signature };
const newView = { epoch: 1, view: 2, changes: [change], prePrepares: [], from: "c", signature };

const records: readonly DurableRecord[] = [
  { kind: "view", epoch: 1, view: 0, asked: 2 },
  { kind: "new-view", epoch: 1, newView },
  { kind: "accepted", epoch: 1, prePrepare, proposal },
  { kind: "prepared", epoch: 1, prepared: { votes: [prePrepare, prepare] } },
];

test("each record comes back from the store as it went, and leaves with its block", () => {
  const store = new Store(":memory:");
  store.addVotes(records.map(rowOf));
  assert.deepEqual(store.votes().map(recordOf), records);
  assert.deepEqual(
    store.votes().map(({ view, height }) => [view, height]),
    [
      [2, 0],
      [2, 0],
      [2, 3],
      [2, 3],
    ],
  );
  store.close();
});

test("a record that decayed is refused by name, cut or changed at any byte", () => {
  for (const row of records.map(rowOf)) {
    for (let i = 0; i < row.record.length; i += 1) {
      const cut = { ...row, record: row.record.subarray(0, i) };
      assert.throws(() => recordOf(cut), { code: "store.corrupt" });
      const changed = Uint8Array.from(row.record);
      changed[i] = (changed[i] ?? 0) ^ 0xff;
      try {
        assert.notDeepEqual(recordOf({ ...row, record: changed }), recordOf(row));
      } catch (error) {
        assert.equal((error as { code?: string }).code, "store.corrupt");
      }
    }
  }
});
