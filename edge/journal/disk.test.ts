import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeReceipt, utcMs } from "@busbar/protocol";
import { signerOf } from "@busbar/protocol/node";
import { pino } from "pino";
import { FakeAggregator } from "../../test/support/fake-aggregator.ts";
import { testSigner } from "../../test/support/memory-registry.ts";
import { Counters } from "../status/counters.ts";
import { hasAllOfKey, openDeviceKey } from "./device-key.ts";
import { Keeper, retainedFrom } from "./keeper.ts";
import { fileBytes } from "./prune.ts";
import { ReadingsOutbox } from "./readings-outbox.ts";
import { Reserve } from "./reserve.ts";
import { summarise } from "./summary.ts";
import { entryAt } from "./test-support/story.ts";
import { verifyJournal } from "./verify.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-disk-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let homes = 0;

/** A keeper whose log is kept. */
function setUp() {
  homes += 1;
  const home = join(folder, `${homes}`);
  const lines: { level: number; msg: string }[] = [];
  const log = pino({ level: "info" }, { write: (line) => lines.push(JSON.parse(line)) });
  const counters = new Counters();
  const time = { known: true, now: () => utcMs(2_000_000_000_000) };
  const keeper = new Keeper({
    folder: home,
    chain: "demo",
    signer: testSigner(4),
    retention: { days: 40, megabytes: 2048 },
    clock: time,
    counters,
    log,
  });
  const { journal } = keeper;
  const outbox = new ReadingsOutbox(journal.database);
  const append = (count: number, atOnce = 1) => {
    for (let done = 0; done < count; done += atOnce) {
      const { seq } = journal.tip("m");
      const numbers = Array.from({ length: atOnce }, (_, i) => seq + 1 + i);
      const samples = numbers.map((n) => ({ meter: "m", entry: entryAt(n) }));
      keeper.disk.write(() => journal.append(samples));
    }
  };
  const receive = (receipt: (frame: Uint8Array) => Uint8Array) => {
    for (const { ref, frame } of outbox.pending("m", 10_000)) outbox.committed(ref, receipt(frame));
  };
  return { home, keeper, journal, outbox, append, receive, counters, lines };
}

/** Makes SQLite take no more pages than there are: it answers as it does on a full disk. */
function fill({ journal: { database } }: ReturnType<typeof setUp>): void {
  const pages = fileBytes(database) / 4096;
  database.exec(`PRAGMA max_page_count = ${pages}`);
}

test("a journal knows a key that began with it, and one that is older than it is another's too", () => {
  const path = join(folder, "device.key");
  const has = ({ keeper, lines }: ReturnType<typeof setUp>) => {
    const log = pino({ level: "info" }, { write: (line) => lines.push(JSON.parse(line)) });
    return hasAllOfKey(keeper, { path, signer: signerOf(openDeviceKey(path)), log });
  };
  const [full, first, later] = [setUp(), setUp(), setUp()];
  // That it is new is said until a disk has taken it.
  full.keeper.journal.database.exec("PRAGMA query_only = 1");
  assert.equal(has(full), false);
  assert.match(full.lines.at(-1)?.msg ?? "", /could not be noted/);
  assert.deepEqual([has(first), has(first)], [true, true]);
  // The data folder is lost, and the key is not; then the key is lost as well.
  assert.equal(has(later), false);
  rmSync(path);
  assert.equal(has(later), true);
  assert.equal(has(first), false);
});

test("on a full disk what has receipts makes room, and what has none is kept", () => {
  const unit = setUp();
  const { keeper, journal, append, receive, counters, lines } = unit;
  append(6_000, 100);
  journal.seal("m", 12);
  receive(() => Uint8Array.of(1));
  append(100);
  fill(unit);
  append(3_000, 10);
  const [m] = summarise(journal.database).meters;
  assert.equal(m?.taken, 9_100);
  assert.ok((m?.firstSeq ?? 0) > 1 && (m?.firstSeq ?? 0) <= 6_001, "only what has receipts went");
  assert.equal(keeper.disk.status.state, "ok");
  assert.equal(counters.of("journal.write-failed"), 0);
  assert.ok(lines.every(({ msg }) => msg === "made room on a full disk"));
  assert.deepEqual(verifyJournal(journal.database, "demo").problems, []);
  journal.close();
});

test("a disk that stays full is told of once, and its end too", () => {
  const unit = setUp();
  const { keeper, journal, append, counters, lines } = unit;
  append(500);
  fill(unit);
  let failed = 0;
  for (let i = 0; i < 300; i++) {
    try {
      append(1);
    } catch (error) {
      assert.match(String(error), /full/);
      failed += 1;
      keeper.disk.lost(1);
    }
  }
  assert.ok(failed > 50);
  assert.equal(counters.of("journal.write-failed"), failed);
  const { state, lost, reason } = keeper.disk.status;
  assert.deepEqual([state, lost, reason], ["full", failed, "database or disk is full"]);
  const told = () => lines.filter(({ msg }) => msg !== "made room on a full disk");
  assert.deepEqual(
    told().map(({ msg }) => msg),
    ["the disk is full: no reading can be stored; make room"],
  );
  const before = journal.tip("m").seq;
  journal.database.exec("PRAGMA max_page_count = 1000000");
  append(1);
  assert.equal(journal.tip("m").seq, before + 1);
  assert.equal(keeper.disk.status.state, "ok");
  assert.deepEqual(
    told().map(({ msg }) => msg),
    ["the disk is full: no reading can be stored; make room", "the journal's disk is well again"],
  );
  journal.close();
});

test("a session number grows on a disk that takes nothing, and after it", () => {
  const unit = setUp();
  const { keeper, journal, append } = unit;
  append(1);
  const numbers = [keeper.nextSession(), keeper.nextSession()];
  journal.database.exec("PRAGMA query_only = 1");
  numbers.push(keeper.nextSession(), keeper.nextSession());
  journal.database.exec("PRAGMA query_only = 0");
  numbers.push(keeper.nextSession());
  assert.deepEqual(numbers, [1, 2, 3, 4, 5]);
  journal.close();
});

test("a clock ten years ahead makes nothing old: the members' blocks say how late it is", () => {
  const { keeper, journal, append, receive } = setUp();
  const host = new FakeAggregator("demo", testSigner(1));
  const day = 86_400_000;
  const blockTime = 100 * day;
  append(24);
  journal.seal("m", 12);
  // Without a receipt that can be read nobody says how late it is.
  assert.equal(retainedFrom(journal.database, { now: 1e13, days: 40 }), 0);
  receive((frame) => {
    const receipt = host.receiptOf(frame);
    return encodeReceipt({ ...receipt, header: { ...receipt.header, time: utcMs(blockTime) } });
  });
  assert.equal(retainedFrom(journal.database, { now: 1e13, days: 40 }), 60 * day);
  assert.equal(retainedFrom(journal.database, { now: 90 * day, days: 40 }), 50 * day);
  assert.equal(retainedFrom(journal.database, { now: 5 * day, days: 40 }), 0);
  // These are of 1970 and older than 40 days before the block: they go, by age.
  keeper.prune();
  assert.equal(summarise(journal.database).meters[0]?.readings, 0);
  assert.equal(journal.tip("m").seq, 24);
  journal.close();
});

test("taking the reserve takes no memory of its size", () => {
  const home = mkdtempSync(join(folder, "lean-"));
  const buffers = () => process.memoryUsage().arrayBuffers;
  const before = buffers();
  new Reserve(home).hold();
  assert.ok(buffers() - before < 1024 * 1024, `${buffers() - before} bytes`);
});

test("the reserve takes room, gives it back once, and leaves nothing of a failed attempt", () => {
  const { home, journal } = setUp();
  const reserve = new Reserve(home);
  assert.equal(reserve.release(), false);
  reserve.hold();
  assert.ok(reserve.held);
  assert.equal(reserve.release(), true);
  assert.equal(reserve.held, false);
  assert.throws(() => new Reserve(join(home, "nowhere")).hold());
  journal.close();
});
