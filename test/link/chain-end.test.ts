import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  decodeStateProof,
  encodeAnswer,
  encodeStateProof,
  keyId,
  type StateProof,
} from "@busbar/protocol";
import { pino } from "pino";
import { proveMeter } from "../../aggregator/ledger/prove.ts";
import { receiptOf } from "../../aggregator/ledger/receipts.ts";
import { sha256 } from "../../aggregator/ledger/sha256.ts";
import { bring, openLedger, record, snapshotOf } from "../../aggregator/ledger/test-ledger.ts";
import { chain, entry, signerOfName, startTime } from "../../aggregator/ledger/test-site.ts";
import { verifyReceipts } from "../../edge/commands/journal-receipts.ts";
import { openDatabase } from "../../edge/journal/database.ts";
import { Journal } from "../../edge/journal/journal.ts";
import { retainedFrom } from "../../edge/journal/keeper.ts";
import { ReadingsOutbox } from "../../edge/journal/readings-outbox.ts";
import { Answers } from "../../edge/link/answers.ts";
import { Councils } from "../../edge/link/councils.ts";
import { Sender } from "../../edge/link/sender.ts";
import { Adoption } from "../../edge/schedule/adoption.ts";
import { Counters } from "../../edge/status/counters.ts";

const meter = "user-a-meter";
const signer = signerOfName("user-a-unit");

/** A unit whose first three batches are on a ledger that has no blocks of them; the fourth is new. */
function scene(t: TestContext) {
  const journal = new Journal(openDatabase(":memory:"), { chain, signer });
  t.after(() => journal.close());
  const outbox = new ReadingsOutbox(journal.database);
  const add = (from: number, to: number) => {
    for (let n = from; n <= to; n++) {
      journal.append([{ meter, entry: entry(startTime + n * 60_000, n) }]);
    }
    journal.seal(meter, 2);
  };
  add(1, 6);
  const whole = openLedger();
  const frames = outbox.pending(meter, 9).map(({ frame }) => frame);
  assert.equal(frames.length, 3);
  record(whole, { minutes: 10, frames });
  const ledger = openLedger();
  assert.deepEqual(bring(whole, ledger, snapshotOf(whole)), { result: "accept", done: true });
  assert.equal(receiptOf(ledger.store, sha256(frames[0] ?? new Uint8Array())), undefined);
  add(7, 8);

  let now = 0;
  const counters = new Counters();
  const sender = new Sender({ outboxes: [outbox], now: () => now, random: () => 0.5 });
  const adoption = new Adoption({
    journal,
    memory: {} as never,
    now: () => startTime,
    quietMs: 1e9,
  });
  const councils = new Councils({ chain, members: ledger.application.membership().members });
  const told: string[] = [];
  const answers = new Answers({
    councils,
    sender,
    counters,
    log: pino({ level: "silent" }),
    onAnswer: (kind) => told.push(kind),
    onTip: (tip) => adoption.take(tip),
  });
  /** Sends what waits; the ledger's rules refuse what it has. Returns the codes. */
  const send = () => {
    now += 60_000;
    return sender.next().map(({ frame }) => {
      const { refused } = ledger.application.prepareProposal({
        time: ledger.application.info().time,
        proposer: "member-a",
        view: 0,
        frames: [frame.frame],
      });
      const [one] = refused;
      if (one === undefined) return "taken";
      const { code, message } = one.refusal;
      const body = { ref: sha256(frame.frame), code, message };
      answers.take(encodeAnswer({ kind: "refused", refused: body }));
      assert.equal(one.refusal.tipOf, meter);
      return code;
    });
  };
  const tip = proveMeter(ledger.application, ledger.store, meter);
  assert.ok(tip);
  const take = (proof: StateProof) => answers.take(encodeAnswer({ kind: "tip", tip: proof }));
  const waiting = () => outbox.pending(meter, 9).map(({ range }) => range?.first);
  return { journal, councils, counters, send, take, tip, told, waiting, ledger };
}

test("batches that the ledger has, and nobody a receipt for, are done with by where its chain ends", (t) => {
  const { journal, councils, counters, send, take, tip, told, waiting, ledger } = scene(t);
  assert.deepEqual(send(), [...Array(3).fill("tx.exists"), "taken"]);
  assert.deepEqual(waiting(), [1, 3, 5, 7], "a refusal proves nothing");
  take(tip);
  assert.deepEqual(waiting(), [7], "what the ledger does not have yet waits on");
  assert.equal(counters.of("receipt.by-chain"), 3);
  assert.equal(told.at(-1), "receipt");
  take(tip);
  assert.equal(counters.of("receipt.by-chain"), 3, "once");

  const membership = { ...councils.membershipAt(1), site: chain, epoch: 0, since: 1, brokers: [] };
  const check = () => verifyReceipts(journal.database, membership);
  assert.deepEqual(check(), { count: 3, problems: [] });
  assert.equal(
    retainedFrom(journal.database, { now: Number.MAX_SAFE_INTEGER, days: 0 }),
    ledger.application.info().time,
  );
  // In another's place, or behind other readings, it proves nothing.
  journal.database.exec("UPDATE reading SET head = zeroblob(32) WHERE seq = 6");
  assert.deepEqual(
    check().problems.map(({ code }) => code),
    Array(3).fill("receipt.chain-end"),
  );
});

test("no proof that is forged, or of another chain of readings, ends a batch's waiting", (t) => {
  const { counters, send, take, tip, waiting, journal } = scene(t);
  send();
  const stranger = signerOfName("stranger");
  const other = { kid: keyId(stranger.publicKey), signature: new Uint8Array(64) };
  const bent = encodeStateProof(tip);
  bent[bent.length - 3] = (bent[bent.length - 3] ?? 0) ^ 1;
  const flipped = decodeStateProof(bent);
  const lies: StateProof[] = [
    { ...tip, certificate: [other] },
    { ...tip, header: { ...tip.header, height: 9 } },
    { ...tip, key: "reading/company-a-meter" },
    ...(flipped.ok ? [flipped.proof] : []),
  ];
  for (const lie of lies) take(lie);
  assert.deepEqual(waiting(), [1, 3, 5, 7]);
  assert.equal(counters.of("receipt.by-chain"), 0);

  // A true proof, and a journal that holds other readings under those numbers.
  journal.database.exec("UPDATE reading SET head = zeroblob(32) WHERE seq = 6");
  take(tip);
  assert.deepEqual(waiting(), [1, 3, 5, 7]);
});
