/**
 * `npm run bench -- settlement`: a month of a community of 50 meters is settled and billed.
 *
 * What has a limit is the month's settlement on the ledger: every block that brings readings, from its signed
 * frames to committed accounts, by the rules as they are: proposed, run, hashed, certified and on disk. Each
 * brings an hour's readings of every meter and settles four slots. Trading before delivery is no part of it,
 * nor is the check of frames as they come in, which stands beside it; nor are bills, which stand below. Beside
 * what was measured stands what nothing could do without: of the month the hashes of what it writes to the
 * state's tree, of a bill the signatures that whoever checks it has to look at.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verify } from "@busbar/protocol/node";
import { accountSums } from "../../aggregator/ledger/accounts.ts";
import { slots } from "../../aggregator/ledger/rules/market/tables.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import { lanes } from "../../aggregator/ledger/state/sha256-lanes.ts";
import { Store } from "../../aggregator/ledger/store.ts";
import { checkBill } from "../../aggregator/settlement/bill/check.ts";
import type { BillFile } from "../../aggregator/settlement/bill/document.ts";
import { type MadeBill, monthBills } from "../../aggregator/settlement/bill/month-bills.ts";
import { Community, usualDeed } from "../../aggregator/settlement/bill/test-community.ts";
import { type Figure, show, timeOf } from "./market/measure.ts";

export const name = "settlement";
export const title =
  "Settlement: a month of 50 meters at 15-minute slots, and its bills (processor time; some minutes)";

const minute = 60_000;
const month = "2026-06";
const from = Date.UTC(2026, 5, 1);
const slotMs = 15 * minute;
/** `BUSBAR_DAYS=2` for a look. */
const days = Number(process.env.BUSBAR_DAYS ?? 30);
const slotCount = days * 96;
const meters = 50;
/** `BUSBAR_BILLS=5` for a look. */
const billCount = Number(process.env.BUSBAR_BILLS ?? meters);
/** Slots whose readings a unit signs together. */
const slotsOfBatch = 4;
const none = { importWh: 0, exportWh: 0 };

export async function run({ json }: { readonly json: boolean }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-settlement-"));
  try {
    const figures = measure(folder);
    if (json) console.log(JSON.stringify(figures));
    else for (const figure of figures) show(figure);
    if (figures.some(({ value, limit }) => limit !== undefined && !(value <= limit))) {
      process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(folder: string): Figure[] {
  const file = join(folder, "ledger.sqlite");
  // Whoever takes frames in has checked their signatures before the ledger runs them; they are counted apart.
  const community = new Community({
    owners: meters,
    from,
    store: new Store(file),
    verify: () => true,
  });
  const written = countWritten(community.store);
  const { settleMs, frames } = live(community, written);
  const { state } = community.store;
  const all = [...slots.scan(state)].map(([, { stage }]) => stage);
  const settled = all.filter((stage) => stage === "settled").length;
  const sums = accountSums(state);
  if (settled < slotCount || sums.money !== 0n || sums.energyWh !== 0n) {
    throw new Error(
      `${settled} of ${slotCount} slots are settled, the accounts sum to ${sums.money}`,
    );
  }
  const signatures = timeOf(() => {
    for (const frame of frames) if (!community.isSigned(frame)) throw new Error("a bad signature");
  });
  const signatureMs = signatures / frames.length;
  const bills = makeBills(community);
  return [
    {
      name: "a month settled, from signed readings to accounts",
      value: settleMs / 1000,
      unit: "s",
      limit: 20,
    },
    {
      name: "  of that the hashes of its entries in the state's tree",
      value: hashingMs(written) / 1000,
      unit: "s",
    },
    { name: "  entries written, for each slot", value: written.keys / slotCount, unit: "entries" },
    {
      name: "  signatures of its batches, checked as they come in, apart",
      value: (signatureMs * slotCount * meters) / slotsOfBatch / 1000,
      unit: "s",
    },
    { name: "slots settled", value: settled, unit: "slots" },
    {
      name: `${billCount} bills made, each checked before it is handed out`,
      value: bills.madeMs / 1000,
      unit: "s",
    },
    { name: "  the longest to make", value: bills.madeMsMax / 1000, unit: "s" },
    {
      name: `${billCount} bills checked offline, all good`,
      value: bills.checkedMs / 1000,
      unit: "s",
    },
    { name: "  the longest to check", value: bills.checkedMsMax / 1000, unit: "s" },
    {
      name: "  of all that their signatures",
      value: (signatureMs * bills.signatures) / 1000,
      unit: "s",
    },
    { name: "lines of all bills", value: bills.lines, unit: "lines" },
    {
      name: "a bill with its evidence",
      value: bills.bytes / Math.max(1, billCount) / 1e6,
      unit: "MB",
    },
    { name: "the ledger's file", value: statSync(file).size / 1e6, unit: "MB" },
  ];
}

/**
 * Lives the month: each slot is traded, and each unit hands over its readings of an hour in one batch.
 * What the blocks with readings take, from frames to committed accounts, is counted.
 */
function live(
  community: Community,
  written: Written,
): { settleMs: number; frames: readonly Uint8Array[] } {
  let settleMs = 0;
  let sample: readonly Uint8Array[] = [];
  const settle = (slot: number, frames: readonly Uint8Array[]) => {
    written.counts = true;
    settleMs += timeOf(() => community.block(slot + minute, frames));
    written.counts = false;
    if (slot % (24 * slotsOfBatch * slotMs) === 0) sample = [...sample, ...frames];
  };
  community.block(from - 50 * minute, []);
  for (let i = 0; i <= slotCount; i++) {
    const slot = from + i * slotMs;
    if (i < slotCount) community.trade(slot, usualDeed);
    if (i === 0)
      settle(
        slot,
        community.owners.map((owner) => community.reading(owner, from, none)),
      );
    else if (i % slotsOfBatch === 0) settle(slot, hourOf(community, slot));
  }
  return { settleMs, frames: sample };
}

/** What blocks write into the state: entries, and nodes of its tree that lead to them. */
type Written = { counts: boolean; keys: number; nodes: number };

function countWritten(store: Store): Written {
  const written = { counts: false, keys: 0, nodes: 0 };
  const held = new Set<string>();
  const commit = store.commit.bind(store);
  store.commit = (block, changes, ...rest) => {
    for (const [key, value] of changes) {
      if (value === undefined) held.delete(key);
      else held.add(key);
    }
    if (written.counts) {
      written.keys += changes.size;
      // Those of one block meet at the tree's upper levels, of which there are as many as it takes for them.
      written.nodes += changes.size * (1 + Math.max(0, Math.log2(held.size / changes.size)));
    }
    commit(block, changes, ...rest);
  };
  return written;
}

/** An entry takes the hashes of its key and value; its leaf and the nodes above are hashed four at a time. */
function hashingMs({ keys, nodes }: Written): number {
  const { run } = lanes();
  const entry = new Uint8Array(100);
  const rounds = 20_000;
  const one = timeOf(() => {
    for (let i = 0; i < rounds; i++) sha256(entry);
  });
  const four = timeOf(() => {
    for (let i = 0; i < rounds; i++) run();
  });
  return (one * 2 * keys + (four * (keys + nodes)) / 4) / rounds;
}

function hourOf(community: Community, end: number): Uint8Array[] {
  const ends = Array.from(
    { length: slotsOfBatch },
    (_, i) => end - (slotsOfBatch - 1 - i) * slotMs,
  );
  return community.owners.map((owner) =>
    community.batch(
      owner,
      ends.map((time) => ({ time, ...usualDeed(owner, time - slotMs) })),
    ),
  );
}

function makeBills(community: Community) {
  const { store, application, genesis } = community;
  const head = store.header(store.height);
  if (head === undefined) throw new Error("there is no block");
  const source = {
    head,
    state: store.state,
    prove: (key: string) => application.query(key).path,
    blocks: store,
    history: store.history,
    steps: [],
  };
  const against = { pinned: { chain: genesis.chain, members: community.members }, verify };
  const sums = {
    madeMs: 0,
    madeMsMax: 0,
    checkedMs: 0,
    checkedMsMax: 0,
    lines: 0,
    bytes: 0,
    signatures: 0,
  };
  const owners = community.owners.slice(0, billCount);
  const run = monthBills(source, { owners, month, ...against });
  for (;;) {
    let next: IteratorResult<MadeBill, void> | undefined;
    const madeMs = timeOf(() => {
      next = run.next();
    });
    sums.madeMs += madeMs;
    sums.madeMsMax = Math.max(sums.madeMsMax, madeMs);
    if (next === undefined || next.done === true) break;
    const { owner, made } = next.value;
    if ("ok" in made) throw new Error(`${owner}: ${JSON.stringify(made)}`);
    const text = JSON.stringify(made);
    sums.bytes += text.length;
    // Of each frame, and of the block whose state it is.
    sums.signatures += made.bill.proofs.frames + 1;
    const checkedMs = timeOf(() => {
      const checked = checkBill(JSON.parse(text) as BillFile, against);
      if (!checked.ok) throw new Error(`${owner}: ${checked.message}`);
      sums.lines += checked.lines;
    });
    sums.checkedMs += checkedMs;
    sums.checkedMsMax = Math.max(sums.checkedMsMax, checkedMs);
  }
  return sums;
}
