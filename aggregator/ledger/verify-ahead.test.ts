import assert from "node:assert/strict";
import { test } from "node:test";
import { verify } from "@busbar/protocol/node";
import type { Signed } from "./opened-frame.ts";
import { genesis, told } from "./test-ledger.ts";
import { verifyLedger } from "./verify.ts";
import { verifyLedgerAhead } from "./verify-ahead.ts";

const blocks = 12;
const { store } = told(blocks);

/** As threads do it: later, and one after the other. */
const elsewhere = async ({ signature, message, publicKey }: Signed) =>
  verify(signature, message, publicKey);

test("a replay whose signatures are checked ahead comes to the same, and checks next to none itself", async () => {
  let here = 0;
  const counted: typeof verify = (...signed) => {
    here += 1;
    return verify(...signed);
  };
  let asked = 0;
  const check = (signed: Signed) => {
    asked += 1;
    return elsewhere(signed);
  };
  const heights: number[] = [];
  const found = await verifyLedgerAhead({
    ...{ store, genesis, verify: counted, check },
    progress: (height) => heights.push(height),
  });
  assert.deepEqual(found, verifyLedger({ store, genesis, verify }));
  assert.equal(found.ok && found.height, blocks);
  assert.deepEqual(
    heights,
    Array.from({ length: blocks }, (_, n) => n + 1),
  );
  assert.ok(asked >= blocks * 4, "each block's readings and certificate");
  assert.equal(here, 0);
});

test("whatever is wrong is found at the same height, with the same words", async () => {
  const faults = [
    // The last bytes of a frame and of a certificate are signatures.
    "UPDATE tx SET frame = CAST(substr(frame, 1, length(frame) - 1) || x'5a' AS BLOB) WHERE height = 5 AND idx = 1",
    "UPDATE block SET certificate = CAST(substr(certificate, 1, length(certificate) - 1) || x'5a' AS BLOB) WHERE height = 7",
    "UPDATE block SET certificate = (SELECT certificate FROM block WHERE height = 1) WHERE height = 4",
    "UPDATE tx SET frame = x'00' WHERE height = 2 AND idx = 0",
    "UPDATE tx SET frame = (SELECT frame FROM tx WHERE height = 2 AND idx = 0) WHERE height = 3 AND idx = 0",
    "UPDATE block SET certificate = x'ff' WHERE height = 9",
    "DELETE FROM block WHERE height = 3",
    "DELETE FROM tx WHERE height = 8",
    "INSERT INTO state VALUES ('zz/1', x'00')",
  ];
  for (const sql of faults) {
    store.db.exec("SAVEPOINT fault");
    store.db.exec(sql);
    const wanted = verifyLedger({ store, genesis, verify });
    const found = await verifyLedgerAhead({ store, genesis, verify, check: elsewhere });
    store.db.exec("ROLLBACK TO fault; RELEASE fault");
    assert.equal(wanted.ok, false, sql);
    assert.deepEqual(found, wanted, sql);
  }
  const whole = await verifyLedgerAhead({ store, genesis, verify, check: elsewhere });
  assert.equal(whole.ok, true);
});

test("no more is read ahead than the bound, however slow the checks are", async () => {
  const waiting: (() => void)[] = [];
  let most = 0;
  const check = async (signed: Signed) => {
    await new Promise<void>((go) => waiting.push(go));
    return elsewhere(signed);
  };
  let replayed = 0;
  const options = { store, genesis, verify, check, progress: () => (replayed += 1) };
  const all = verifyLedgerAhead({ ...options, aheadMax: { blocks: 4, bytes: 1_000_000 } });
  let isOver = false;
  void all.then(() => {
    isOver = true;
  });
  while (!isOver) {
    most = Math.max(most, waiting.length);
    for (const go of waiting.splice(0)) go();
    await new Promise((turn) => setImmediate(turn));
  }
  assert.deepEqual([(await all).ok, replayed], [true, blocks]);
  // Of four blocks at most: three meters' readings, a certificate, and in a few of them two messages more.
  assert.ok(most >= 12 && most <= 24, `${most} signatures at once`);
});
