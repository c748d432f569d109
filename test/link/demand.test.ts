import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  decodeStateProof,
  microPerKwh,
  topicsOf,
  utcMs,
  verifyDemandProof,
  watt,
  wh,
} from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { pino } from "pino";
import { moneyOf } from "../../aggregator/ledger/accounts.ts";
import { demands } from "../../aggregator/ledger/demand.ts";
import { proveState } from "../../aggregator/ledger/prove.ts";
import { openLedger, record } from "../../aggregator/ledger/test-ledger.ts";
import {
  chain,
  entry,
  frameOf,
  MeterChain,
  signerOfName,
  startTime,
} from "../../aggregator/ledger/test-site.ts";
import { DemandProofs } from "../../aggregator/publish/demand-proofs.ts";
import { MarketOutbox } from "../../edge/agent/market-outbox.ts";
import { DemandDesk } from "../../edge/demand/desk.ts";
import { type KnownOrder, settingAt } from "../../edge/demand/plan.ts";
import { openDatabase } from "../../edge/journal/database.ts";
import { Councils } from "../../edge/link/councils.ts";
import { Counters } from "../../edge/status/counters.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-orders-"));
after(() => rmSync(folder, { recursive: true }));
const log = pino({ level: "silent" });
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * 60;
const slot = utcMs(startTime + 4 * day * minute + 2 * hour);

test("an order goes from the ledger to the unit that is to carry it out, and its word and proof back", async () => {
  const ledger = openLedger();
  const { application, store } = ledger;
  const meter = new MeterChain("user-a");
  const block = (minutes: number, ...frames: Uint8Array[]) => record(ledger, { minutes, frames });
  block(4 * day, meter.frame(entry(startTime, 0), entry(startTime + 4 * day * minute, 96_000)));

  const sent: { topic: string; payload: Uint8Array }[] = [];
  const proofs = new DemandProofs({
    site: chain,
    state: store.state,
    prove: (key) => proveState(application, store, key),
    publish: async (topic, payload) => {
      sent.push({ topic, payload: payload as Uint8Array });
    },
    log,
  });
  const membership = application.membershipAt(1);
  const councils = new Councils({ ...membership, epoch: 0, since: 1 });
  const database = openDatabase(join(folder, "journal.sqlite"));
  let now: number = startTime + (4 * day + 10) * minute;
  const outbox = new MarketOutbox(database, () => utcMs(now));
  let held: readonly KnownOrder[] = [];
  const desk = new DemandDesk({
    ...{ chain, device: "user-a-unit", owner: "user-a", signer: signerOfName("user-a-unit") },
    ...{ outbox, slotMs: hour, log, counters: new Counters(), dryRun: false },
    notes: { read: () => undefined, write: () => undefined },
    now: () => utcMs(now),
    range: { minW: 100, maxW: 5000 },
    onOrders: (orders) => {
      held = orders;
    },
    onAnswered: () => undefined,
  });
  const hear = () => {
    for (const { topic, payload } of sent.splice(0)) {
      assert.equal(topic, topicsOf(chain).commands("user-a-unit"));
      const decoded = decodeStateProof(payload);
      assert.ok(decoded.ok);
      const { proof } = decoded;
      // Whoever changes a byte of what is proven proves nothing.
      const value = proof.value?.map((byte, i) => (i === 9 ? byte ^ 1 : byte));
      const forged = { ...proof, ...(value === undefined ? {} : { value }) };
      const members = councils.membershipAt(proof.header.height);
      assert.equal(verifyDemandProof(forged, members, verify).ok, false);
      const other = { ...proof, key: proof.key.replace("demand/", "account/") };
      assert.equal(verifyDemandProof(other, members, verify).ok, false);
      const proven = verifyDemandProof(proof, members, verify);
      assert.ok(proven.ok, JSON.stringify(proven));
      desk.take(proven);
    }
  };

  const mandate = frameOf("user-a", "demand-mandate", {
    ...{ owner: "user-a", device: "user-a-unit", version: 1, slotsMax: 4 },
    ...{ energyMax: wh(400), limitWMin: watt(0), priceMin: microPerKwh(1) },
    until: utcMs(slot + 10 * hour),
  });
  const order = frameOf("bureau-a", "demand-order", {
    action: "shed",
    ...{ id: new Uint8Array(16).fill(1), by: "bureau-a", device: "user-a-unit", slot, slots: 1 },
    ...{ energy: wh(400), price: microPerKwh(500_000), answerBy: slot },
  });
  proofs.committed(block(4 * day + 10, mandate, order));
  hear();
  assert.equal(settingAt(held, slot, hour)?.limitW, 600);
  const [lane = ""] = outbox.lanes();
  const [answer] = outbox.pending(lane);
  assert.ok(answer !== undefined);
  proofs.committed(block(4 * day + 11, answer.frame));
  assert.equal([...demands.scan(store.state)][0]?.[1].status, "acknowledged");
  // It subscribes anew: the order that is under way is told again, and answered no second time.
  sent.length = 0;
  proofs.subscribed(topicsOf(chain).commands("user-a-unit"));
  proofs.subscribed(topicsOf(chain).commands("company-a-unit"));
  proofs.subscribed(topicsOf(chain).receipts("user-a-unit"));
  assert.equal(sent.length, 1);
  hear();
  assert.deepEqual(outbox.lanes(), [lane]);

  now = slot + hour;
  block(4 * day + 181, meter.frame(entry(slot, 98_000), entry(slot + hour, 98_580)));
  const [, settled] = [...demands.scan(store.state)][0] ?? [];
  assert.deepEqual(
    [settled?.status, settled?.deliveredWh, settled?.money],
    ["settled", 400, 200_000],
  );
  assert.equal(moneyOf(store.state, "user-a", "sales"), 200_000);
  database.close();
});
