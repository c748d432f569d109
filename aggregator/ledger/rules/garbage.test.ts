import assert from "node:assert/strict";
import { test } from "node:test";
import { type Kind, type Message, obis } from "@busbar/protocol";
import fc from "fast-check";
import { ledgerCodes } from "../codes.ts";
import { frameOf, startTime } from "../test-site.ts";
import { Week } from "../test-week.ts";
import { contracts } from "./market/tables.ts";
import { meterStates } from "./meter-state.ts";

/** A site in the middle of its life: there is something to be wrong about. */
const week = new Week("garbage", 8);
const most = Number.MAX_SAFE_INTEGER;
const known = [...contracts.scan(week.run.state)].map(([id, { slot }]) => ({ id, slot }));
const minutes = (week.blocks.at(-1)?.minutes ?? 0) + 1;

const who = fc.constantFrom("member-a", "member-b", "bureau-a", "user-a", "user-b-unit", "nobody");
const slot = fc.oneof(
  fc.constantFrom(...known.map((contract) => contract.slot as number), 0, 1, most, most - 1),
  fc.nat(most),
);
const energy = fc.oneof(fc.constantFrom(0, 1, 1_000_000_000_000), fc.nat(200_000_000));
const count = fc.constantFrom(1, 2, 8);

const time = fc.oneof(
  fc.constantFrom(0, 1, most, startTime, startTime + 7 * 3_600_000, startTime + 9 * 3_600_000),
  fc.nat(most),
);
const register = fc.tuple(
  fc.oneof(fc.nat(200_000), fc.constantFrom(-1, most, -most, 10_000_000_000_000)),
  fc.integer({ min: -9, max: 9 }),
);

const messages: fc.Arbitrary<readonly [Kind, object]> = fc.oneof(
  fc
    .record({
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      owner: who,
      slot,
      hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      gate: fc.oneof(
        slot,
        slot.map((at) => Math.max(0, at - 20 * 60_000)),
      ),
    })
    .map((message) => ["quote-commit", message] as const),
  fc
    .record({
      meter: fc.constantFrom("user-a-meter", "company-a-meter", "x"),
      first: fc.constantFrom(1, 2, most),
      prev: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      entries: fc.array(
        fc.record({
          time,
          clock: fc.nat(255),
          registers: fc
            .dictionary(fc.constantFrom(obis.importEnergy, obis.exportEnergy), register)
            .map((codes) => new Map(Object.entries(codes))),
          quality: fc.nat(5),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    })
    .map((message) => ["readings", message] as const),
  fc
    .record({
      member: who,
      meter: fc.constantFrom("user-a-meter", "company-a-meter", "x", "user-a"),
      slot,
      version: count,
      importWh: energy,
      exportWh: energy,
      reason: fc.constantFrom("meter-error", "missing-readings"),
    })
    .map((message) => ["correction", message] as const),
  fc
    .record({
      by: who,
      contract: fc.constantFrom(...known.map(({ id }) => id), "999999999999999-99999999"),
      against: fc.constantFrom("seller", "buyer", "both"),
      reason: fc.constantFrom("fraud", "price-abuse"),
    })
    .map((message) => ["objection", message] as const),
  fc
    .record({
      member: who,
      slot,
      motion: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      word: fc.constantFrom("uphold", "reject"),
    })
    .map((message) => ["ruling", message] as const),
  fc
    .record({
      by: who,
      device: fc.constantFrom("user-b-unit", "company-a-unit", "user-a", "x"),
      version: fc.constantFrom(1, 2, 3, most),
      change: fc.constantFrom("suspend", "resume"),
      reason: fc.constantFrom("lost", "cleared"),
    })
    .map((message) => ["device-change", message] as const),
  fc
    .record({
      by: fc.constantFrom("bureau-a", "user-a", "nobody"),
      from: fc.constantFrom("bureau-a", "user-a", "user-b", "nobody"),
      version: count,
      amount: fc.constantFrom(1, 1_000_000, 1_000_000_000_000_000),
      purpose: fc.constantFrom("balance", "collateral"),
    })
    .map((message) => ["payment", message] as const),
  fc
    .record({
      id: fc.constantFrom(...[1, 2, 3].map((n) => new Uint8Array(16).fill(n))),
      by: fc.constantFrom("bureau-a", "user-a", "nobody"),
      device: fc.constantFrom("user-b-unit", "company-a-unit", "bureau-a-unit", "x"),
      action: fc.constantFrom("limit", "shift", "shed"),
      slot,
      slots: count,
      energy,
      price: fc.constantFrom(1, 1_000_000_000),
      answerBy: slot,
      limitW: fc.option(fc.constantFrom(0, 100_000_000), { nil: undefined }),
      toSlot: fc.option(slot, { nil: undefined }),
    })
    .map(({ limitW, toSlot, ...message }) => {
      const extra = {
        ...(limitW === undefined ? {} : { limitW }),
        ...(toSlot === undefined ? {} : { toSlot }),
      };
      return ["demand-order", { ...message, ...extra }] as const;
    }),
  fc
    .record({
      id: fc.constantFrom(...[1, 2, 3].map((n) => new Uint8Array(16).fill(n))),
      owner: who,
      word: fc.constantFrom("accept", "refuse"),
    })
    .map((message) => ["demand-answer", message] as const),
  fc
    .record({
      owner: who,
      version: fc.constantFrom(1, 2, most),
      form: fc.constantFrom("solar", "wind"),
      parts: fc.array(fc.record({ slot, energy }), { minLength: 1, maxLength: 3 }),
      to: who,
    })
    .map((message) => ["certificate-move", message] as const),
  fc
    .record({
      nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      member: who,
      account: who,
      height: fc.constantFrom(1, 20, most),
      kind: fc.constantFrom("quote-unopened", "non-payment"),
    })
    .map((message) => ["appeal-motion", message] as const),
  fc
    .record({
      nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      member: who,
      account: who,
      action: fc.constantFrom("suspend", "reinstate"),
    })
    .map((message) => ["account-motion", message] as const),
  fc
    .record({
      owner: who,
      version: fc.constantFrom(1, 2, 3, most),
      until: slot,
      storages: fc.array(
        fc.record({
          capacity: fc.constantFrom(1, 100_000_000),
          start: fc.nat(100_000_000),
          charge: fc.nat(100_000_000),
          discharge: fc.constantFrom(0, 100_000_000),
          chargePermille: fc.constantFrom(1, 1000),
          dischargePermille: fc.constantFrom(1, 1000),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      flexible: fc.array(
        fc.record({ energy: fc.constantFrom(1, 100_000_000), from: time, to: time, power: count }),
        { minLength: 1, maxLength: 8 },
      ),
    })
    .map((message) => ["assets", message] as const),
);

test("no message that has the form of one stops the ledger, whoever signs it and whatever it says", () => {
  assert.ok(known.length > 3);
  const run = week.run.copy();
  let at = minutes;
  const met = new Set<string>();
  fc.assert(
    fc.property(messages, fc.option(who), ([kind, message], other) => {
      const names = message as Readonly<Record<string, string | undefined>>;
      const reader = names.meter?.replace("-meter", "-unit");
      const signer = other ?? names.member ?? names.by ?? names.owner ?? reader ?? "nobody";
      // Readings of the right unit go on where its chain stands.
      const tip = meterStates.get(run.state, names.meter ?? "");
      const fits = kind === "readings" && other === null && tip !== undefined;
      const place = fits ? { first: tip.next, prev: tip.head } : {};
      const frame = frameOf(signer, kind, { ...message, ...place } as Message<typeof kind>);
      const { taken, refused } = run.block(at++, [frame]);
      assert.equal(taken.length + refused.length, 1);
      for (const code of refused) {
        assert.ok(code in ledgerCodes, code);
        met.add(code);
      }
      if (taken.length === 1) met.add(`${kind} taken`);
    }),
    { numRuns: 1500, seed: 7 },
  );
  assert.ok(met.size >= 20, [...met].join(", "));
});
