import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { quality } from "@busbar/protocol";
import { openKeyFile, signerOf } from "@busbar/protocol/node";
import { FakeAggregator } from "../../test/support/fake-aggregator.ts";
import { openPublisher, type Publisher, type PublisherOptions } from "./publisher.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-hand-"));
const signer = signerOf(openKeyFile(join(folder, "unit.json")));
const member = signerOf(openKeyFile(join(folder, "member.json")));
const membership = join(folder, "membership.json");
const aggregator = new FakeAggregator("demo", member);
const open: Publisher[] = [];
let journals = 0;

before(async () => {
  aggregator.devices.set("unit-1", signer.publicKey);
  await aggregator.start();
  const key = Buffer.from(member.publicKey).toString("base64url");
  const members = aggregator.membership.members.map(({ id, voting }) => ({ id, key, voting }));
  writeFileSync(membership, JSON.stringify({ chain: "demo", site: "demo", members }));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((publisher) => publisher.stop()));
});
after(async () => {
  await aggregator.stop();
  rmSync(folder, { recursive: true });
});

function publisher(changes: Partial<PublisherOptions> = {}): Publisher {
  const made = openPublisher({
    site: "demo",
    device: "unit-1",
    signer,
    membership,
    brokers: [{ url: aggregator.url, allowPlainText: false }],
    data: join(folder, `journal-${++journals}`),
    report: () => {},
    ...changes,
  });
  open.push(made);
  return made;
}

const start = Date.UTC(2026, 5, 1);
const energy = (meter: string, minutes: number, wh: number, rest = {}) => ({
  meter,
  time: start + minutes * 60_000,
  values: [{ obis: "1-0:1.8.0", mantissa: wh, exponent: 0 }],
  ...rest,
});

test("a handed reading is signed, sent, and done when its receipt is verified", async () => {
  let committed = () => {};
  const done = new Promise<void>((resolve) => {
    committed = resolve;
  });
  const one = publisher({ onCommitted: () => committed() });
  assert.equal(one.take(energy("m-1", 0, 1_000)), 1);
  // The next slot's first reading ends the batch.
  assert.equal(one.take(energy("m-1", 5, 1_250)), 2);
  await done;
  assert.equal(aggregator.committed("m-1"), 2);
  assert.deepEqual(
    [one.status.connected, one.status.waiting, one.status.refused],
    [true, 0, undefined],
  );
});

test("what has no receipt is kept over a stop, and brought by the next start", async () => {
  const data = join(folder, "kept");
  aggregator.mood = () => "forget";
  const heard = once(aggregator, "frame");
  const first = publisher({ data });
  first.take(energy("m-2", 0, 10));
  first.take(energy("m-2", 5, 20));
  await heard;
  await open.splice(0)[0]?.stop();
  assert.equal(aggregator.committed("m-2"), 0);
  aggregator.mood = () => "answer";
  let committed = () => {};
  const done = new Promise<void>((resolve) => {
    committed = resolve;
  });
  const second = publisher({ data, onCommitted: () => committed() });
  await done;
  assert.equal(aggregator.committed("m-2"), 2);
  assert.equal(second.take(energy("m-2", 10, 30)), 3);
});

test("what the ledger would refuse for ever is refused before it is signed", () => {
  const one = publisher();
  one.take(energy("m-3", 0, 1_000));
  for (const [reading, code] of [
    [energy("m-3", 0, 1_001), "hand.time"],
    [energy("m-3", -1, 1_001), "hand.time"],
    [energy("m-3", Number.NaN, 1_001), "hand.time"],
    [energy("m-3", 1, 999), "hand.register-fell"],
    [energy("m-3", 1, 1_000_000_000), "hand.register-leapt"],
    [energy("m-3", 1, -5), "hand.values"],
    [energy("m-3", 1, 1.5), "hand.values"],
    [energy("M 3", 1, 5), "hand.meter"],
    [{ ...energy("m-3", 1, 5), values: [] }, "hand.values"],
    [
      { ...energy("m-3", 1, 5), values: [{ obis: "1.8.0", mantissa: 5, exponent: 0 }] },
      "hand.values",
    ],
  ] as const) {
    assert.throws(() => one.take(reading), { code }, JSON.stringify(reading));
  }
  assert.equal(
    one.take(energy("m-3", 2, 5, { reset: true })),
    2,
    "a meter that was set back says so",
  );
  assert.equal(one.take(energy("m-3", 3, 6)), 3);
  assert.equal(quality.reset, 3);
});

test("two publishers never write one journal, and a wrong place is named", () => {
  const data = join(folder, "mine");
  publisher({ data });
  assert.throws(() => publisher({ data }), { code: "journal.in-use" });
  assert.throws(() => publisher({ membership: join(folder, "none.json") }), {
    code: "hand.membership",
  });
  assert.throws(() => publisher({ site: "other" }), { code: "membership.other-site" });
  assert.throws(() => publisher({ device: "Unit 1" }), { code: "hand.device" });
});
